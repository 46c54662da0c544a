"""Which sites are believed down, and how far away the others are.

A site is down from a call that could not be sent to it until one is answered; meanwhile it is probed every second.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable

from scopeproxy.execution.reading import discard
from scopeproxy.model.messages import Outcome, Reply, Unreached

Probe = Callable[[str], Awaitable[Outcome]]

# Seconds between two looks at which sites are due; a site that is down is so probed at least once a second.
TICK = 0.25
PROBE_DOWN_EVERY = 1.0 - TICK
PROBE_UP_EVERY = 30.0

# How much of a new measurement goes into the round trip, as TCP does with its own (RFC 6298, section 2).
_WEIGHT = 0.125


class Health:
    """What is known of the other sites.  `clock`: seconds, monotonic."""

    def __init__(self, peers: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._down_since: dict[str, float] = {}
        self._answered: set[str] = set()
        self._round_trips: dict[str, float] = {}
        self._probed: dict[str, float] = dict.fromkeys(peers, -math.inf)
        self._being_probed: set[str] = set()

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(self._probed)

    def believed_down(self, site: str) -> bool:
        return site in self._down_since

    def state(self, site: str) -> str:
        """`up`, `down`, or `unknown` before the first answer."""
        if site in self._down_since:
            return "down"
        return "up" if site in self._answered else "unknown"

    def round_trip(self, site: str) -> float | None:
        """Seconds there and back, as measured; None when it was never reached."""
        return self._round_trips.get(site)

    def note(self, site: str, outcome: Outcome) -> None:
        """Learn from any call to a site."""
        if isinstance(outcome, Reply):
            self._answered.add(site)
            self._down_since.pop(site, None)
        elif not outcome.sent:
            self._down_since.setdefault(site, self._clock())

    def due(self) -> tuple[str, ...]:
        """The sites to probe now: those that are down every second, the others every half minute, one at a time."""
        now = self._clock()
        return tuple(
            site
            for site, at in self._probed.items()
            if site not in self._being_probed
            and now - at >= (PROBE_DOWN_EVERY if self.believed_down(site) else PROBE_UP_EVERY)
        )

    async def probe(self, site: str, probe: Probe) -> None:
        """Ask a site for a sign of life, and time it."""
        began = self._probed[site] = self._clock()
        self._being_probed.add(site)
        try:
            outcome = await probe(site)
        finally:
            self._being_probed.discard(site)
        await discard(outcome)
        self.note(site, outcome)
        if isinstance(outcome, Unreached):
            self._down_since.setdefault(site, self._clock())
            return
        took, known = self._clock() - began, self._round_trips.get(site)
        self._round_trips[site] = took if known is None else (1 - _WEIGHT) * known + _WEIGHT * took

    async def watch(self, probe: Probe, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Probe for ever; a site that keeps its probe waiting does not hold up the others'."""
        async with asyncio.TaskGroup() as group:
            while True:
                for site in self.due():
                    group.create_task(self.probe(site, probe))
                await sleep(TICK)
