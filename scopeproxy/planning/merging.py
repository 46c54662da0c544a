"""How the outcomes of several sites become one answer (section 4 of the language), a function for each kind.

Lists are joining.py's, figures totals.py's; what writes came to is in writes.py, the headers that tell it in marks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from scopeproxy.errors import NotYet
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.answers import Answers, Merged, complete, nothing, with_document
from scopeproxy.planning.conditions import CHECKSUMS, tagged
from scopeproxy.planning.created import created_id
from scopeproxy.planning.discovery import intersect, tells_versions
from scopeproxy.planning.intent import Intent, Kind
from scopeproxy.planning.items import NO_SETS, Sets
from scopeproxy.planning.joining import joined
from scopeproxy.planning.lists import contents, listing, next_page
from scopeproxy.planning.marks import partial_header, replicas_header, sites_header
from scopeproxy.planning.paging import Turn
from scopeproxy.planning.totals import summed
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


def merge(
    request: Request,
    intent: Intent,
    outcomes: Sequence[Outcome],
    strict: bool = False,
    shape: str | None = None,
    turn: Turn | None = None,
    sets: Sets = NO_SETS,
) -> Merged:
    """One answer out of those of several sites, in scope order; `shape`: of an own service's faults; `turn`: the page
    of a list that is wanted; `sets`: of the ids in it that are replicas.

    Raises SiteFailure where no answer would be honest and NotYet for what is not built yet.  A write which did not
    succeed everywhere comes back as the composed fault (`partial_write`) with the failed sites in `partial`.
    """
    if len({outcome.site for outcome in outcomes}) > 1:
        require_mergeable(request, intent)
    answers = Answers(request, intent, tuple(outcomes), strict, shape, turn, sets)
    merged = MERGES.get(intent.kind, _union)(answers)
    if len(outcomes) < 2 or intent.kind is Kind.DOWNLOAD or request.service in CHECKSUMS:
        return merged
    # A page, and a sum, depend on more than on what their sites' tags stand for.
    stands = turn is None and intent.kind not in (Kind.TOTALS, Kind.DISCOVERY)
    return replace(merged, reply=tagged(merged.reply, outcomes if stands else ()))


def require_mergeable(request: Request, intent: Intent) -> None:
    """Raise NotYet, before anything is sent, for what cannot be merged over several sites yet."""
    what = NOT_YET.get(intent.kind)
    if what:
        raise NotYet(f"scope: {request.method} {request.path}: {what} over several sites is not built yet")


NOT_YET = {
    Kind.LOGIN: "a login merged from others",
    Kind.TOKEN: "a call about one token",
    Kind.CONSOLE: "a console",
}


# ---- reads


def _union(answers: Answers) -> Merged:
    """One resource: that of the first site which has it."""
    found = next((outcome for outcome in answers.outcomes if isinstance(outcome, Reply) and done(outcome)), None)
    if found is None:
        return nothing(answers, {})
    if answers.request.method != "HEAD" and _joined_by_shape(answers, found):
        return joined(answers)
    missing = {one.site: what_happened(one) for one in answers.outcomes if not done(one) and not absent(one)}
    return complete(answers, found, missing)


def _joined_by_shape(answers: Answers, found: Reply) -> bool:
    """Whether an application of one's own answered with a list where the path seemed to name one resource."""
    document = None if answers.request.service in SERVICES or answers.intent.kind is not Kind.SHOW else contents(found)
    is_resource = isinstance(document, dict) and "id" in document
    return not is_resource and listing(found.site, document, "") is not None


def _list(answers: Answers) -> Merged:
    """One list: the items of all sites, each once, each with its site."""
    return _union(answers) if answers.request.method == "HEAD" else joined(answers)


def _totals(answers: Answers) -> Merged:
    """Limits, quotas, usage: the sum of all, and each site's own figures beside it."""
    found = {one.site: (one, contents(one)) for one in answers.outcomes if isinstance(one, Reply) and done(one)}
    documents = {site: document for site, (_, document) in found.items() if isinstance(document, dict)}
    missing = {
        one.site: "answered what is no JSON object" if done(one) else what_happened(one)
        for one in answers.outcomes
        if one.site not in documents
    }
    if not documents:
        return nothing(answers, missing)
    document = {**summed(list(documents.values())), "scope_sites": documents}
    return complete(answers, with_document(found[next(iter(documents))][0], document), missing)


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
        return _union(answers) if any(document for _, document in replies) else nothing(answers, missing)
    document = intersect([(one.site, document) for one, document in found])
    return complete(answers, with_document(found[0][0], document), missing)


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
    if not failures and any(isinstance(one, Unreached) for one in outcomes):
        # All are behind earlier writes.
        return Merged(json_reply(outcomes[0].site, 202, {}), (), ids)
    if not succeeded and (all(isinstance(one, Reply) for one in outcomes) or all(map(_left_alone, outcomes))):
        return nothing(answers, {})
    composed = partial_write(request, intent, outcomes, None, answers.shape)
    return Merged(composed, tuple(one.site for one in failures), ids)


def _left_alone(outcome: Outcome) -> bool:
    """Whether it is certain that nothing changed there, for want of the thing or of the site."""
    return absent(outcome) or (not isinstance(outcome, Reply) and not outcome.sent)


MERGES: Mapping[Kind, Callable[[Answers], Merged]] = {
    **dict.fromkeys((Kind.SHOW, Kind.DOWNLOAD), _union),
    Kind.LIST: _list,
    Kind.TOTALS: _totals,
    Kind.DISCOVERY: _discovery,
    **dict.fromkeys((Kind.CREATE, Kind.UPDATE, Kind.DELETE, Kind.ACTION, Kind.UPLOAD), _write),
}
