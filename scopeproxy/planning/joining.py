"""How the lists of several sites become one: whole, or page by page.

What a list looks like is in lists.py, its items in items.py, how far it was told in paging.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from scopeproxy.errors import CallerError, NotYet, SiteFailure
from scopeproxy.model.messages import Outcome, Reply, Request
from scopeproxy.planning.answers import Answers, Merged, complete, nothing, with_document
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.items import are_distinct, bare_id, is_whole, item_id, same, site_teller
from scopeproxy.planning.lists import Listing, contents, envelope, flaw, has_link, linked, listing
from scopeproxy.planning.paging import Page, Part, Position, Turn, Turned, at, beyond, page, sliced
from scopeproxy.planning.sorting import interleaved, order
from scopeproxy.planning.writes import absent, what_happened


def joined(answers: Answers) -> Merged:
    """One list, or the page of it that is wanted: the items of all sites, each once, each with its site."""
    if flawed := _flawed_page(answers):
        return Merged(flawed, (flawed.site,))
    listings, missing, odd = _listings(answers)
    if not listings and odd:
        return _without_list(answers, odd, missing)
    missing.update(dict.fromkeys(odd, "answered in another shape than the others"))
    if not listings:
        return nothing(answers, missing)
    first = next(one for one in answers.outcomes if one.site == listings[0].site and isinstance(one, Reply) and one.ok)
    if answers.turn is not None and not is_whole(answers.request, answers.intent, answers.turn):
        return _page(answers, answers.turn, listings, first, missing)
    items = interleaved(_each_once(listings, answers), order(answers.request))
    if answers.turn is not None:
        return _slice(answers, answers.turn, listings, items, first, missing)
    return complete(answers, with_document(first, envelope(listings, items)), missing)


def pages_of_one(request: Request, intent: Intent, pages: Sequence[Reply], rest: str | None) -> Reply:
    """Several pages of one site as one; `rest`: the target of the page after them, if it was not asked for."""
    joint = joined(Answers(request, intent, tuple(pages))).reply
    if rest is None or (found := _listed(joint, intent)) is None:
        return joint
    return with_document(joint, linked(found.document, [found.document], found.key, rest, "", "next"))


def how_many(reply: Reply, intent: Intent) -> int:
    """How many items a page has."""
    found = _listed(reply, intent)
    return len(found.items) if found else 0


def ids_listed(outcomes: Sequence[Outcome], intent: Intent) -> Iterator[str]:
    """The ids of the items in the lists of several sites, some of them twice."""
    lists = (_listed(one, intent) for one in outcomes if isinstance(one, Reply) and one.ok)
    items = (item for one in lists if one is not None for item in one.items)
    return (id_ for item in items if (id_ := bare_id(item)) is not None)


def _listed(reply: Reply, intent: Intent) -> Listing | None:
    return listing(reply.site, contents(reply), _collection(intent))


def _collection(intent: Intent) -> str:
    return intent.beneath.rpartition("/")[2] or intent.collection


def _slice(
    answers: Answers, turn: Turn, listings: Sequence[Listing], items: list[Any], first: Reply, missing: dict[str, str]
) -> Merged:
    """A page of a list of which every site gave the whole."""
    cut = sliced(items, turn.paging, partial(item_id, request=answers.request, intent=answers.intent))
    if cut is None:
        if missing:
            why = "; ".join(f"{site}: {why}" for site, why in missing.items())
            raise SiteFailure(f"scope: whose item the marker {turn.paging.marker!r} is cannot be told: {why}", 503)
        sites = ", ".join(one.site for one in listings)
        raise CallerError(f"scope: the marker {turn.paging.marker!r} is of no item of this list at {sites}")
    kept, more = cut
    whole, key = envelope(listings, items), listings[0].key
    document = _linked(answers, turn, listings, {**whole, key: kept} if key else kept, kept if more else ())
    return complete(answers, with_document(first, document), missing)


def _page(answers: Answers, turn: Turn, listings: Sequence[Listing], first: Reply, missing: dict[str, str]) -> Merged:
    """A page of a list of which every site gave what is beyond its own marker."""
    paging, keys = turn.paging, same(answers.request, answers.intent, answers.sets)
    id_of = partial(item_id, request=answers.request, intent=answers.intent)
    positions = turn.positions or tuple(Position(site) for site in dict.fromkeys(one.site for one in answers.outcomes))
    marker = {one.site: one.marker for one in positions}
    replies = {one.site: one for one in answers.outcomes if isinstance(one, Reply) and one.ok}
    parts = [
        Part(
            one.site,
            beyond(one.items, marker.get(one.site), id_of, paging.backwards),
            _has_more(replies[one.site], one, turn),
        )
        for one in listings
    ]
    parts += [Part(one.site, (), more=False) for one in answers.outcomes if _has_nothing_below(answers, one)]
    made = page(parts, positions, paging, order(answers.request), id_of, keys, turn.told)
    missing = {**{one.site: "failed on an earlier page" for one in turn.positions if one.lost}, **missing}
    mark = site_teller(answers.request, answers.intent)
    items = [told for site, item in made.items for told in mark((item,), site)]
    document = _linked(answers, turn, listings, envelope(listings, items, counted=True), items if made.more else ())
    merged = complete(answers, with_document(first, document), missing)
    last = items and id_of(items[0] if paging.backwards else items[-1])
    stuck = made.more and not last and (items or made.positions == positions)
    if stuck and (unled := [one.site for one in listings if one.items]):
        raise NotYet(f"scope: {', '.join(unled)}: its list cannot be read page by page: leave out limit and marker")
    if not last and (not made.more or made.positions == positions):
        return merged
    # After the last page there is none on which a replica could be told again.
    passed = tuple(_replicas(answers, turn, parts, made)) if made.more else ()
    return replace(merged, turned=Turned(last or "", made.positions, passed))


def _replicas(answers: Answers, turn: Turn, parts: Sequence[Part], made: Page) -> Iterator[tuple[str, str, int]]:
    """The replicas that a page came past, each with its place in the list of its site."""
    before, now = ({one.site: one.passed for one in positions} for positions in (turn.positions, made.positions))
    for part in parts:
        start = before.get(part.site, 0)
        items = part.items[::-1] if turn.paging.backwards else part.items
        for place, item in enumerate(items[: now[part.site] - start], start + 1):
            id_ = bare_id(item)
            if id_ is not None and answers.sets.get(id_, {}).get(part.site) == id_:
                yield part.site, id_, place


def _has_more(reply: Reply, found: Listing, turn: Turn) -> bool:
    """Whether a site's list goes on: it says so, or gave as many as were asked for."""
    full = turn.asked.limit is not None and len(found.items) >= turn.asked.limit
    return full or has_link(reply, "previous" if turn.paging.backwards else "next")


def _linked(answers: Answers, turn: Turn, listings: Sequence[Listing], document: Any, items: Sequence[Any]) -> Any:
    """The page with its link to the one after the items, if there are any."""
    paging = turn.paging
    last = items and item_id(items[0] if paging.backwards else items[-1], answers.request, answers.intent)
    if not last:
        return document
    target = at(answers.request, Position("", last), paging).target
    rel = "previous" if paging.backwards else "next"
    return linked(document, [one.document for one in listings], listings[0].key, target, turn.root, rel)


def _flawed_page(answers: Answers) -> Reply | None:
    """The page for which a list of several pages of one site is no list: the rest is not shown as if it were all."""
    pages = [one for one in answers.outcomes if isinstance(one, Reply) and one.ok]
    is_one_list = len(pages) > 1 and len({one.site for one in answers.outcomes}) == 1
    return next((page for page in pages if flaw(page)), None) if is_one_list else None


def _listings(answers: Answers) -> tuple[list[Listing], dict[str, str], dict[str, Reply]]:
    """The lists, why a site's is missing, and the answers in which there is none."""
    found: list[tuple[Reply, Listing | None]] = []
    missing: dict[str, str] = {}
    wanted = _collection(answers.intent)
    for one in answers.outcomes:
        if not isinstance(one, Reply) or not one.ok:
            if not _has_nothing_below(answers, one):
                missing[one.site] = what_happened(one)
        elif why := flaw(one):
            missing[one.site] = why
        else:
            found.append((one, listing(one.site, contents(one), wanted)))
    key = _common_key([part for _, part in found if part], wanted)
    listings = [part for _, part in found if part and part.key == key]
    odd = {reply.site: reply for reply, part in found if part is None or part.key != key}
    # Swift says 204 for an empty list: that is no other shape, beside a site that has one.
    return listings, missing, {site: reply for site, reply in odd.items() if reply.status != 204}


def _has_nothing_below(answers: Answers, outcome: Outcome) -> bool:
    """Whether a list is below a resource that the site does not have: its part is empty, and not missing."""
    return absent(outcome) and answers.intent.id is not None


def _common_key(listings: Sequence[Listing], wanted: str) -> str | None:
    keys = [one.key for one in listings]
    return wanted if wanted in keys else next(iter(keys), None)


def _each_once(listings: Sequence[Listing], answers: Answers) -> list[list[Any]]:
    """Each site's items, less those that an earlier site has as well."""
    request, intent, sets = answers.request, answers.intent, answers.sets
    keys, mark = same(request, intent, sets), site_teller(request, intent)
    distinct = are_distinct([one.items for one in listings], request, intent, sets)
    items: dict[str, list[Any]] = {}
    owners: dict[object, str] = {}
    for one in listings:
        # Only another site's item can be the same: two of one name at one site are two.
        kept = one.items if distinct else [item for item in one.items if _is_first(keys(item, one.site), one, owners)]
        items.setdefault(one.site, []).extend(mark(kept, one.site))
    return list(items.values())


def _is_first(keys: Sequence[object], of: Listing, owners: dict[object, str]) -> bool:
    """Whether no earlier site has an item of one of these keys; all of them are the site's from now on."""
    return {owners.setdefault(key, of.site) for key in keys} <= {of.site}


def _without_list(answers: Answers, odd: Mapping[str, Reply], missing: dict[str, str]) -> Merged:
    if answers.intent.id is not None:
        # Below one resource an odd path is not always a list: `/servers/<id>/diagnostics`.
        return complete(answers, next(iter(odd.values())), missing)
    raise NotYet(
        f"scope: {answers.request.method} {answers.request.path}: the answer of {', '.join(odd)} is neither an array "
        "nor an object with exactly one, and how to merge it is not known; bind the service to a single site"
    )
