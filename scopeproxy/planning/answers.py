"""What is merged, what comes of it, and how a merge ends when sites are missing or none has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scopeproxy.errors import SiteFailure
from scopeproxy.model.documents import written
from scopeproxy.model.messages import Outcome, Reply, Request, without
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.items import Sets
from scopeproxy.planning.paging import Turn, Turned
from scopeproxy.planning.writes import absent, done, what_happened

# What told of the one body that is no longer sent.
_OF_ONE_BODY = (
    *("Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-MD5", "Digest", "Content-Range", "Trailer"),
    *("Accept-Ranges", "ETag", "Last-Modified", "Link", "Connection", "Keep-Alive"),
)


@dataclass(frozen=True, slots=True)
class Merged:
    """One answer for all.  `partial`: sites whose part is missing; `replicas`: site to the id that a create got;
    `turned`: how far a list has been told with this page of it."""

    reply: Reply
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)
    turned: Turned | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What is to be merged: the request, and what came, in scope order.  Several replies of a site are its pages.
    `sets`: of the ids in lists that are replicas."""

    request: Request
    intent: Intent
    outcomes: tuple[Outcome, ...]
    strict: bool = False
    shape: str | None = None
    turn: Turn | None = None
    sets: Sets = field(default_factory=dict)


def complete(answers: Answers, reply: Reply, missing: Mapping[str, str]) -> Merged:
    """The answer, with the sites that are missing from it: under `strict` it is none then."""
    if missing and answers.strict:
        # On 503 clients ask again, which helps where a site could not be asked, and not where it answered.
        unasked = any(not isinstance(one, Reply) for one in answers.outcomes)
        message = f"scope: strict, and not every site gave its part: {_told(missing)}"
        raise SiteFailure(message, 503 if unasked else 502)
    return Merged(reply, tuple(missing))


def nothing(answers: Answers, garbage: Mapping[str, str]) -> Merged:
    """No site gave it: the most telling answer, and never a bare 404 while a site could not be asked."""
    replies = [one for one in answers.outcomes if isinstance(one, Reply) and not done(one)]
    unasked = {one.site: what_happened(one) for one in answers.outcomes if not isinstance(one, Reply)}
    unasked.update({one.site: garbage.get(one.site, "") for one in answers.outcomes if done(one)})
    telling = next((one for one in replies if not absent(one)), None)
    may_be_absent = answers.intent.by_name and not answers.intent.writes and not answers.strict
    if telling or (replies and (may_be_absent or not unasked)):
        return Merged(telling or replies[0], tuple(unasked))
    if replies:
        there = ", ".join(one.site for one in replies)
        raise SiteFailure(f"scope: not found at {there}, but not every site could be asked: {_told(unasked)}", 503)
    lost = any(not isinstance(one, Reply) and one.sent for one in answers.outcomes)
    raise SiteFailure(f"scope: no site gave an answer: {_told(unasked)}", 504 if lost else 502)


def _told(sites: Mapping[str, str]) -> str:
    return "; ".join(f"{site}: {why}" for site, why in sites.items())


def with_document(reply: Reply, document: Any) -> Reply:
    """The reply with a body that we made."""
    body = written(document)
    headers = (*without(reply.headers, *_OF_ONE_BODY), ("Content-Length", str(len(body))))
    return replace(reply, headers=headers, body=body, rest=None)
