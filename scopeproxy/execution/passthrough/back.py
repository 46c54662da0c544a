"""The service's end: one connection, on which answers are read and handed to whom they are for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from scopeproxy.execution.passthrough.framing import TO_THE_END, Endless, Follower, follower, of_reply
from scopeproxy.execution.passthrough.head import END, Malformed, ReplyHead
from scopeproxy.execution.passthrough.onward import NO_OPTIONS, options_of
from scopeproxy.execution.passthrough.states import SERVICE_MOVES, AtService, illegal
from scopeproxy.execution.passthrough.wire import Wire

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.owner import Owner, Tunnel
    from scopeproxy.execution.passthrough.pool import Pool

# By name: to look a member up in its class calls a function, and each message asks a dozen times.
_IDLE, _HEAD, _BODY, _TUNNEL, _CLOSED = AtService

_HEAD_LIMIT = 64 * 1024
_NOT_HTTP, _CLOSED_EARLY = "what it answered is not HTTP", "the connection was closed before an answer"
_CUT_SHORT = "the connection was closed in the middle of the answer"
_BEGINNING = b"HTTP/1."
# Seconds that the other end gets for what was written last.
LINGER = 2.0


class Back(asyncio.Protocol):
    """A connection to a service.  `origin`: the service's; `idle_until`: when the pool gives it up; `used`: whether an
    answer has come by it before; `paused`: whether it takes no more for now; `wire`: its socket."""

    __slots__ = (
        "_body", "_exchange", "_held", "_pool", "_stays", "_tunnel", "idle_until",
        "origin", "paused", "state", "used", "wire",
    )  # fmt: skip

    def __init__(self, pool: Pool, origin: str) -> None:
        self._pool, self.origin = pool, origin
        self.state = _IDLE
        self.idle_until = 0.0
        self.used = self.paused = self._stays = False
        self._exchange: Owner | None = None
        self._tunnel: Tunnel | None = None
        self._body: Follower | None = None
        self._held = b""
        self.wire: Wire

    @property
    def usable(self) -> bool:
        """Whether a call may go by it now."""
        return self.state is _IDLE

    # ---- for its owner

    def carry(self, exchange: Owner, data: bytes) -> None:
        """Send a call."""
        self.keep(exchange)
        self.wire.write(data)

    def keep(self, exchange: Owner) -> None:
        """Be there for a call of which nothing can be sent yet."""
        self._move(_HEAD)
        self._exchange = exchange

    def close(self) -> None:
        """Give the connection up, with whatever is on its way."""
        if self.state is not _CLOSED:
            self._move(_CLOSED)
            self._exchange = self._tunnel = None
            self.wire.abort()

    def finish(self) -> None:
        """Close the connection once the service has what is on its way; it has a little time for that."""
        self._move(_CLOSED)
        self._exchange = self._tunnel = None
        self.wire.close()
        asyncio.get_running_loop().call_later(LINGER, self.wire.abort)

    # ---- for the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = Wire(transport)

    def data_received(self, data: bytes) -> None:
        _ON_DATA[self.state](self, data)

    def eof_received(self) -> bool | None:
        if self.state is _TUNNEL and self._tunnel is not None:
            return self._tunnel.service_ended()
        if self.state is _BODY and self._body is not None and self._exchange is not None:
            if isinstance(self._body, Endless):
                self._end(False)
            else:
                self._broken(_CUT_SHORT)
        elif self.state is _HEAD:
            self._broken(_NOT_HTTP if not _may_begin(self._held) else _CLOSED_EARLY)
        else:
            self.close()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.is_there = False
        self._pool.lost(self)
        if self.state is not _CLOSED:
            self._broken(_CUT_SHORT if self.state is _BODY else _CLOSED_EARLY)

    def pause_writing(self) -> None:
        self.paused = True
        if self._exchange is not None:
            self._exchange.service_full()

    def resume_writing(self) -> None:
        self.paused = False
        if self._exchange is not None:
            self._exchange.service_ready()

    # ---- what comes

    def _on_idle(self, _: bytes) -> None:
        # Nobody asked: an answer that comes before its request would be taken for the next one's.
        self.close()

    def _on_head(self, data: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        if self._held:
            data, self._held = self._held + data, b""
        while True:
            end = data.find(END) + len(END)
            if end < len(END) or end > _HEAD_LIMIT:
                self._hold(data)
                return
            try:
                head = ReplyHead(data, end)
                framing = of_reply(exchange.method, head)
            except Malformed:
                self._broken(_NOT_HTTP)
                return
            if head.status >= 200 or head.status == 101:
                break
            # RFC 9110, section 15.2: a proxy passes 1xx on, and the answer is still to come.
            exchange.provisional(data[:end])
            data = data[end:]
            if not data:
                return
        if head.status == 101:
            self._switch(exchange, head, data[end:])
            return
        self._answer(exchange, head, framing, data, end)

    def _answer(self, exchange: Owner, head: ReplyHead, framing: int, data: bytes, end: int) -> None:
        self.used = True
        options = NO_OPTIONS if head.usual else options_of(head.lines)
        # RFC 9112, section 9.3.
        stays = framing != TO_THE_END and head.minor == b"1" and b"close" not in options
        if 0 <= framing <= len(data) - end:
            # Nearly all answers come in one piece.
            exchange.answer(head, framing, options, data[end : end + framing])
            self._end(stays and len(data) - end == framing)
            return
        self._body = follower(framing)
        try:
            passed = self._body.follow(data, end)
        except Malformed:
            self._broken(_NOT_HTTP)
            return
        done = self._body.done
        exchange.answer(head, framing, options, data[end:passed])
        if self.state is _CLOSED:
            return
        if done:
            self._end(stays and passed == len(data))
            return
        self._move(_BODY)
        self._held, self._stays = data[passed:], stays
        exchange.answer_goes_on()

    def _on_body(self, data: bytes) -> None:
        exchange, body = self._exchange, self._body
        assert exchange is not None
        assert body is not None
        if self._held:
            data, self._held = self._held + data, b""
        try:
            passed = body.follow(data)
        except Malformed:
            self._broken("its chunks are wrong")
            return
        whole = passed == len(data)
        if body.done:
            exchange.answer_body(data if whole else data[:passed])
            self._end(whole and self._stays)
            return
        if not whole:
            data, self._held = data[:passed], data[passed:]
        exchange.answer_body(data)

    def _on_tunnel(self, data: bytes) -> None:
        assert self._tunnel is not None
        self._tunnel.from_service(data)

    def _on_closed(self, _: bytes) -> None:
        """Nobody waits for it."""

    # ---- moves

    def _switch(self, exchange: Owner, head: ReplyHead, data: bytes) -> None:
        self._tunnel = exchange.tunnel
        if self._tunnel is None:
            self._broken("it changed to a protocol that nobody asked for")
            return
        self._move(_TUNNEL)
        self._tunnel.switched(head, data)

    def _hold(self, data: bytes) -> None:
        if len(data) > _HEAD_LIMIT or not _may_begin(data):
            self._broken(_NOT_HTTP)
        else:
            self._held = data

    def _end(self, stays: bool) -> None:
        """The answer is whole."""
        if self.state is _CLOSED:
            return
        exchange, self._exchange, self._body = self._exchange, None, None
        if stays and not self.paused and exchange is not None and exchange.sent:
            self._move(_IDLE)
            if self.wire.is_held_back:
                # The client of this answer was full with the last piece of it; the next one must not wait for it.
                self.wire.resume_reading()
            self._pool.put(self)
        else:
            self.close()
        if exchange is not None:
            exchange.ended()

    def _broken(self, why: str) -> None:
        exchange, state = self._exchange, self.state
        self.close()
        if exchange is not None:
            exchange.broken(self, state, why)

    def _move(self, to: AtService) -> None:
        if to not in SERVICE_MOVES[self.state]:
            raise illegal(self.state, to)
        self.state = to


def _may_begin(data: bytes) -> bool:
    return data[: len(_BEGINNING)] == _BEGINNING[: len(data)]


# By the number of the state.
_ON_DATA: tuple[Callable[[Back, bytes], None], ...] = (
    Back._on_idle,
    Back._on_head,
    Back._on_body,
    Back._on_tunnel,
    Back._on_closed,
)
