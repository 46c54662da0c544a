"""Tells the other sites' proxies what happened to replica sets: letter by letter, in order, until each was received.

What a site could not be told waits in the ledger until it answers again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from scopeproxy.errors import SiteFailure
from scopeproxy.execution import ledger_outbox as outbox
from scopeproxy.execution.health import Health
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.ledger_outbox import Letter
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.together import together
from scopeproxy.execution.tokens.validation import Ask
from scopeproxy.model.messages import Reply, Request
from scopeproxy.model.topology import Topology

logger = logging.getLogger("scopeproxy")

# Seconds between two looks at what is due; for which a worker has a letter to itself; and the longest between tries.
TICK = 0.5
LEASE = 60.0
LONGEST = 300.0

# Seconds for which a client waits that the other sites know what it has made: it may go on at another entry.
SOON = 1.0

# Seconds after which a site is no longer told: it has been away for good, or runs a release that knows no such page.
KEPT = 30 * 24 * 3600.0

# What contradicts what the site knows, and what makes no sense there: to say it again would hold up all the rest.
_REFUSED = (400, 409)

_ANSWER_LIMIT = 64 * 1024


class Announcing:
    """For one site's proxy, `here`."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        ask: Ask,
        ledger: Ledger,
        health: Health,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._ask, self._ledger = topology, here, ask, ledger
        self._health, self._metrics, self._now = health, metrics, now
        self._telling: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Deliver for ever."""
        try:
            while True:
                await self._deliver_all()
                await asyncio.sleep(TICK)
        finally:
            for telling in self._telling:
                telling.cancel()
            await asyncio.gather(*self._telling, return_exceptions=True)

    async def soon(self) -> None:
        """Tell what there is to tell now; who is slow, or away, is not waited for."""
        telling = asyncio.create_task(self._deliver_all())
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        await asyncio.wait({telling}, timeout=SOON)

    async def _deliver_all(self) -> None:
        try:
            while await self.deliver():
                pass
        except SiteFailure as failure:
            logger.warning("replica sets are not told to other sites now: %s", failure)

    async def deliver(self) -> int:
        """Deliver the first letter to each site that can be reached; how many were received, or given up."""
        sites = [site.name for site in self._topology if site.services and not self._health.believed_down(site.name)]
        now = self._now()
        letters = await self._ledger.read(partial(outbox.due, sites, now))
        return sum(await together(self._deliver(letter) for letter in letters))

    async def _deliver(self, letter: Letter) -> bool:
        lease = self._now() + LEASE
        taking = asyncio.ensure_future(self._ledger.write(partial(outbox.take, letter, lease)))
        try:
            return await asyncio.shield(taking) and await self._taken(letter)
        except asyncio.CancelledError:
            # This process stops: the next one need not wait until the letter is nobody's any more.
            with suppress(SiteFailure):
                if await taking:
                    await self._ledger.write(partial(outbox.hand_back, letter, lease, self._now()))
            raise

    async def _taken(self, letter: Letter) -> bool:
        came = await self._told(letter)
        self._metrics.replicas_told.labels(letter.site, came).inc()
        if came != "put off":
            await self._ledger.write(partial(outbox.done, letter))
            return True
        await self._ledger.write(partial(outbox.put_off, letter, self._now() + _pause(letter.tries), letter.tries + 1))
        return False

    async def _told(self, letter: Letter) -> str:
        """Tell a site; `told`, `refused`, `given up` or `put off`."""
        method, _, target = letter.target.partition(" ")
        services = self._topology.sites[letter.site].services
        headers = (("Accept", "application/json"), ("Content-Length", "0"))
        request = Request(next(iter(services)), method, target, headers)
        patience = min(LEASE / 2, self._topology.sites[self._here].proxy.timeouts.total)
        outcome = await collect(await self._ask(letter.site, request), _ANSWER_LIMIT, within(patience))
        if isinstance(outcome, Reply) and outcome.ok:
            return "told"
        if isinstance(outcome, Reply) and outcome.status in _REFUSED:
            logger.warning("%s refused what it was told of a replica set: %s", letter.site, letter.target)
            return "refused"
        if letter.made + KEPT <= self._now():
            logger.warning("%s could not be told for %g days: %s", letter.site, KEPT / 86400, letter.target)
            return "given up"
        return "put off"


def _pause(tries: int) -> float:
    """Seconds to the next try: twice as many each time, and not at the same moment as others."""
    return float(min(LONGEST, 2.0 ** min(tries, 16)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
