"""Lists over several sites, page by page: how far each site's part has been told, and where it goes on.

Each site advances by a marker of its own, the id of the last of its items that was told, never by comparing keys:
collations differ from database to database.  What the client sends as its marker stands for all of these together.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import Any
from urllib.parse import quote, unquote_plus

from scopeproxy.model.messages import Request
from scopeproxy.planning.sorting import By, compare

Item = Any
IdOf = Callable[[Item], str | None]

_KEYS = ("limit", "marker", "page_reverse")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page a client wants: at most `limit` items after (`backwards`: before) the one whose id is `marker`."""

    limit: int | None
    marker: str | None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """How far one site's list was told: up to the item `marker`; None: nothing of it yet; `done`: to its end.

    `lost`: the site failed on an earlier page, and what it has is missing from the list; `passed`: how many of its
    items the list has come past.
    """

    site: str
    marker: str | None = None
    done: bool = False
    lost: bool = False
    passed: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A page that is to be made: which, from which positions on (none yet: from the start), and the URL of the
    service's root as the client knows it, for a link to the next; `whole`: it is cut here from what all sites have.

    `walk`: names the reading of the list of which this is a page; `told`: the keys of replicas that were told on
    earlier pages of it; `reach`: how many items each site is asked for, where that is more than the page may have.
    """

    paging: Paging
    positions: tuple[Position, ...] = ()
    root: str = ""
    whole: bool = False
    walk: str = ""
    told: frozenset[object] = frozenset()
    reach: int | None = None

    @property
    def asked(self) -> Paging:
        """What each site is asked for."""
        return self.paging if self.reach is None else replace(self.paging, limit=self.reach)


@dataclass(frozen=True, slots=True)
class Turned:
    """What a page was told up to: the client's next marker stands for these positions; "": the page has no item, and is
    to be made from there on.  `passed`: the replicas that it came past, by site and id, each with its place there."""

    marker: str
    positions: tuple[Position, ...]
    passed: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What a site gave for a page, in the order in which it lists; `more`: whether there is, or may be, more of it."""

    site: str
    items: Sequence[Item]
    more: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the merged list, with each item's site, and how far every site's list has been told with it."""

    items: tuple[tuple[str, Item], ...]
    positions: tuple[Position, ...]

    @property
    def more(self) -> bool:
        return any(not position.done for position in self.positions)


def left(turn: Turn) -> tuple[Position, ...]:
    """The positions that a page still has to be had from; one at least: a list that was told to its end is empty."""
    rest = tuple(one for one in turn.positions if not one.done)
    last = tuple(one for one in turn.positions if one.marker == turn.paging.marker)
    return rest or last[:1] or turn.positions[:1]


def sliced(items: Sequence[Item], paging: Paging, id_of: IdOf) -> tuple[Sequence[Item], bool] | None:
    """The page of a list that is here as a whole, and whether there is more; None: it has no item of that marker."""
    if paging.marker is not None:
        rest = beyond(items, paging.marker, id_of, paging.backwards)
        if rest is items:
            return None
        items = rest
    limit = len(items) if paging.limit is None else paging.limit
    return (items[max(0, len(items) - limit) :] if paging.backwards else items[:limit]), len(items) > limit


def wanted(request: Request) -> Paging | None:
    """The page that a request asks for; None when it asks for the whole list, or for what only a service can judge."""
    query = dict(reversed(request.query))
    limit, marker = query.get("limit", ""), query.get("marker") or None
    size = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else None
    if (limit and not size) or (marker is None and size is None):
        return None
    return Paging(size, marker, query.get("page_reverse", "").lower() in ("true", "1", "yes", "on", "t", "y"))


def bare_target(target: str) -> str:
    """The target of the whole list: without its page, all else as it is written."""
    path, _, query = target.partition("?")
    kept = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in _KEYS]
    return f"{path}?{'&'.join(kept)}" if kept else path


def at(request: Request, position: Position, paging: Paging) -> Request:
    """The request for what a site has beyond its position."""
    pairs = [f"limit={paging.limit}"] if paging.limit else []
    pairs += [f"marker={quote(position.marker, safe='')}"] if position.marker is not None else []
    pairs += ["page_reverse=True"] if paging.backwards else []
    target = bare_target(request.target)
    mark = "&" if "?" in target else "?"
    return replace(request, target=f"{target}{mark}{'&'.join(pairs)}" if pairs else target)


def beyond(items: Sequence[Item], marker: str | None, id_of: IdOf, backwards: bool) -> Sequence[Item]:
    """The items beyond the marker: some lists (keystone's) are given whole whatever marker is sent."""
    found = next((number for number, item in enumerate(items) if marker is not None and id_of(item) == marker), None)
    if found is None:
        return items
    return items[:found] if backwards else items[found + 1 :]


def page(
    parts: Sequence[Part],
    positions: Sequence[Position],
    paging: Paging,
    by: Sequence[By],
    id_of: IdOf,
    keys: Callable[[Item, str], Sequence[object]] = lambda item, site: (),
    told_before: Collection[object] = (),
) -> Page:
    """The page that the sites' parts make, in scope order or as sorted.

    `keys`: what makes items of two sites one, of which the first is told; `told_before`: those of which one was told on
    an earlier page.  The page ends before `limit` where a site has more than it gave: what comes next may be its item.
    """
    told: list[tuple[str, Item]] = []
    owners: dict[object, str] = {}
    passed = dict.fromkeys((part.site for part in parts), 0)
    left = {part.site: len(part.items) for part in parts}
    unknown = {part.site for part in parts if part.more}
    for site, item in _walk(parts, by, paging.backwards):
        passed[site] += 1
        again = [key for key in keys(item, site) if key in told_before or owners.setdefault(key, site) != site]
        if not again:
            told.append((site, item))
        drained = site in unknown and passed[site] == left[site]
        if drained or (paging.limit is not None and len(told) >= paging.limit):
            break
    given = {part.site: part for part in parts}
    now = (_moved(one, given.get(one.site), passed, id_of, paging.backwards) for one in positions)
    return Page(tuple(reversed(told) if paging.backwards else told), tuple(now))


def _walk(parts: Sequence[Part], by: Sequence[By], backwards: bool) -> Iterator[tuple[str, Item]]:
    """The items in the order in which they are told; backwards from the last one."""
    lists = [[(part.site, item) for item in part.items] for part in parts]
    if backwards:
        lists = [one[::-1] for one in lists[::-1]]
    if not by:
        return (pair for one in lists for pair in one)

    def compared(one: tuple[str, Item], other: tuple[str, Item]) -> int:
        return compare(other[1], one[1], by) if backwards else compare(one[1], other[1], by)

    return heapq.merge(*lists, key=cmp_to_key(compared))


def _moved(position: Position, part: Part | None, passed: Mapping[str, int], id_of: IdOf, backwards: bool) -> Position:
    if position.done:
        return position
    if part is None:
        return replace(position, done=True, lost=True)
    count = passed[part.site]
    done = count == len(part.items) and not part.more
    if not count:
        return replace(position, done=done)
    last = part.items[-count] if backwards else part.items[count - 1]
    return replace(position, marker=id_of(last), done=done, passed=position.passed + count)


def ahead(sites: Sequence[str], owner: str, paging: Paging) -> tuple[Position, ...]:
    """Where a list in scope order goes on when only its marker is known, and the site that has that item."""
    place = sites.index(owner)
    behind = sites[place + 1 :] if paging.backwards else sites[:place]
    return tuple(
        Position(site, paging.marker if site == owner else None, done=site in behind and site != owner)
        for site in sites
    )


# ---- what is remembered from page to page


def cursor_key(owner: str, request: Request, location: str, paging: Paging) -> str:
    """Under what the positions behind a client's marker are kept: for this owner, this list and this direction."""
    query = sorted(pair for pair in request.query if pair[0] not in _KEYS)
    what = [owner, request.service, request.path, query, location, paging.backwards, paging.marker]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def told_positions(walk: str, positions: Sequence[Position]) -> str:
    """The positions of a reading of the list as text, to be kept."""
    kept = [[one.site, one.marker, one.done, one.lost, one.passed] for one in positions]
    return json.dumps({"walk": walk, "positions": kept})


def read_positions(text: str) -> tuple[str, tuple[Position, ...]]:
    """The reading and its positions that were kept; those of an earlier release have no name."""
    kept = json.loads(text)
    walk, positions = (kept["walk"], kept["positions"]) if isinstance(kept, dict) else ("", kept)
    return walk, tuple(Position(*fields) for fields in positions)


def passed_key(walk: str, service: str, site: str, id_: str) -> str:
    """Under what it is kept that a reading of a list came past a replica."""
    return hashlib.sha256(json.dumps([walk, service, site, id_]).encode()).hexdigest()
