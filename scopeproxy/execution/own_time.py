"""Waiting for others for so long, where it does not count that this process was too busy to see them answer.

A call to a thousand sites begins as many connections, and is still at it when the first of them have come about: sites
seemed not to answer in time that had.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Seconds by which a timer of a loop that is not busy may be late.
_PUNCTUAL = 0.05


@asynccontextmanager
async def within_own_time(seconds: float | None) -> AsyncIterator[None]:
    """Raises TimeoutError, with the block cancelled, when it takes longer; None: never.

    By as much as the loop is late to notice, the block may take longer: what came meanwhile is seen to first.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None
    async with asyncio.timeout(None) as end:

        def due(at: float) -> None:
            late = loop.time() - at
            if late < _PUNCTUAL:
                end.reschedule(loop.time())
            else:
                wait(late)

        def wait(more: float) -> None:
            nonlocal timer
            timer = loop.call_later(more, due, loop.time() + more)

        if seconds is not None:
            wait(seconds)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
