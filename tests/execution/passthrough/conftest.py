"""A road with pretended sockets: a client's end, a service's end, and all of the fast path between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any

import pytest

from scopeproxy.errors import ScopeProxyError, SiteFailure
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.front import Front
from scopeproxy.execution.passthrough.fronts import Fronts
from scopeproxy.execution.passthrough.lane import Lane, Passed
from scopeproxy.execution.passthrough.lent import Lent
from scopeproxy.execution.passthrough.pool import Pool, Unconnected
from scopeproxy.execution.passthrough.relay import Read, Relay
from scopeproxy.execution.passthrough.relays import Relays
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.passthrough.tunnel import Tunnel
from scopeproxy.execution.passthrough.ways import Way, Ways
from scopeproxy.model.messages import Reply, Stream, Unreached
from scopeproxy.model.topology import Address, Timeouts, Url

BACK = Url("http", Address("127.0.0.1", 1), "/base")


class Socket(asyncio.Transport):
    """A transport whose other end is the test: what was written, and what was asked of it.

    `when_written`: called with each write, as a transport calls `pause_writing`; `flushes`: whether the other end takes
    what was written, without which a connection closes only when it is broken off."""

    when_written: Callable[[], None] | None = None
    flushes = True

    def __init__(self, protocol: asyncio.Protocol, half_closes: bool = True) -> None:
        super().__init__()
        self.protocol, self.out = protocol, b""
        self.closed = self.aborted = self.paused = self.ended = False
        self.half_closes = half_closes
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 5) if name == "peername" else default

    def write(self, data: Any) -> None:
        assert data, "an empty write is a mistake"
        assert not self.ended
        if not self.closed:
            self.out += data
            if self.when_written is not None:
                self.when_written()

    def taken(self) -> bytes:
        """What was written since the last time."""
        out, self.out = self.out, b""
        return out

    def close(self) -> None:
        if not self.closed and (self.flushes or self.aborted):
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def lose(self) -> None:
        """The other end is gone."""
        self.closed = True
        self.protocol.connection_lost(ConnectionResetError())

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return self.half_closes

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Sockets(Pool):
    """A pool whose new connections are pretended ones.  `refuses`: why there is none; `slow`: until when."""

    def __init__(self, clock: Any) -> None:
        super().__init__({}, None, 2.0, clock)
        self.made: list[Socket] = []
        self.refuses = ""
        self.slow: asyncio.Event | None = None

    async def reach(self, root: Url, patience: float) -> Back:
        if self.slow is not None:
            await self.slow.wait()
        if self.refuses:
            raise Unconnected(self.refuses)
        await self._line.enter(root.origin)
        back = Back(self, root.origin)
        self.made.append(Socket(back))
        self._open.add(back)
        return back


class Never:
    """The rest of an answer that never comes."""

    def __init__(self) -> None:
        self.is_given_up = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def aclose(self) -> None:
        self.is_given_up = True


class Tunnelled:
    """A service that speaks another protocol, behind its `tunnel`."""

    def __init__(self) -> None:
        back = Back(Sockets(asyncio.get_running_loop().time), "http://h")
        self.socket, self.tunnel = Socket(back), Tunnel(self, back)
        self.is_given_up = False

    def give_up(self) -> None:
        self.is_given_up = True

    def reader_full(self) -> None:
        pass

    reader_ready = reader_waits = reader_full


class Journey:
    """A journey with a request that was lent: it takes the body as that comes, and answers when the test says so.

    `got`: of the body; `failed`: why there is no more of it; `lost`: whether nobody waits for the answer any more.
    """

    def __init__(self, lent: Lent) -> None:
        self.lent, self.got, self.failed, self.lost = lent, b"", "", False
        self.service: Tunnelled | None = None
        self._reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for piece in self.lent.body.open():
                self.got += piece
        except ConnectionError as error:
            self.failed = str(error)

    async def answered(self) -> Reply:
        try:
            return await self._reply
        except asyncio.CancelledError:
            self.lost = True
            raise

    def answers(self, body: bytes = b"", rest: Stream | None = None) -> None:
        if not self._reply.done():
            self._reply.set_result(Reply("Paris", 200, (), body, rest))

    def switches(self) -> Tunnelled:
        """Its site agrees to another protocol."""
        service = Tunnelled()
        if not self._reply.done():
            self.service = service
            self._reply.set_result(Reply("Paris", 101, (("Sec-A", "b"),), b"", service.tunnel))
        return service

    def breaks(self) -> None:
        if not self._reply.done():
            self._reply.set_exception(ConnectionError())


class Road:
    """One client's connection through the fast path of Paris, whose service `docs` is below /base at its back."""

    def __init__(self, **timeouts: float) -> None:
        self.time = 1000.0
        self.metrics = Metrics("Paris")
        self.pool = Sockets(lambda: self.time)
        self.told: list[Passed] = []
        self.journeys: list[Journey] = []
        self.relay: Relay | None = None
        self.tally = Tally(self.metrics, "Paris")
        self.lane = Lane(
            "Paris", "http", (), Timeouts(**timeouts), 4096, 10_000,
            Ways(self._enter, {"docs": BACK}, self.tally), Relays(self._decide, lambda: self.time),
            self.pool, _refusal, _lost, lambda: True, self.told.append,
        )  # fmt: skip
        self.fronts = Fronts(lambda: self.lane, self._journey, now=lambda: self.time)
        self.client = self.connect()

    @staticmethod
    def _enter(target: str) -> tuple[str, str] | None:
        return ("docs", target) if not target.startswith("/other") else None

    async def _decide(self, asked: Read) -> Relay | None:
        return self.relay

    async def _journey(self, lent: Lent) -> Reply:
        journey = Journey(lent)
        self.journeys.append(journey)
        return await journey.answered()

    def connect(self) -> Socket:
        return Socket(self.fronts())

    @property
    def front(self) -> Front:
        assert isinstance(self.client.protocol, Front)
        return self.client.protocol

    def asks(self, data: bytes) -> None:
        """The client sends."""
        self.front.data_received(data)

    async def service(self) -> Socket:
        """The service's end of the newest connection."""
        await self.settle()
        return self.pool.made[-1]

    async def answers(self, data: bytes) -> bytes:
        """The service sends; what the client gets of it."""
        socket = await self.service()
        socket.protocol.data_received(data)  # type: ignore[attr-defined]
        return self.client.taken()

    async def journey(self) -> Journey:
        """The newest one."""
        await self.settle()
        return self.journeys[-1]

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def passes(self, seconds: float) -> None:
        """Time passes, and whoever is late is told."""
        self.time += seconds
        if self.front.deadline <= self.time:
            self.front.late()

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def _refusal(service: str, error: ScopeProxyError) -> Reply:
    body = f"{service}: {error}".encode()
    return Reply("Paris", error.status, (("Content-Length", str(len(body))),), body)


def _lost(service: str, outcome: Unreached) -> ScopeProxyError:
    return SiteFailure(f"{service} {outcome.why}", 504 if outcome.sent else 502)


@pytest.fixture
async def road() -> Road:
    return Road(answer=10.0)


def relay_of(road: Road) -> Relay:
    """How reads under a scope go to Corte, whose signatures are counted."""
    root, signed = Url("http", Address("127.0.0.1", 2), "/there"), count()
    row = road.tally.of("Corte").row("docs", "list")
    first = b"GET /there/x HTTP/1.1\r\n"
    way = Way("docs", root, root.origin, b"GET", b"/there/x", first, "/x", "list", row)

    async def reaches() -> bool:
        return True

    def failed(unreached: Unreached, seconds: float) -> Reply:
        return _refusal("docs", _lost("docs", unreached))

    return Relay(
        way=way,
        unsigned=first + b"Host: corte\r\n",
        signature=lambda: b"X-Scope-Signature: %d\r\n" % next(signed),
        patience=3.0,
        holds=lambda: True,
        reaches=reaches,
        answered=lambda status, seconds: b"X-Scope-Sites: Corte=%d\r\n" % status,
        failed=failed,
    )
