"""Who may have a connection to an address when there are only so many: first come, first served."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Callable

from scopeproxy.execution.passthrough.back import Back


class Line:
    """Places for connections, by origin.  `most`: to one origin, 0: any number; `put`: takes a connection back that was
    given to somebody who has gone."""

    def __init__(self, most: int, put: Callable[[Back], None]) -> None:
        self._most, self._put = most or sys.maxsize, put
        # Places taken: by connections, and by those that are being made.
        self._taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[Back | None]]] = {}

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(not turn.done() for turns in self._waiting.values() for turn in turns)

    async def enter(self, origin: str) -> Back | None:
        """A connection that somebody gives back; or None, and the place for a new one, to `leave` when that ends."""
        if self._taken[origin] < self._most:
            self._taken[origin] += 1
            return None
        turn: asyncio.Future[Back | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(origin, deque()).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Its turn has come just when its time was over: the next one's, then.
                back = turn.result()
                if back is None:
                    self.leave(origin)
                else:
                    self._put(back)
            raise

    def hand_on(self, origin: str, back: Back | None) -> bool:
        """Give a connection, or its place, to who has waited longest.  Whether somebody waits."""
        waiting = self._waiting.get(origin)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(back)
                return True
        return False

    def leave(self, origin: str) -> None:
        """A connection has ended: its place is that of who stands first, and of nobody who comes just now."""
        if not self.hand_on(origin, None):
            self._taken[origin] -= 1
