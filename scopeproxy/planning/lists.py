"""What a list looks like in JSON: where its items are, and where it goes on.

Nova, keystone, neutron and glance each have an envelope of their own; an application of one's own may answer an array,
or an object with exactly one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from scopeproxy.model.documents import parsed
from scopeproxy.model.messages import Reply, Request

Document = Any
_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^,;]+)*)")
# Bytes that a compressed answer may unfold to: a bomb of some KiB would hold up all calls, and fill the memory.
DECODED = 8 * 1024 * 1024
_COUNTS = ("count", "total", "total_count")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that a site gave: `key` is where the items stand in the document, None when it is an array itself."""

    site: str
    document: Document
    key: str | None
    items: list[Any]


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Why a body holds no document."""

    why: str


def contents(reply: Reply) -> Document | None:
    """A body's JSON; None when it has none.  We ask for identity bodies; what is compressed all the same is undone."""
    if not reply.found:
        reply.found.append(_read(reply))
    (found,) = reply.found
    return None if isinstance(found, _Flaw) else found


def flaw(reply: Reply) -> str | None:
    """Why an answer is no part, or no whole one, of a merged list; None when it may be."""
    if contents(reply) is None:
        (found,) = reply.found
        return found.why if isinstance(found, _Flaw) else "answered what is not JSON"
    link = _next_link(reply)
    return None if link is None or _is_url(link) else "its link to the next page is no URL"


def _read(reply: Reply) -> Document | _Flaw | None:
    if reply.status == 204:
        return []
    if (reply.header("Content-Encoding") or "identity").lower() == "identity":
        return reply.json
    if reply.rest is not None:
        return None
    try:
        decoded = zlib.decompressobj(wbits=47).decompress(reply.body, DECODED + 1)
    except zlib.error:
        return None
    return _Flaw(f"its compressed answer is over {DECODED} bytes") if len(decoded) > DECODED else parsed(decoded)


def listing(site: str, document: Document, collection: str) -> Listing | None:
    """The list in a document; None when there is none, or more than one array and none by the collection's name."""
    if isinstance(document, list):
        return Listing(site, document, None, document)
    if not isinstance(document, dict):
        return None
    arrays = [key for key, value in document.items() if isinstance(value, list)]
    named = [key for key in arrays if key == collection.removeprefix("os-")]
    found = named or [key for key in arrays if not _holds_links(key)]
    return Listing(site, document, found[0], document[found[0]]) if len(found) == 1 else None


def envelope(listings: Sequence[Listing], items: list[Any], counted: bool = False) -> Document:
    """The first site's document around all items, without its links to further pages.

    `counted`: the items are a page only, and how many there are in all is the sum of what the sites say.
    """
    first = listings[0]
    if first.key is None:
        return items
    kept = {key: value for key, value in first.document.items() if key != "next" and not key.endswith("_links")}
    kept[first.key] = items
    if isinstance(kept.get("links"), dict):
        kept["links"] = {**kept["links"], "next": None, "previous": None}
    for key in _COUNTS:
        if isinstance(kept.get(key), int):
            counts = [one.document.get(key) for one in listings]
            kept[key] = sum(count for count in counts if isinstance(count, int)) if counted else len(items)
    # Placement's provider_summaries stand beside its list: all sites' are wanted there.
    beside = [key for key, value in kept.items() if isinstance(value, dict) and key != "links"]
    kept.update({key: _united([one.document.get(key) for one in listings]) for key in beside})
    return kept


def _united(mappings: Sequence[Any]) -> dict[str, Any]:
    """One mapping out of several; where they disagree, the first counts."""
    return {key: value for one in reversed(mappings) if isinstance(one, dict) for key, value in one.items()}


# ---- where it goes on


def linked(
    document: Document, shapes: Sequence[Document], key: str | None, target: str, root: str, rel: str
) -> Document:
    """The merged document with a link (`rel`: next or previous) to a further page, in the style that the sites use.

    Glance's is a target, all others are URLs; `root`: the client's URL of the service's root."""
    if not isinstance(document, dict) or key is None:
        return document
    if any("first" in one or isinstance(one.get("next"), str) for one in shapes):
        return {**document, rel: target}
    if isinstance(document.get("links"), dict):
        return {**document, "links": {**document["links"], rel: root + target}}
    return {**document, f"{key}_links": [{"rel": rel, "href": root + target}]}


def next_page(reply: Reply, request: Request, prefixes: Sequence[str] = ()) -> str | None:
    """The target below the service's root of a list's following page, when this one has a link to it.

    `prefixes`: the path prefixes that the site's links may carry (those of its front and back).
    """
    link = _next_link(reply)
    if link is None or not _is_url(link):
        return None
    parts = urlsplit(urljoin(request.target, link))
    path = _below(parts.path, prefixes)
    own = urlsplit(request.target).path
    if len(own) > 1 and path.endswith(own):
        path = own  # keystone below /identity says /identity/v3/identity/v3/users: it doubles what it is mounted at
    # A page that names itself, or one before it, is told too: whoever follows it sees that the list has no end.
    return f"{path}?{parts.query}" if parts.query else path


def has_link(reply: Reply, rel: str) -> bool:
    """Whether a list's page has a link to its next, or previous, one."""
    return any(_links(reply, rel))


def _next_link(reply: Reply) -> str | None:
    return next((link for link in _links(reply, "next") if link), None)


def _is_url(link: str) -> bool:
    try:
        urlsplit(link)
    except ValueError:
        return False
    return link.isprintable() and " " not in link


def _links(reply: Reply, rel: str) -> Iterator[str | None]:
    document = contents(reply)
    if isinstance(document, dict):
        yield _text(document.get(rel))
        for key, value in document.items():
            if isinstance(value, list) and _holds_links(key):
                yield from (_text(one.get("href")) for one in value if isinstance(one, dict) and one.get("rel") == rel)
            elif key == "links" and isinstance(value, dict):
                yield _text(value.get(rel))
    for name, value in reply.headers:
        if name.lower() == "link":
            yield from (target for target, rest in _LINK.findall(value) if re.search(rf'\brel="?{rel}"?', rest))


def _holds_links(key: str) -> bool:
    return key == "links" or key.endswith("_links")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _below(path: str, prefixes: Sequence[str]) -> str:
    for prefix in sorted(prefixes, key=len, reverse=True):
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :] or "/"
    return path
