"""A TCP relay on loopback: the near end of a link to one address of another site.

It refuses while the far end does not listen, as the far end itself would, and it can refuse or swallow connections on
purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket

from scopeproxy.emulator.misbehaviour import reset
from scopeproxy.emulator.service import bound
from scopeproxy.emulator.wire import Wire
from scopeproxy.model.topology import Address

_CHUNK = 1 << 16
_IN_FLIGHT = 64  # chunks between the two ends, in each direction
_BACKLOG = 256
_LOOK_AGAIN = 0.02


def is_listening(address: Address) -> bool:
    """Whether somebody listens there, found out without a connection; taken for granted where it cannot be seen.

    The kernel lets sockets share an address as long as none of them listens.  (Its table of connections would tell as
    well, and takes tens of milliseconds to read on a busy machine.)
    """
    try:
        bound(address).close()
    except OSError:
        return True
    return False


class Relay:
    """From a loopback port of its own to `target`, over a wire for each direction."""

    def __init__(self, target: Address, there: Wire, back: Wire) -> None:
        self.target, self._there, self._back = target, there, back
        # Bound all the time, and never listening: while the relay refuses, nobody else is given its port.
        self._reserved = bound(Address("127.0.0.1", 0))
        self.address = Address(*self._reserved.getsockname()[:2])
        self._socket = bound(self.address)
        self._accepting = False
        self._watching: asyncio.Task[None] | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._fillers: list[socket.socket] = []

    # ---- the near end

    def open(self) -> None:
        """Accept connections."""
        self._stop_watching()
        self._bind_again()
        self._socket.listen(_BACKLOG)
        self._drain_fillers()
        if not self._accepting:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)
            self._accepting = True

    async def close(self) -> None:
        """Refuse connections and reset those that there are."""
        tasks = [task for task in (self._watching, *self._connections) if task is not None]
        self.refuse()
        self._reserved.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    def refuse(self) -> None:
        """Close the port; reset every connection."""
        self._stop_listening()
        self._stop_watching()
        for task, writers in list(self._connections.items()):
            for writer in writers:
                reset(writer.transport)
            task.cancel()

    def drop(self) -> None:
        """Let new connections hang: the port listens with a full backlog, so that the kernel drops what comes."""
        self._stop_watching()
        self._stop_accepting()
        self._bind_again()
        self._socket.listen(0)
        for _ in range(16):
            filler = socket.socket()
            filler.setblocking(False)
            self._fillers.append(filler)
            filler.connect_ex(self.address)
            if not select.select([], [filler], [], 0)[1]:
                return

    def _bind_again(self) -> None:
        if self._socket.fileno() < 0:
            self._socket = bound(self.address)
        self._socket.setblocking(False)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._carry(self._socket.accept()[0])

    def _stop_accepting(self) -> None:
        """The loop forgets the socket before it is closed: its number may be another's the moment after."""
        if self._accepting:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._accepting = False

    def _stop_listening(self) -> None:
        self._stop_accepting()
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self._socket.close()

    def _drain_fillers(self) -> None:
        """Take our own connections out of the queue again; those of others wait there and are served now."""
        ours = {filler.getsockname() for filler in self._fillers}
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        with contextlib.suppress(BlockingIOError):
            while ours:
                connection, peer = self._socket.accept()
                if peer in ours:
                    connection.close()
                else:
                    self._carry(connection)

    # ---- the far end

    def look(self) -> None:
        """Refuse from now on if the far end does not listen, until it does."""
        if self._accepting and not is_listening(self.target):
            self._stop_listening()
            self._watching = asyncio.ensure_future(self._watch())

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        while not is_listening(self.target):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_AGAIN)
        self._watching = None
        self.open()

    # ---- connections

    def _carry(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        task = asyncio.ensure_future(self._relayed(connection))
        self._connections[task] = []
        task.add_done_callback(lambda done: self._connections.pop(done, None))

    async def _relayed(self, connection: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers = self._connections[task]
        near_reader, near = await asyncio.open_connection(sock=connection)
        writers.append(near)
        # The kernel has answered the near end already: what its connecting should have cost is paid here.
        await self._there.until(self._there.arrival(0) + self._back.delay)
        try:
            far_reader, far = await asyncio.open_connection(*self.target)
        except OSError:
            reset(near.transport)
            self.look()
            return
        writers.append(far)
        try:
            await self._pump_both((near_reader, far, self._there), (far_reader, near, self._back))
        finally:
            for writer in writers:
                writer.close()
            self.look()

    async def _pump_both(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter, Wire]) -> None:
        pumps = [asyncio.ensure_future(_pump(*way)) for way in ways]
        try:
            await asyncio.gather(*pumps)
        except OSError:
            for _, writer, _ in ways:
                reset(writer.transport)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
    """Bytes one way, each when the wire says so; the end of the stream travels like a byte."""
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)

    async def deliver() -> None:
        while True:
            moment, chunk = await on_the_way.get()
            await wire.until(moment)
            if not chunk:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()

    delivering = asyncio.ensure_future(deliver())
    try:
        chunk, last = b"x", 0.0
        while chunk:
            chunk = await reader.read(_CHUNK)
            last = max(last, wire.arrival(len(chunk)))
            put = asyncio.ensure_future(on_the_way.put((last, chunk)))
            await asyncio.wait((put, delivering), return_when=asyncio.FIRST_COMPLETED)
            if delivering.done():
                put.cancel()
                break
        await delivering
    finally:
        delivering.cancel()
