"""Answers that are late: whether the other end can be reached at all is looked at, and waiting ends where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType


class Lateness:
    """`async with Lateness(reaches, after): …` raises TimeoutError when the other end turns out to be unreachable.

    `reaches` is asked when the block is not over `after` seconds from its start, and again each time that twice as long
    has passed.  The block runs in the caller's task: in time, it costs no more than a timer.
    """

    def __init__(self, reaches: Callable[[], Awaitable[bool]], after: float) -> None:
        self._reaches, self._wait = reaches, after
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        await self._end.__aenter__()
        self._timer = self._loop.call_later(self._wait, self._late)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._end.__aexit__(kind, error, trace)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._looking is not None:
                self._looking.cancel()
                await asyncio.gather(self._looking, return_exceptions=True)

    def _late(self) -> None:
        self._looking = self._loop.create_task(self._look())

    async def _look(self) -> None:
        if not await self._reaches():
            self._end.reschedule(self._loop.time())
            return
        self._wait *= 2
        self._timer = self._loop.call_later(self._wait, self._late)
