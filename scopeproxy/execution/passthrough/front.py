"""The client's end: one connection, on which requests are read, told apart, and sent on or lent to the journey."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from scopeproxy.errors import BodyBrokenOff, BodyTooSlow, CallerError
from scopeproxy.execution.passthrough.back import LINGER
from scopeproxy.execution.passthrough.entry import Entry, Said, entry
from scopeproxy.execution.passthrough.exchange import Exchange
from scopeproxy.execution.passthrough.framing import Follower, follower
from scopeproxy.execution.passthrough.head import END, HeadTooLarge, Malformed, check_beginning
from scopeproxy.execution.passthrough.lane import Lane
from scopeproxy.execution.passthrough.lent import HALF_CLOSED, SHARE, SILENT, Lent
from scopeproxy.execution.passthrough.onward import Client, Onward
from scopeproxy.execution.passthrough.relay import Read
from scopeproxy.execution.passthrough.relayed import Relayed
from scopeproxy.execution.passthrough.states import CLIENT_MOVES, AtClient, illegal
from scopeproxy.execution.passthrough.ways import Way
from scopeproxy.execution.passthrough.wire import Wire
from scopeproxy.model.messages import json_reply
from scopeproxy.model.topology import Timeouts

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.fronts import Fronts

# By name: to look a member up in its class calls a function, and each message asks a dozen times.
_READY, _SENDING, _ANSWERING, _LENT, _TUNNEL, _LINGERING, _CLOSED = AtClient

# Seconds that a client may take between two requests and for the head of one.
IDLE = 75.0

# Bytes of header lines which are remembered, because the next request often has the same.
_REMEMBERED = 2048

# Bytes of further requests that are held while an answer is on its way; then the client has to wait.
_HELD = 64 * 1024


class Front(asyncio.Protocol):
    """A client's connection, from an `address`.  `deadline`: when `late` is called, by the clock of the fronts."""

    __slots__ = (
        "__weakref__", "_body", "_count", "_exchange", "_fronts", "_full", "_half_closed", "_held", "_lane", "_lent",
        "_looked_at", "_onward", "_said", "address", "deadline", "is_stopping", "now", "state", "wire",
    )  # fmt: skip

    def __init__(self, fronts: Fronts) -> None:
        self._fronts, self.now = fronts, fronts.now
        self.state = _READY
        self.is_stopping = False
        self.deadline = 0.0
        self.wire: Wire
        self._lane: Lane | None = None
        self._said: Said | None = None
        self._onward: Onward
        self._exchange: Exchange | None = None
        self._body: Follower | None = None
        self._lent: Lent | None = None
        self._held = b""
        self._count = 0
        # How much of what is held is known to be no end of a head.
        self._looked_at = 0
        self._full = self._half_closed = False

    # ---- for the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = Wire(transport)
        self.address = self.wire.address
        self._use(self._fronts.lane())
        self.deadline = self.now() + self._fronts.idle
        self._fronts.made(self)

    def data_received(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        _ON_DATA[self.state](self, data)

    def eof_received(self) -> bool | None:
        # The loop may close the connection for it.
        self.wire.flush()
        if self.state is _TUNNEL and self._exchange is not None:
            return self.wire.can_half_close and self._exchange.client_ended()
        if self._lent is not None and self._lent.is_tunnel:
            return self.wire.can_half_close and self._lent.client_ended()
        # Who has sent a whole request may close its half of the connection and still want the answer, or may have left:
        # the bytes are the same.  So a read gets a little time; a write is seen through either way.
        sent_ahead, lent = self.state is _READY and bool(self._held), self._lent
        is_whole = self.state is _ANSWERING or (lent is not None and lent.is_whole)
        self._half_closed = (sent_ahead or is_whole) and self.wire.can_half_close
        if self._half_closed and sent_ahead:
            asyncio.get_running_loop().call_soon(self._next)
        if self._half_closed and self._exchange is not None and self._exchange.may_be_given_up:
            self.wait_for_service()
        if self._half_closed and lent is not None:
            lent.is_doubted = True
            lent.mind_time()
        return self._half_closed

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.is_there = False
        self._give_up_lent(BodyBrokenOff("the request's body broke off"))
        exchange = self._exchange
        if exchange is None or not exchange.client_left():
            self._exchange = None
            self._close()

    def pause_writing(self) -> None:
        self._full = True
        if self._lent is not None:
            self._lent.mind_time()
        elif self._exchange is not None:
            self._exchange.client_full()
            self._wait(self._timeouts.answer)
        elif self.state is _READY:
            self._be_ready()

    def resume_writing(self) -> None:
        self._full = False
        if self.state is _READY:
            self._be_ready()
        if self._lent is not None:
            self._lent.mind_time()
            self._lent.resume_writing()
        elif self._exchange is not None:
            self._exchange.client_ready()
            self.go_on()

    # ---- what comes

    def _on_ready(self, data: bytes) -> None:
        if self._full:
            # Who does not take the answers to what was asked before is asked to wait, or would fill the memory.
            self._on_answering(data)
            return
        # RFC 9112, section 2.2: empty lines before a request are passed over.
        start = 0
        while data.startswith(b"\r\n", start):
            start += 2
        lane, said = self._fronts.lane(), self._said
        if lane is not self._lane:
            self._use(lane)
        elif said is not None and said.repeats:
            # Nearly all requests of a connection have the fields of the one before: nothing of them is read anew.
            first = data.find(b"\r\n")
            way = lane.ways.known.get(data[:first]) if data.startswith(said.fields.raw, first) else None
            end = first + len(said.fields.raw)
            if way is not None and end <= lane.head_limit:
                self._looked_at = 0
                self._pass(way, said, lane, data, end)
                return
        end = data.find(END, max(start, self._looked_at)) + len(END)
        try:
            if end < len(END) or end - start > lane.head_limit:
                self._wait_for_head(data[start:], lane.head_limit)
                return
            self._looked_at = 0
            came = entry(data, start, end, lane.ways, self._said)
        except CallerError as error:
            self._refuse(error)
            return
        self._said = came.said if len(came.said.fields.raw) <= _REMEMBERED else None
        if came.way is not None:
            self._pass(came.way, came.said, lane, data, end, came.upgrades)
        elif not (came.may_be_relayed and self._relay(came, lane, data, end)):
            self._lend(came, lane, data[end:])

    def _wait_for_head(self, data: bytes, limit: int) -> None:
        if self._half_closed:
            # There is no more.
            self._close()
            return
        if len(data) > limit:
            raise HeadTooLarge(f"the request's head has over {limit} bytes; no more are taken")
        # A carriage return at the end may still get its line feed.
        check_beginning(data, max(0, self._looked_at - 1))
        self._held, self._looked_at = data, max(0, len(data) - len(END) + 1)

    def _pass(self, way: Way, said: Said, lane: Lane, data: bytes, end: int, upgrades: bool = False) -> None:
        now, framing = self.now(), said.framing
        self._count += 1
        exchange = self._exchange = Exchange(self, lane, self._onward, way, now)
        exchange.last, exchange.upgrades = said.closes or self._count >= lane.requests, upgrades
        out = way.first + self._onward.fields(said.fields, framing, said.host or b"", upgrades)
        if 0 <= framing <= len(data) - end:
            # Most requests come in one piece.
            whole = end + framing
            if len(data) > whole:
                self._held = data[whole:]
            self._move(_ANSWERING)
            self.deadline = now + lane.timeouts.answer
            exchange.start(out + data[end:whole] if framing else out, True, said.client_id)
            return
        self._body = follower(framing)
        try:
            passed = self._body.follow(data, end)
        except Malformed as error:
            self._exchange = None
            self._refuse(error)
            return
        done = self._body.done
        self._held = data[passed:]
        self._move(_ANSWERING if done else _SENDING)
        self.wait_for_service()
        exchange.start(out + data[end:passed], done, said.client_id)

    def _relay(self, came: Entry, lane: Lane, data: bytes, end: int) -> bool:
        """Send a scoped read to the other site that it is known to go to.  Whether it is known."""
        asked = Read(self.address, came.head.method, came.head.target, came.head.fields.raw)
        relay = lane.relays.find(asked)
        if relay is None:
            return False
        self._count += 1
        exchange = self._exchange = Relayed(self, lane, self._onward, relay, asked, came)
        exchange.last = came.said.closes or self._count >= lane.requests
        self._held = data[end:]
        self._move(_ANSWERING)
        self.wait_for_service()
        exchange.set_off()
        return True

    def _on_sending(self, data: bytes) -> None:
        body, exchange = self._body, self._exchange
        assert body is not None
        assert exchange is not None
        try:
            passed = body.follow(data)
        except Malformed as error:
            self._blame(exchange, error)
            return
        done = body.done
        if passed < len(data):
            data, self._held = data[:passed], data[passed:]
        if done:
            self._move(_ANSWERING)
        exchange.more(data, done)

    def _on_answering(self, data: bytes) -> None:
        self._held = data
        if len(data) > _HELD:
            self.wire.pause_reading()

    def _lend(self, came: Entry, lane: Lane, data: bytes) -> None:
        self._count += 1
        self._move(_LENT)
        lent = self._lent = Lent(self, lane, came)
        lent.is_doubted = self._half_closed
        lent.last = lent.last or self._count >= lane.requests
        lent.mind_time()
        self._fronts.lend(lent)
        self._on_lent(data)

    def _on_lent(self, data: bytes) -> None:
        lent = self._lent
        assert lent is not None
        try:
            self._held = data[lent.receive(data) :]
        except Malformed as error:
            # Its body goes on in a way that not everybody refuses.
            self._give_up_lent(BodyBrokenOff(str(error)))
            if lent.begun:
                self.break_off()
            else:
                self._refuse(error)
            return
        if len(self._held) > _HELD:
            self.wire.pause_reading()

    def _give_up_lent(self, why: BodyBrokenOff) -> None:
        lent, self._lent = self._lent, None
        if lent is not None:
            lent.end(why)

    def _on_tunnel(self, data: bytes) -> None:
        assert self._exchange is not None
        self._exchange.pass_on(data)
        self._wait(SILENT)

    def _on_closed(self, _: bytes) -> None:
        """What comes after the last answer is nobody's."""

    # ---- for the exchange, and for what was lent

    def go_on(self) -> None:
        """More was sent to the client: the next piece has its time."""
        self._wait(SILENT if self.state is _TUNNEL and not self._full else self._timeouts.answer)

    def answered(self, exchange: Exchange) -> None:
        """The answer is whole."""
        self._exchange = self._body = None
        if not self.wire.is_there:
            self._close()
        elif not exchange.sent:
            self._linger()
        elif exchange.last or self.is_over or self.state is _TUNNEL:
            self._close()
        else:
            self._be_ready()

    @property
    def is_over(self) -> bool:
        """Whether no further request is taken, or none can come."""
        return self.is_stopping or (self._half_closed and not self._held)

    def switched(self) -> None:
        """The service has changed to another protocol."""
        self._move(_TUNNEL)
        self._wait(SILENT)
        held, self._held = self._held, b""
        if held:
            self._on_tunnel(held)

    def receive_held(self) -> None:
        """What was sent ahead is no further request, but another protocol's."""
        self.wire.resume_reading()
        held, self._held = self._held, b""
        if held:
            self._on_lent(held)

    def given_back(self, lent: Lent) -> None:
        """The journey has answered the request that it was lent."""
        assert lent is self._lent
        self._lent = None
        if lent.is_tunnel:
            self._close()
        elif not lent.is_whole:
            self._linger()
        elif lent.last or self.is_over:
            self._close()
        else:
            self._be_ready()

    def lend_after_all(self, came: Entry) -> None:
        """A scoped read that has got no answer goes to the journey."""
        self._exchange = None
        # It is counted when it is lent.
        self._count -= 1
        if self.wire.is_there:
            # The client may have been made to wait for a connection; whether it leaves is seen by reading alone.
            self.wire.resume_reading()
            self._lend(came, self._use(self._lane), self._held)
        else:
            self._close()

    def break_off(self) -> None:
        """End the connection in the middle of an answer, so that nobody takes it for whole."""
        self._exchange = None
        if self.wire.is_there:
            self.wire.abort()
        self._close()

    def wait_for_service(self) -> None:
        """From now on the service has its time; or the client, for more of its body, which is a little less."""
        answer = self._exchange.patience if self._exchange is not None else self._timeouts.answer
        if self._half_closed:
            # Whether the client still listens, nobody knows.
            answer = min(answer, HALF_CLOSED)
        self._wait(answer * (SHARE if self.state is _SENDING else 1.0))

    def wait_for_connection(self) -> None:
        """From now on the pool minds the time; what it takes beyond that would be a mistake of ours."""
        self._wait(self._timeouts.connect + self._timeouts.answer)

    # ---- time

    def late(self) -> None:
        """The deadline has passed."""
        exchange, answer = self._exchange, self._timeouts.answer
        if self.state is _CLOSED or (self.state is _READY and self._full):
            # What was written last is not taken.
            self.break_off()
        elif self._lent is not None:
            self._lent.late()
        elif exchange is None:
            # Nothing was asked, or the last answer is out.
            self._close()
        elif self._full or exchange.begun or (self._half_closed and exchange.may_be_given_up):
            exchange.give_up()
            self.break_off()
        elif self.state is _SENDING and not exchange.service_is_full:
            self._blame(exchange, BodyTooSlow(f"nothing of the request's body came for {answer * SHARE:.3g} s"))
        else:
            exchange.late()

    def stop(self) -> None:
        """Take no further request; what was begun is seen through."""
        self.is_stopping = True
        if self.state is _READY:
            self._close()

    def give_up(self) -> None:
        """End it now, whatever is under way."""
        exchange = self._exchange
        if exchange is not None:
            exchange.give_up()
        self._give_up_lent(BodyBrokenOff("the proxy stops"))
        self.break_off()

    @property
    def is_full(self) -> bool:
        """Whether the client takes no more for now."""
        return self._full

    def _wait(self, seconds: float) -> None:
        self.deadline = self.now() + seconds

    @property
    def _timeouts(self) -> Timeouts:
        assert self._lane is not None
        return self._lane.timeouts

    # ---- moves

    def _be_ready(self) -> None:
        """The next request may come, once its client has taken the answers to those before it."""
        if self.state is not _READY:
            self._move(_READY)
        self._wait(self._timeouts.answer if self._full else self._fronts.idle)
        if self._full:
            return
        if self.wire.is_held_back:
            self.wire.resume_reading()
        if self._held:
            # In a turn of its own: a thousand requests sent ahead must not become a thousand calls deep.
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        if self.state is _READY and self._held:
            self.data_received(b"")

    def _refuse(self, error: CallerError) -> None:
        """Answer what is no request, and end the connection: nobody knows where the next one would begin."""
        self._fronts.refused(self, error)
        told = {"error": {"status": error.status, "message": str(error)}}
        reply = json_reply("", error.status, told)
        headers = (*reply.headers, ("Content-Length", str(len(reply.body))))
        self.wire.write(self._onward.told(replace(reply, headers=headers), b"GET", True))
        self._linger()

    def _blame(self, exchange: Exchange, error: CallerError) -> None:
        if exchange.begun:
            exchange.give_up()
            self.break_off()
        else:
            exchange.refuse(error)

    def _linger(self) -> None:
        """Close so that the last answer arrives: what comes in meanwhile would else reset it (RFC 9112, 9.6)."""
        self._exchange = None
        if not self.wire.is_there:
            self._close()
            return
        # Over TLS there is no half of an end: the client goes by the length of the answer, and closes.
        self.wire.write_eof()
        self._move(_LINGERING)
        self._wait(LINGER)
        self.wire.resume_reading()

    def _close(self) -> None:
        if self.state is not _CLOSED:
            self._move(_CLOSED)
            # For the client to take what was written last.
            self._wait(self._timeouts.answer)
        if self.wire.is_there:
            self.wire.close()
        else:
            self._fronts.lost(self)

    def _use(self, lane: Lane | None) -> Lane:
        """Go by a lane: a new topology has another one."""
        if lane is not None and lane is not self._lane:
            self._lane, self._said = lane, None
            self._onward = Onward(lane.here, Client(self.address, lane.scheme, lane.trusted))
        assert self._lane is not None
        return self._lane

    def _move(self, to: AtClient) -> None:
        if to not in CLIENT_MOVES[self.state]:
            raise illegal(self.state, to)
        self.state = to


# By the number of the state.
_ON_DATA: tuple[Callable[[Front, bytes], None], ...] = (
    Front._on_ready,
    Front._on_sending,
    Front._on_answering,
    Front._on_lent,
    Front._on_tunnel,
    Front._on_closed,
    Front._on_closed,
)
