"""The body of a request that the journey has: kept as it comes, until it is asked for, and never more than a little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from scopeproxy.errors import BodyBrokenOff
from scopeproxy.execution.bodies import Once

# What a piece costs beside its bytes: a client may send them one by one.
_PIECE = 64


class Incoming(Once):
    """A body as the client sends it.

    `ask`: called whenever its reader has taken all that came, and waits for more; `failure`: what went wrong with it,
    which is no site's fault; `held`: bytes of memory that are taken by what came and was not asked for yet.
    """

    def __init__(self, length: int | None, ask: Callable[[], None]) -> None:
        super().__init__(self._pieces(), length)
        self._ask = ask
        self.failure: BodyBrokenOff | None = None
        self.held = 0
        self._came: list[bytes] = []
        self._is_whole = False
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_waited_for(self) -> bool:
        """Whether its reader waits for more of it."""
        return self._waiting is not None and not self._waiting.done()

    def take(self, pieces: list[bytes], whole: bool) -> None:
        """More of it has come.  `whole`: and that was all."""
        if pieces:
            piece = b"".join(pieces)
            self._came.append(piece)
            self.held += len(piece) + _PIECE
        self._is_whole = whole
        if pieces or whole:
            self._go_on()

    def fail(self, why: BodyBrokenOff) -> None:
        """The rest of it will not come."""
        if not self._is_whole and self.failure is None:
            self.failure = why
            self._go_on()

    def _go_on(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _pieces(self) -> AsyncIterator[bytes]:
        while True:
            if self.failure is not None:
                raise ConnectionError(str(self.failure))
            if self._came:
                came, self._came, self.held = b"".join(self._came), [], 0
                yield came
            elif self._is_whole:
                return
            else:
                self._waiting = asyncio.get_running_loop().create_future()
                self._ask()
                try:
                    await self._waiting
                finally:
                    self._waiting = None
