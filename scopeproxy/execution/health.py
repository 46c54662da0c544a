"""Which sites are believed down, and how far away the others are.

A site is down from a call that could not be sent to it until one is answered; meanwhile it is probed every second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from scopeproxy.model.messages import Outcome, Reply, Unreached

Probe = Callable[[str], Awaitable[Outcome]]

PROBE_DOWN_EVERY = 1.0
PROBE_UP_EVERY = 30.0

# How much of a new measurement goes into the round trip, as TCP does with its own (RFC 6298, section 2).
_WEIGHT = 0.125


class Health:
    """What is known of the other sites.  `clock`: seconds, monotonic."""

    def __init__(self, peers: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._down_since: dict[str, float] = {}
        self._round_trips: dict[str, float] = {}
        self._due = dict.fromkeys(peers, 0.0)

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(self._due)

    def believed_down(self, site: str) -> bool:
        return site in self._down_since

    def state(self, site: str) -> str:
        """`up`, `down`, or `unknown` before the first answer."""
        if site in self._down_since:
            return "down"
        return "up" if site in self._round_trips else "unknown"

    def round_trip(self, site: str) -> float | None:
        """Seconds there and back, as measured; None when it was never reached."""
        return self._round_trips.get(site)

    def note(self, site: str, outcome: Outcome) -> None:
        """Learn from any call to a site."""
        if isinstance(outcome, Reply):
            self._down_since.pop(site, None)
        elif not outcome.sent:
            self._down_since.setdefault(site, self._clock())

    async def probe(self, site: str, probe: Probe) -> None:
        """Ask a site for a sign of life, and time it."""
        began = self._clock()
        outcome = await probe(site)
        self.note(site, outcome)
        if isinstance(outcome, Unreached):
            self._down_since.setdefault(site, self._clock())
            return
        took, known = self._clock() - began, self._round_trips.get(site)
        self._round_trips[site] = took if known is None else (1 - _WEIGHT) * known + _WEIGHT * took

    async def watch(self, probe: Probe) -> None:
        """Probe for ever: sites that are down every second, the others every half minute."""
        while True:
            now = self._clock()
            due = [site for site, at in self._due.items() if at <= now]
            for site in due:
                self._due[site] = now + PROBE_UP_EVERY
            async with asyncio.TaskGroup() as group:
                for site in due:
                    group.create_task(self.probe(site, probe))
            for site in self._down_since:
                self._due[site] = min(self._due.get(site, 0.0), now + PROBE_DOWN_EVERY)
            await asyncio.sleep(PROBE_DOWN_EVERY / 2)
