"""The body of an errand on its way: from its first byte, as fast as the service takes it, and whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.outgoing import Head
from scopeproxy.model.messages import Body, Held

# Seconds that `100 Continue` is waited for.  Some servers never say it: then the body goes all the same, as it would
# from a client (RFC 9110, section 10.1.1).
_EXPECTING = 2.0

# Bytes of a body that are written in one go: of a larger one each piece that gets through earns the call more time.
_AT_ONCE = 512 * 1024


class Sending:
    """A call that is sent once, by the connection that it has when the first piece of it is here.

    `moved`: called for each piece that gets through; `lost`: called with the reason when there is no more of the body;
    `begun`: whether the service was given any of it; `sent`: whether it was given all.
    """

    __slots__ = ("_asked_for", "_back", "_body", "_head", "_lost", "_moved", "_room", "_task", "begun", "sent")

    def __init__(self, head: Head, body: Body, moved: Callable[[], None], lost: Callable[[OSError], None]) -> None:
        self._head, self._body, self._moved, self._lost = head, body, moved, lost
        self._back: Back | None = None
        self._asked_for: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.begun = self.sent = False

    def begin(self, back: Back) -> bytes:
        """What goes at once: all of it, mostly.  What does not is on its way from here on.

        A head waits for the first piece of its body: where there is none to be had, nothing was sent.
        """
        body, expects, self._back = self._body, self._head.expects, back
        self.begun = self.sent = isinstance(body, Held) and not expects and len(body.data) <= _AT_ONCE
        if isinstance(body, Held) and self.sent:
            return self._head.data + body.data
        self._task = asyncio.create_task(self._go())
        if not expects:
            return b""
        self._asked_for = asyncio.get_running_loop().create_future()
        self.begun = True
        return self._head.data

    def go_by(self, back: Back | None) -> None:
        """Have another connection, before anything was sent; None: there is none for now."""
        self._back = back
        self.ready()

    def asked(self) -> None:
        """The service asks for the body."""
        if self._asked_for is not None and not self._asked_for.done():
            self._asked_for.set_result(None)

    def answered(self) -> None:
        """The service has its answer: a body which it did not ask for it does not want."""
        if self._asked_for is not None and not self._asked_for.done():
            self.stop()

    def ready(self) -> None:
        """The service takes more again."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def stop(self) -> None:
        """Send no more."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _go(self) -> None:
        try:
            if self._asked_for is not None:
                await self._until_asked(self._asked_for)
            await (self._in_chunks() if self._head.chunked else self._by_length(self._body.length or 0))
        except ConnectionError as error:
            self._lost(ConnectionError(str(error)))
        except Exception as error:
            # The text of an error that nobody foresaw may hold anything.
            self._lost(ConnectionError(type(error).__name__))

    @staticmethod
    async def _until_asked(asked: asyncio.Future[None]) -> None:
        """Wait until the service asks for the body, or seems never to."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXPECTING):
                await asyncio.shield(asked)
        if not asked.done():
            asked.set_result(None)

    async def _in_chunks(self) -> None:
        async for piece in self._body.open():
            for part in _parts(piece):
                await self._write(b"%x\r\n%b\r\n" % (len(part), part), False)
        await self._write(b"0\r\n\r\n", True)

    async def _by_length(self, left: int) -> None:
        if not left:
            await self._write(b"", True)
        async for piece in self._body.open():
            for part in _parts(piece):
                left -= len(part)
                if left < 0:
                    raise ConnectionError("its body is longer than it was said to be")
                await self._write(part, not left)
        if left:
            raise ConnectionError(f"its body ended {left} bytes too early")

    async def _write(self, data: bytes, last: bool) -> None:
        while (back := self._back) is None or back.paused:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
        if not self.begun:
            data, self.begun = self._head.data + data, True
        if data:
            back.wire.write(data)
        # Not before: until then the connection is good for nobody else.
        self.sent = last
        self._moved()


def _parts(piece: bytes) -> Iterable[bytes]:
    """The piece in parts that are written in one go; none of an empty one, which would end a chunked body."""
    if 0 < len(piece) <= _AT_ONCE:
        return (piece,)
    return (piece[start : start + _AT_ONCE] for start in range(0, len(piece), _AT_ONCE))
