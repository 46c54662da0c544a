"""How the outcomes of several sites become one answer (section 4 of the language), a function for each kind.

What lists look like is in lists.py, what writes came to in writes.py, the headers that tell it in marks.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scopeproxy.errors import NotYet, SiteFailure
from scopeproxy.model.messages import Outcome, Reply, Request, without
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.created import created_id
from scopeproxy.planning.discovery import intersect, tells_versions
from scopeproxy.planning.intent import Intent, Kind
from scopeproxy.planning.lists import Listing, contents, envelope, flaw, listing, marked, next_page, same
from scopeproxy.planning.marks import partial_header, replicas_header, sites_header
from scopeproxy.planning.sorting import interleaved, order
from scopeproxy.planning.writes import absent, done, failed, partial_write, what_happened

__all__ = [
    "MERGES",
    "Merged",
    "created_id",
    "merge",
    "next_page",
    "partial_header",
    "partial_write",
    "replicas_header",
    "require_mergeable",
    "sites_header",
]

# What told of the one body that is no longer sent.
_OF_ONE_BODY = (
    *("Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-MD5", "Digest", "Content-Range", "Trailer"),
    *("Accept-Ranges", "ETag", "Last-Modified", "Link", "Connection", "Keep-Alive"),
)


@dataclass(frozen=True, slots=True)
class Merged:
    """One answer for all.  `partial`: sites whose part is missing; `replicas`: site to the id that a create got."""

    reply: Reply
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answers:
    """What is to be merged: the request, and what came, in scope order.  Several replies of a site are its pages."""

    request: Request
    intent: Intent
    outcomes: tuple[Outcome, ...]
    strict: bool = False
    shape: str | None = None


def merge(
    request: Request, intent: Intent, outcomes: Sequence[Outcome], strict: bool = False, shape: str | None = None
) -> Merged:
    """One answer out of those of several sites, in scope order; `shape`: of an own service's faults.

    Raises SiteFailure where no answer would be honest and NotYet for what is not built yet.  A write which did not
    succeed everywhere comes back as the composed fault (`partial_write`) with the failed sites in `partial`.
    """
    if len({outcome.site for outcome in outcomes}) > 1:
        require_mergeable(request, intent)
    answers = Answers(request, intent, tuple(outcomes), strict, shape)
    return MERGES.get(intent.kind, _union)(answers)


def require_mergeable(request: Request, intent: Intent) -> None:
    """Raise NotYet, before anything is sent, for what cannot be merged over several sites yet."""
    what = NOT_YET.get(intent.kind) or ("a list asked for page by page" if intent.paged else None)
    if what:
        raise NotYet(f"scope: {request.method} {request.path}: {what} over several sites is not built yet")


NOT_YET = {
    Kind.TOTALS: "the sum of limits, quotas or usage",
    Kind.UPLOAD: "sending data",
    Kind.LOGIN: "a login merged from others",
    Kind.TOKEN: "a call about one token",
    Kind.CONSOLE: "a console",
}


# ---- reads


def _union(answers: Answers) -> Merged:
    """One resource: that of the first site which has it."""
    found = next((outcome for outcome in answers.outcomes if isinstance(outcome, Reply) and done(outcome)), None)
    if found is None:
        return _nothing(answers, {})
    if _joined_by_shape(answers, found):
        return _list(answers)
    missing = {one.site: what_happened(one) for one in answers.outcomes if not done(one) and not absent(one)}
    return _complete(answers, found, missing)


def _joined_by_shape(answers: Answers, found: Reply) -> bool:
    """Whether an application of one's own answered with a list where the path seemed to name one resource."""
    document = None if answers.request.service in SERVICES or answers.intent.kind is not Kind.SHOW else contents(found)
    is_resource = isinstance(document, dict) and "id" in document
    return not is_resource and listing(found.site, document, "") is not None


def _list(answers: Answers) -> Merged:
    """One list: the items of all sites, each once, each with its site."""
    if answers.request.method == "HEAD":
        return _union(replace(answers, intent=replace(answers.intent, kind=Kind.DOWNLOAD)))
    if flawed := _flawed_page(answers):
        return Merged(flawed, (flawed.site,))
    listings, missing, odd = _listings(answers)
    if not listings and odd:
        return _without_list(answers, odd, missing)
    missing.update(dict.fromkeys(odd, "answered in another shape than the others"))
    if not listings:
        return _nothing(answers, missing)
    parts = _joined(listings, answers)
    document = envelope(listings, interleaved(parts, order(answers.request)))
    first = next(one for one in answers.outcomes if one.site == listings[0].site and isinstance(one, Reply) and one.ok)
    return _complete(answers, _with_document(first, document), missing)


def _flawed_page(answers: Answers) -> Reply | None:
    """The page for which a list of several pages of one site is no list: the rest is not shown as if it were all."""
    pages = [one for one in answers.outcomes if isinstance(one, Reply) and one.ok]
    is_one_list = len(pages) > 1 and len({one.site for one in answers.outcomes}) == 1
    return next((page for page in pages if flaw(page)), None) if is_one_list else None


def _listings(answers: Answers) -> tuple[list[Listing], dict[str, str], dict[str, Reply]]:
    """The lists, why a site's is missing, and the answers in which there is none."""
    found: list[tuple[Reply, Listing | None]] = []
    missing: dict[str, str] = {}
    wanted = answers.intent.beneath.rpartition("/")[2] or answers.intent.collection
    for one in answers.outcomes:
        if not isinstance(one, Reply) or not one.ok:
            if not (absent(one) and answers.intent.id is not None):
                missing[one.site] = what_happened(one)
        elif why := flaw(one):
            missing[one.site] = why
        else:
            found.append((one, listing(one.site, contents(one), wanted)))
    key = _common_key([part for _, part in found if part], wanted)
    listings = [part for _, part in found if part and part.key == key]
    return listings, missing, {reply.site: reply for reply, part in found if part is None or part.key != key}


def _common_key(listings: Sequence[Listing], wanted: str) -> str | None:
    keys = [one.key for one in listings]
    return wanted if wanted in keys else next(iter(keys), None)


def _joined(listings: Sequence[Listing], answers: Answers) -> list[list[Any]]:
    """Each site's items, less those that an earlier site has as well."""
    keys = same(answers.request, answers.intent)
    items: dict[str, list[Any]] = {}
    owners: dict[object, str] = {}
    for one in listings:
        for item in one.items:
            # Only another site's item can be the same: two of one name at one site are two.
            if {owners.setdefault(key, one.site) for key in keys(item)} <= {one.site}:
                shown = marked(item, one.site, answers.request, answers.intent)
                items.setdefault(one.site, []).append(shown)
    return list(items.values())


def _without_list(answers: Answers, odd: Mapping[str, Reply], missing: dict[str, str]) -> Merged:
    if answers.intent.id is not None:
        # Below one resource an odd path is not always a list: `/servers/<id>/diagnostics`.
        return _complete(answers, next(iter(odd.values())), missing)
    raise NotYet(
        f"scope: {answers.request.method} {answers.request.path}: the answer of {', '.join(odd)} is neither an array "
        "nor an object with exactly one, and how to merge it is not known; bind the service to a single site"
    )


def _discovery(answers: Answers) -> Merged:
    """One version document: the first site's, with what all have in common."""
    replies = [(one, contents(one)) for one in answers.outcomes if isinstance(one, Reply) and done(one)]
    found = [(one, document) for one, document in replies if tells_versions(document)]
    good = {one.site for one, _ in found}
    missing = {
        one.site: "answered no version document" if done(one) else what_happened(one)
        for one in answers.outcomes
        if one.site not in good
    }
    if not found:
        return _union(answers) if any(document for _, document in replies) else _nothing(answers, missing)
    document = intersect([(one.site, document) for one, document in found])
    return _complete(answers, _with_document(found[0][0], document), missing)


def _complete(answers: Answers, reply: Reply, missing: Mapping[str, str]) -> Merged:
    if missing and answers.strict:
        # On 503 clients ask again, which helps where a site could not be asked, and not where it answered.
        unasked = any(not isinstance(one, Reply) for one in answers.outcomes)
        message = f"scope: strict, and not every site gave its part: {_told(missing)}"
        raise SiteFailure(message, 503 if unasked else 502)
    return Merged(reply, tuple(missing))


def _nothing(answers: Answers, garbage: Mapping[str, str]) -> Merged:
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


# ---- writes


def _write(answers: Answers) -> Merged:
    """One answer to a write at every site: the first's that did it, or what happened at each."""
    request, intent, outcomes = answers.request, answers.intent, answers.outcomes
    failures = [one for one in outcomes if failed(one, intent)]
    succeeded = [one for one in outcomes if isinstance(one, Reply) and done(one)]
    ids = {
        one.site: id_ for one in succeeded if intent.kind is Kind.CREATE and (id_ := created_id(one, request, intent))
    }
    if succeeded and not failures:
        return Merged(succeeded[0], (), ids)
    if not succeeded and (all(isinstance(one, Reply) for one in outcomes) or all(map(_left_alone, outcomes))):
        return _nothing(answers, {})
    composed = partial_write(request, intent, outcomes, None, answers.shape)
    return Merged(composed, tuple(one.site for one in failures), ids)


def _left_alone(outcome: Outcome) -> bool:
    """Whether it is certain that nothing changed there, for want of the thing or of the site."""
    return absent(outcome) or (not isinstance(outcome, Reply) and not outcome.sent)


def _with_document(reply: Reply, document: Any) -> Reply:
    body = json.dumps(document).encode()
    headers = (*without(reply.headers, *_OF_ONE_BODY), ("Content-Length", str(len(body))))
    return replace(reply, headers=headers, body=body, rest=None)


MERGES: Mapping[Kind, Callable[[Answers], Merged]] = {
    **dict.fromkeys((Kind.SHOW, Kind.DOWNLOAD), _union),
    Kind.LIST: _list,
    Kind.DISCOVERY: _discovery,
    **dict.fromkeys((Kind.CREATE, Kind.UPDATE, Kind.DELETE, Kind.ACTION), _write),
}
