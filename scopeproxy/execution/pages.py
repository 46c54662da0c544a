"""Lists over several sites read page by page: where a client's marker goes on at each site, kept from page to page."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from scopeproxy.errors import CallerError, SiteFailure
from scopeproxy.execution.asking import Forward
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.reading import discard
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.together import together
from scopeproxy.lang.scope import At, all_of, sites_of
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.items import Sets, is_whole, set_key
from scopeproxy.planning.paging import (
    Paging,
    Position,
    Turn,
    Turned,
    ahead,
    at,
    cursor_key,
    passed_key,
    read_positions,
    told_positions,
    wanted,
)
from scopeproxy.planning.plan import Call, Work
from scopeproxy.planning.planner import check, narrowed, where
from scopeproxy.planning.rules import spread
from scopeproxy.planning.sorting import order
from scopeproxy.planning.verdicts import told

# Seconds for which a page that was given can be gone on from.
KEPT = 3600.0

# Seconds for which it is kept which replicas a reading of a list came past: it may take longer than one page of it.
PASSED = 6 * KEPT

# Items that each site is asked for where a page had none that was not told before.
REACH = 1000

# How sites tell that a marker is no item of theirs.
_UNKNOWN = (400, 404)


class Pages:
    """The pages of one site's clients."""

    def __init__(
        self, topology: Topology, ledger: Ledger, replicas: Replicas, now: Callable[[], float] = time.time
    ) -> None:
        self._topology, self._ledger, self._replicas, self._now = topology, ledger, replicas, now

    async def turn(self, work: Work, owner: str, root: str, ask: Forward) -> Work:
        """The work with the page that it wants, if it wants one of several sites' list.

        `owner`: whose list it is; `root`: the client's URL of the service's root; `ask`: makes one call.  Raises
        CallerError for a marker of nobody, SiteFailure where whose it is cannot be found out.
        """
        paging = wanted(work.request) if work.intent.kind is Kind.LIST and spread(where(work)) else None
        if paging is None:
            return work
        if is_whole(work.request, work.intent):
            return replace(work, turn=Turn(paging, (), root, whole=True))
        if paging.marker is None:
            return replace(work, turn=Turn(paging, (), root, walk=secrets.token_hex(8)))
        kept = await self._ledger.page(cursor_key(owner, work.request, str(where(work)), paging))
        if kept is not None:
            walk, positions = read_positions(kept)
            return replace(work, turn=Turn(paging, positions, root, walk=walk))
        if await self._counts_replicas(work):
            # What was told before the marker is known when all is known.
            return replace(work, turn=Turn(paging, (), root, whole=True))
        positions = await self._searched(work, paging, ask)
        return replace(work, turn=Turn(paging, positions, root, walk=secrets.token_hex(8)))

    async def _counts_replicas(self, work: Work) -> bool:
        """Whether something in the list may be at several sites, and count once."""
        collection = work.intent.beneath.rpartition("/")[2] or work.intent.collection
        return await self._replicas.any_of_kind(work.request.service, collection, sites_of(where(work)))

    async def keep(self, work: Work, owner: str, turned: Turned | None) -> None:
        """Remember how far the page was told, before the client is given it."""
        if turned is None or work.turn is None:
            return
        turn, service = work.turn, work.request.service
        if turn.walk and turned.passed:
            places = {passed_key(turn.walk, service, site, id_): str(place) for site, id_, place in turned.passed}
            await self._ledger.keep_pages(places, self._now() + PASSED)
        if turned.marker:
            paging = replace(turn.paging, marker=turned.marker)
            key = cursor_key(owner, work.request, str(where(work)), paging)
            await self._ledger.keep_page(key, told_positions(turn.walk, turned.positions), self._now() + KEPT)

    async def told_before(self, service: str, turn: Turn, sets: Sets) -> frozenset[object]:
        """The keys of those replica sets of which a page before this one told a member: it came past one, at its place
        in the list of that member's site."""
        passed = {one.site: one.passed for one in turn.positions if one.passed}
        members = {
            member: passed_key(turn.walk, service, *member)
            for found in sets.values()
            for member in found.items()
            if member[0] in passed
        }
        if not turn.walk or not members:
            return frozenset()
        places = await self._ledger.pages(members.values())
        gone = {
            (site, id_)
            for (site, id_), key in members.items()
            if (place := places.get(key)) is not None and int(place) <= passed[site]
        }
        return frozenset(set_key(found) for found in sets.values() if not gone.isdisjoint(found.items()))

    def onward(self, work: Work, turned: Turned | None) -> Work | None:
        """The work with the next page instead, where all on this one was told before: clients end a list at a page
        without items."""
        if turned is None or turned.marker or work.turn is None:
            return None
        turn = replace(work.turn, positions=turned.positions, told=frozenset())
        return replace(work, turn=replace(turn, reach=max(turn.paging.limit or 0, REACH)))

    async def _searched(self, work: Work, paging: Paging, ask: Forward) -> tuple[Position, ...]:
        """Where a list in scope order goes on at a marker of which nothing is kept: behind whoever has that item."""
        check(work, self._topology)
        location = where(work)
        sites = sites_of(location)
        if order(work.request) or location != all_of(map(At, sites)):
            raise CallerError(
                f"scope: the marker {paging.marker!r} is not the last item of a page given here in the last "
                f"{KEPT / 3600:g} h, and only from there a list over several sites goes on that is sorted, or had with "
                "alternatives: begin it again"
            )
        outcomes = await together(self._look(work, site, paging, ask) for site in sites)
        owner = next((one.site for one in outcomes if isinstance(one, Reply) and one.ok), None)
        if owner is not None:
            return ahead(sites, owner, paging)
        silent = [one for one in outcomes if isinstance(one, Unreached) or one.status not in _UNKNOWN]
        if silent:
            raise SiteFailure(f"scope: whose item the marker {paging.marker!r} is cannot be told: {told(silent)}", 503)
        raise CallerError(f"scope: the marker {paging.marker!r} is of no item of this list at {', '.join(sites)}")

    async def _look(self, work: Work, site: str, paging: Paging, ask: Forward) -> Outcome:
        """Whether a site knows the item: without it, it refuses to go on from there."""
        request = at(work.request, Position(site, paging.marker), Paging(1, paging.marker, paging.backwards))
        scope = narrowed(work.scope, work.request.service, site, self._topology)
        outcome = await ask(Call(site, request, scope))
        await discard(outcome)
        return outcome
