"""What a wide-area line does to bytes: one direction between two sites.

Loss is shown as TCP shows it to its user, as lateness: a lost segment inside a longer piece costs the round trip of a
fast retransmission, one that stands alone costs the retransmission timeout.  Nothing is reordered.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

SEGMENT = 1448
TIMEOUT = 0.2  # Linux's least retransmission timeout


class Wire:
    """Seconds, bytes per second and a share; all may change while bytes are on the way."""

    def __init__(
        self,
        delay: float = 0.0,
        rate: float | None = None,
        loss: float = 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.delay, self.rate, self.loss = delay, rate, loss
        self.connected = asyncio.Event()
        self.connected.set()
        self._clock, self._chance = clock, chance
        self._free_at = 0.0

    def arrival(self, size: int) -> float:
        """When bytes that are sent now have arrived."""
        start = max(self._clock(), self._free_at)
        self._free_at = start + (size / self.rate if self.rate else 0.0)
        return self._free_at + self.delay + self._lateness(size)

    def _lateness(self, size: int) -> float:
        segments = max(1, -(-size // SEGMENT))
        if self.loss <= 0 or self._chance() >= 1 - (1 - self.loss) ** segments:
            return 0.0
        return 2 * self.delay + (0.0 if segments > 3 else TIMEOUT)

    async def until(self, moment: float) -> None:
        """Wait until a moment of the wire's clock, and for as long as the wire is cut."""
        await asyncio.sleep(max(0.0, moment - self._clock()))
        await self.connected.wait()
