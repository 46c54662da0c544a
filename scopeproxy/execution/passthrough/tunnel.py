"""Another protocol between a client whose call took the journey and the service that agreed to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from scopeproxy.execution.passthrough.arriving import Arriving, Source
from scopeproxy.execution.passthrough.back import Back


class Tunnel(Arriving):
    """What the service says, as the rest of its answer, which is the 101; `carry` brings it what the client says."""

    __slots__ = ("_back", "_room")

    def __init__(self, source: Source, back: Back) -> None:
        super().__init__(source)
        self._back = back
        self._room: asyncio.Future[None] | None = None

    async def carry(self, said: AsyncIterator[bytes]) -> None:
        """Send it as it comes, as fast as the service takes it, and its end.  Where it breaks off, so does the rest."""
        try:
            async for piece in said:
                while self._back.paused:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                self._back.wire.write(piece)
        except ConnectionError as error:
            self.lose(error)
            return
        if not self._back.wire.write_eof():
            # A service that cannot be told so has said its last.
            self.end()

    def room(self) -> None:
        """The service takes more again."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
