"""The answer to an errand, as it arrives: its head as text, and its body as fast as whoever wants it takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from scopeproxy.execution.passthrough.chunks import Chunks
from scopeproxy.execution.passthrough.head import ReplyHead
from scopeproxy.model.messages import Headers

# Bytes that have come and are not yet taken, beyond which the service waits.
_FULL = 256 * 1024
_BEFORE_REASON = len("HTTP/1.1 200 ")


class Source(Protocol):
    """Where it comes from."""

    def reader_full(self) -> None:
        """Nothing more is taken for now."""

    def reader_ready(self) -> None:
        """More is taken again."""

    def reader_waits(self) -> None:
        """From now on somebody waits for more."""

    def give_up(self) -> None:
        """Nobody wants the rest of it."""


class Arriving:
    """A stream in the sense of model/messages.  `is_waited_for`: whether somebody waits for the next piece."""

    __slots__ = ("_came", "_full", "_lost", "_over", "_size", "_source", "_waiting")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._came: deque[bytes] = deque()
        self._size = 0
        self._over = self._full = False
        self._lost: OSError | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_waited_for(self) -> bool:
        return self._waiting is not None

    # ---- for the source

    def put(self, data: bytes) -> None:
        """More has come."""
        if not data:
            return
        self._came.append(data)
        self._size += len(data)
        if self._size > _FULL and not self._full:
            self._full = True
            self._source.reader_full()
        self._wake()

    def end(self) -> None:
        """It is whole."""
        self._over = True
        self._wake()

    def lose(self, error: OSError) -> None:
        """There will be no more of it: a ConnectionError or a TimeoutError tells why."""
        if not self._over:
            self._lost = error
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # ---- for whoever reads

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            if self._came:
                yield self._taken()
            elif self._lost is not None:
                raise self._lost
            elif self._over:
                return
            else:
                await self._more()

    async def aclose(self) -> None:
        """Give up what was not read."""
        self.lose(ConnectionError("nobody wants the rest of it"))
        self._came.clear()
        self._source.give_up()

    def _taken(self) -> bytes:
        """All that is here, in one piece."""
        data = self._came[0] if len(self._came) == 1 else b"".join(self._came)
        self._came.clear()
        self._size = 0
        if self._full:
            self._full = False
            self._source.reader_ready()
        return data

    async def _more(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        self._source.reader_waits()
        try:
            await self._waiting
        finally:
            self._waiting = None


def data_of(chunks: Chunks, framed: bytes) -> bytes:
    """What is in the chunks; they have passed one follower already, so every line is right, and whole."""
    data: list[bytes] = []
    chunks.follow(framed, 0, data)
    return data[0] if len(data) == 1 else b"".join(data)


def told(head: ReplyHead) -> tuple[str, Headers]:
    """The reason and the headers as they came; bytes that are no text come back as they were."""
    first, *lines = head.data[: head.end - 4].decode("utf-8", "surrogateescape").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first[_BEFORE_REASON:], tuple((name, value.strip(" \t")) for name, _, value in pairs)
