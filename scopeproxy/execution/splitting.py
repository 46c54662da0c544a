"""One body to several sites at once: read once, as fast as the slowest of them takes it, in bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from scopeproxy.execution.reading import collect, within
from scopeproxy.model.messages import Body, Outcome, Reply, Unreached

# Bytes that the fastest site may be ahead of the slowest, beyond the piece that is just coming.
WINDOW = 1024 * 1024

Send = Callable[[Body], Awaitable[Outcome]]


class Split:
    """A body on its way to several sites; `send` for each of them at once, and `close` at the end.

    Nothing is read before every site has asked for the body or ended its call, so that a client which waits for `100
    Continue` is asked when the sites are ready.  From then on at most `window` bytes and a piece are held, for all
    sites together.  A site that takes nothing for `patience` seconds while the others wait for it is left behind.
    """

    def __init__(self, source: Body, sites: Iterable[str], patience: float, window: int = WINDOW) -> None:
        self._source, self._patience, self._window = source, patience, window
        self._parts = {site: _Part(self) for site in sites}
        self._held: deque[bytes] = deque()
        self._first, self._size = 0, 0
        self._ended, self._broken = False, ""
        self._came, self._taken, self.closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._pumping: asyncio.Task[None] | None = None
        self.left_behind: set[str] = set()

    @property
    def length(self) -> int | None:
        return self._source.length

    async def send(self, site: str, send: Send, limit: int) -> Outcome:
        """The outcome of the call that `send` makes with the body for one of the sites; of an answer's body up to
        `limit` bytes are held."""
        part = self._parts[site]
        if self._pumping is None:
            self._pumping = asyncio.create_task(self._pump())
        sending = asyncio.ensure_future(self._outcome(part, send, limit))
        try:
            ends: set[asyncio.Future[Any]] = {sending, part.left_behind}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            self.left_behind.add(site)
            return Unreached(site, True, f"it took nothing of the body for {self._patience:g} s")
        finally:
            self.leave(part)
            if not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _outcome(self, part: _Part, send: Send, limit: int) -> Outcome:
        outcome = await send(part)
        if isinstance(outcome, Reply) and not (outcome.ok and part.begun):
            # What it answers stands, whatever of the body is still to come.
            self.leave(part)
        return await collect(outcome, limit, within(2 * self._patience))

    def pass_over(self, site: str) -> None:
        """Send nothing to a site, and have nobody wait for it."""
        self.leave(self._parts[site])

    def close(self) -> None:
        """Read no more, and let go of all that was held."""
        if self._pumping is not None:
            self._pumping.cancel()
        self.closed.set()
        self._held.clear()

    # ---- what comes

    async def _pump(self) -> None:
        try:
            await self._until(self._waited_for)
            if self._all():
                await self._read()
            self._ended = True
        except Exception as error:
            # Only how a sender was lost is told: any other error's text may hold anything.
            self._broken = str(error) if isinstance(error, ConnectionError) else type(error).__name__
        self._tell()

    async def _read(self) -> None:
        async for piece in self._source.open():
            if piece:
                self._keep(piece)
                await self._until(self._full)
            if not self._all():
                return

    def _keep(self, piece: bytes) -> None:
        now, end = _now(), self._first + len(self._held)
        for part in self._all():
            if part.position == end:
                # It could take nothing, because there was nothing.
                part.moved = now
        self._held.append(piece)
        self._size += len(piece)
        self._tell()

    def _tell(self) -> None:
        came, self._came = self._came, asyncio.Event()
        came.set()

    async def _until(self, in_the_way: Callable[[], list[_Part]]) -> None:
        """Wait until none is in the way any more; who is so for too long is left behind."""
        while parts := in_the_way():
            self._taken.clear()
            due = min(part.moved for part in parts) + self._patience
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._taken.wait()
            for part in in_the_way():
                if part.moved + self._patience <= _now():
                    part.left_behind.set_result(None)
                    self.leave(part)

    def _all(self) -> list[_Part]:
        return [part for part in self._parts.values() if not part.gone]

    def _waited_for(self) -> list[_Part]:
        return [part for part in self._all() if not part.begun]

    def _full(self) -> list[_Part]:
        if self._size < self._window:
            return []
        return [part for part in self._all() if part.position == self._first]

    # ---- what goes

    async def next(self, part: _Part) -> bytes:
        """The next piece for a part; b"" at the end.  A part that is gone waits until all is over: to end the body
        would pass half of it for the whole, and to break off might cost the site's answer."""
        part.moved = _now()
        self._taken.set()
        while not part.gone:
            at = part.position - self._first
            if at < len(self._held):
                piece = self._held[at]
                part.position += 1
                self._forget()
                return piece
            if self._ended:
                return b""
            if self._broken:
                raise ConnectionError(self._broken)
            await self._came.wait()
        await self.closed.wait()
        raise ConnectionError("nobody waits for what becomes of it")

    def leave(self, part: _Part) -> None:
        """Hold nothing for a part any more."""
        part.gone = True
        self._forget()

    def _forget(self) -> None:
        """Drop what every part has taken, and see whether there is room now."""
        parts = self._all()
        first = min((part.position for part in parts), default=self._first + len(self._held))
        while self._first < first and self._held:
            self._size -= len(self._held.popleft())
            self._first += 1
        self._taken.set()


class _Part:
    """The body as one site gets it, once.  `position`: the piece that it takes next; `moved`: when it last took one, or
    could have; `gone`: whether it needs no more; `left_behind`: done when the others do not wait for it any longer."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self.position, self.moved = 0, _now()
        self.begun = self.gone = False
        self.left_behind: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def length(self) -> int | None:
        return self._split.length

    @property
    def replayable(self) -> bool:
        return not self.begun

    async def open(self) -> AsyncIterator[bytes]:
        if self.begun:
            raise ConnectionError("the body was already sent to this site and was not kept")
        self.begun = True
        while piece := await self._split.next(self):
            yield piece


def _now() -> float:
    return asyncio.get_running_loop().time()
