"""Bodies of requests: read once as they come, or kept so that a second site can have them too."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator
from typing import IO

from scopeproxy.errors import TooLarge
from scopeproxy.model.messages import Body, Held

_CHUNK = 256 * 1024


class Once:
    """A body that can be had a single time, as it arrives: bounded memory, whatever its length."""

    def __init__(self, source: AsyncIterator[bytes], length: int | None) -> None:
        self._source, self._length, self._begun = source, length, False

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def replayable(self) -> bool:
        return not self._begun

    async def open(self) -> AsyncIterator[bytes]:
        if self._begun:
            raise ConnectionError("the body was already sent to another site and was not kept")
        self._begun = True
        async for chunk in self._source:
            yield chunk


class Kept:
    """A body that is kept while it is sent, so that the next site can have it from the start.

    Up to `in_memory` bytes stay in memory, up to `on_disk` in a temporary file; beyond that nothing is kept and
    `replayable` is False.
    """

    def __init__(self, source: Body, in_memory: int, on_disk: int) -> None:
        self._source, self._limit = source.open(), on_disk
        self._length = source.length
        self._file: IO[bytes] | None = tempfile.SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115 - closed by close()
        self._size, self._begun = 0, False
        self._coming: asyncio.Task[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def replayable(self) -> bool:
        return not self._begun or self._file is not None

    async def open(self) -> AsyncIterator[bytes]:
        if not self.replayable:
            raise ConnectionError(_TOO_LARGE)
        self._begun = True
        position = 0
        while chunk := await (self._kept(position) if position < self._size else self._more()):
            position += len(chunk)
            yield chunk

    async def _kept(self, position: int) -> bytes:
        file = self._file
        if file is None:
            raise ConnectionError(_TOO_LARGE)

        # Not beyond what counts as kept: a chunk that is being written there will be had when it comes.
        size = min(_CHUNK, self._size - position)

        def read() -> bytes:
            with self._one_at_a_time:
                file.seek(position)
                return file.read(size)

        return await asyncio.to_thread(read)

    async def _more(self) -> bytes:
        """The next chunk, b"" at the end.

        A site that answers early makes its sender go away while it waits here.  What comes next is still read and kept,
        else the body would have a hole, or seem to end, for the next site.
        """
        if self._coming is None or (self._coming.done() and self._coming.exception() is None):
            self._coming = asyncio.create_task(self._advance())
            self._coming.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._coming)

    async def _advance(self) -> bytes:
        async for chunk in self._source:
            if chunk:
                await self._keep(chunk)
                return chunk
        return b""

    async def _keep(self, chunk: bytes) -> None:
        end = self._size + len(chunk)
        if end > self._limit:
            self._forget()
        if (file := self._file) is not None:

            def write() -> None:
                with self._one_at_a_time:
                    file.seek(end - len(chunk))
                    file.write(chunk)

            await asyncio.to_thread(write)
        self._size = end

    def close(self) -> None:
        """Forget what was kept, and read no more."""
        if self._coming is not None:
            self._coming.cancel()
        self._forget()

    def _forget(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


_TOO_LARGE = "the body was already sent to another site and was too large to keep"


async def hold(body: Body, limit: int) -> Held:
    """The whole body in memory.  Raises TooLarge over `limit` bytes."""
    if isinstance(body, Held):
        return body
    if body.length is not None and body.length > limit:
        raise TooLarge(f"scope: the body has {body.length} bytes; a scoped call may have at most {limit}")
    held = bytearray()
    async for chunk in body.open():
        held += chunk
        if len(held) > limit:
            raise TooLarge(f"scope: the body has over {limit} bytes; a scoped call may have at most that")
    return Held(bytes(held))
