"""Lists over several sites read page by page: where a client's marker goes on at each site, kept from page to page."""

from __future__ import annotations

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
from scopeproxy.planning.items import is_whole
from scopeproxy.planning.paging import (
    Paging,
    Position,
    Turn,
    Turned,
    ahead,
    at,
    cursor_key,
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
        whole = is_whole(work.request, work.intent) or await self._counts_replicas(work)
        if paging.marker is None or whole:
            return replace(work, turn=Turn(paging, (), root, whole))
        kept = await self._ledger.page(cursor_key(owner, work.request, str(where(work)), paging))
        positions = await self._searched(work, paging, ask) if kept is None else read_positions(kept)
        return replace(work, turn=Turn(paging, positions, root))

    async def _counts_replicas(self, work: Work) -> bool:
        """Whether something in the list may be at several sites, and count once."""
        collection = work.intent.beneath.rpartition("/")[2] or work.intent.collection
        return await self._replicas.any_of_kind(work.request.service, collection, sites_of(where(work)))

    async def keep(self, work: Work, owner: str, turned: Turned | None) -> None:
        """Remember how far the page was told, before the client is given it."""
        if turned is None or work.turn is None:
            return
        paging = replace(work.turn.paging, marker=turned.marker)
        key = cursor_key(owner, work.request, str(where(work)), paging)
        await self._ledger.keep_page(key, told_positions(turned.positions), self._now() + KEPT)

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
