"""Conditional requests over several sites: one entity tag made of theirs, and each condition told to a site in its own
words.  RFC 9110, sections 8.8.3 and 13."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from scopeproxy.errors import CallerError, Outdated
from scopeproxy.model.messages import Headers, Outcome, Reply, Request, with_header, without
from scopeproxy.planning.writes import absent

# What is not sent on with a read at several sites, because it concerns the one answer that is made of theirs.
OF_ONE_ANSWER = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range")

# Whose tags are checksums of what is stored: that of one site is that of every other which has the same.
CHECKSUMS = frozenset({"object-store"})

_TAGS = ("If-Match", "If-None-Match")
_TAG = re.compile(r'(?:W/)?"[!#-~\x80-\U0010ffff]*"')
_LIST = re.compile(rf"[ \t,]*{_TAG.pattern}(?:[ \t]*,[ \t,]*{_TAG.pattern})*[ \t,]*")
_OURS = re.compile(r'(?:W/)?"scope:([A-Za-z0-9_-]*)"')

# Matches no tag of a site: what did not exist when the answer was made must not be changed by what it says.
_NONE = '"absent-under-scope"'

# Longer tags would not get through to where they are needed.
_LONGEST = 4096

# What a 304 still tells of the answer that it stands for, beside the headers that are ours.
_OF_THE_BODY = ("Content-Length", "Content-Encoding", "Content-Type", "Content-Range", "Transfer-Encoding", "Trailer")

# Site to its tag; None: it had no such thing.
_Parts = Mapping[str, str | None]


def composite(outcomes: Sequence[Outcome]) -> str | None:
    """One tag for the answer that is made of these; None where a site gave none, or its state is not known."""
    parts: dict[str, str | None] = {}
    for outcome in outcomes:
        tag = outcome.header("ETag") if isinstance(outcome, Reply) and outcome.ok else None
        if (tag is None and not absent(outcome)) or (tag is not None and not _TAG.fullmatch(tag)):
            return None
        parts[outcome.site] = tag
    told = [tag for tag in parts.values() if tag is not None]
    if not told:
        return None
    weak = "W/" if any(tag.startswith("W/") for tag in told) else ""
    text = urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")
    return f'{weak}"scope:{text}"' if len(text) < _LONGEST else None


def tagged(reply: Reply, outcomes: Sequence[Outcome]) -> Reply:
    """The answer made of those of several sites, with the tag of all of them instead of one's own."""
    tag = composite(outcomes) if reply.ok else None
    if tag is not None:
        return replace(reply, headers=with_header(reply.headers, "ETag", tag))
    return replace(reply, headers=without(reply.headers, "ETag")) if reply.header("ETag") else reply


def has_any(request: Request) -> bool:
    """Whether a request has conditions, or asks for a part: most have none, and each site is sent them as they are."""
    return any(request.header(name) is not None for name in OF_ONE_ANSWER)


def check(request: Request, always: Collection[str]) -> None:
    """Refuse a write at several sites whose conditions cannot be told to each of them, before anything is sent.

    `always`: the sites that are called whatever the others answer.  Raises Outdated (412) where a tag says nothing of
    one of these.
    """
    if request.header("If-Unmodified-Since") is not None:
        raise CallerError(
            "scope: If-Unmodified-Since holds at one site only, since their clocks differ: "
            f"use If-Match with the ETag of an answer from all of them, or bind {request.service} to a single site"
        )
    if request.service in CHECKSUMS:
        return
    for name in _TAGS:
        value = request.header(name)
        if value is None or value.strip() == "*":
            continue
        tags = [_parts(tag) for tag in _split(value)]
        if not tags or None in tags:
            raise CallerError(
                f"scope: {name}: {value[:80]} is of one site: several take the ETag of an answer from all of them, "
                f"or *; or bind {request.service} to a single site"
            )
        unknown = [site for site in always if not any(site in tag for tag in tags if tag is not None)]
        if unknown and name == "If-Match":
            raise Outdated(
                f"scope: {name} holds the tag of an answer without {', '.join(unknown)}: read it again under this scope"
            )


def for_site(request: Request, site: str) -> Request | None:
    """The request with the conditions that this site understands; None where its tag is not among those that must
    match."""
    for name in _TAGS:
        value = request.header(name)
        tags = _split(value or "")
        parts = [_parts(tag) for tag in tags]
        if not any(part is not None for part in parts):
            continue
        own = [
            (part[site] or _NONE) if part is not None else tag
            for tag, part in zip(tags, parts, strict=True)
            if part is None or site in part
        ]
        if not own and name == "If-Match":
            return None
        request = request.with_header(name, ", ".join(own)) if own else request.without(name)
    return request


def evaluated(request: Request, reply: Reply) -> Reply:
    """The answer that several sites gave to a read, or what the conditions of the request make of it: 304, 412."""
    if not reply.ok:
        return reply
    tag, must, must_not = reply.header("ETag"), request.header("If-Match"), request.header("If-None-Match")
    if must is not None and must.strip() != "*" and not _has(must, tag, weakly=False):
        raise Outdated("scope: If-Match: what the sites have is not of that tag any more")
    if must_not is None or not (must_not.strip() == "*" or _has(must_not, tag, weakly=True)):
        return reply
    return replace(reply, status=304, reason="", headers=_bare(reply.headers), body=b"", rest=None)


def _has(value: str, tag: str | None, weakly: bool) -> bool:
    if tag is None:
        return False
    if not weakly:
        return not tag.startswith("W/") and tag in _split(value)
    ours = _strong(_parts(tag))
    return ours is not None and any(_strong(_parts(other)) == ours for other in _split(value))


def _strong(parts: _Parts | None) -> _Parts | None:
    """For comparing weakly: RFC 9110, section 8.8.3.2."""
    return parts and {site: tag and tag.removeprefix("W/") for site, tag in parts.items()}


def _bare(headers: Headers) -> Headers:
    return without(headers, *_OF_THE_BODY)


def _split(value: str) -> list[str]:
    """The tags in a header's value; none where it is no list of tags."""
    return _TAG.findall(value) if _LIST.fullmatch(value) else []


def _parts(tag: str) -> _Parts | None:
    """What a tag of ours is made of; None for any other tag.  Raises CallerError for one of ours that was changed."""
    found = _OURS.fullmatch(tag)
    if found is None:
        return None
    try:
        padded = found[1] + "=" * (-len(found[1]) % 4)
        parts = json.loads(urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, dict) or not parts or not all(map(_is_tag, parts.values())):
        raise CallerError(f"scope: the tag {tag[:80]} was not made by this proxy: use an ETag as it was answered")
    return parts


def _is_tag(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(_TAG.fullmatch(value)))
