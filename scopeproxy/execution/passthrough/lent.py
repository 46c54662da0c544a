"""A request in the hands of the journey: what it asks for, its body as that comes, and the way of its answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from scopeproxy.errors import BodyBrokenOff, BodyTooSlow, CallerError
from scopeproxy.execution.passthrough.answer import answer
from scopeproxy.execution.passthrough.entry import Entry
from scopeproxy.execution.passthrough.framing import Endless, Follower, follower
from scopeproxy.execution.passthrough.head import every_line
from scopeproxy.execution.passthrough.incoming import Incoming
from scopeproxy.execution.passthrough.lane import Lane
from scopeproxy.execution.passthrough.onward import options_of
from scopeproxy.execution.passthrough.tunnel import Tunnel
from scopeproxy.execution.passthrough.wire import HIGH_WATER
from scopeproxy.model.messages import NOTHING, Body, Headers, Reply, Request, without

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.front import Front

logger = logging.getLogger("scopeproxy.connections")

# Seconds that a read is waited for whose client closed its half: it may still listen, or have left.
HALF_CLOSED = 2.0

# Seconds that another protocol may be silent.
SILENT = 3600.0

# What a client gets of the time that a service gets for its answer: that runs from the same piece of the body, and
# whoever is late must be the one to be blamed.
SHARE = 0.9

# What is given up when its client leaves; all else is seen through.
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_ASKS = b"HTTP/1.1 100"
_CONTINUE = _ASKS + b" Continue\r\n\r\n"


class HeadNotText(CallerError):
    """A header holds what could not be passed on as it is."""


class Lent:
    """A request of a front's client.

    `address`: the client's; `begun`: whether the head of the answer is out; `last`: whether the connection ends with
    the answer; `is_doubted`: whether the client closed its half and may have left, which is told by what it is sent;
    `is_tunnel`: whether it is another protocol's from here on.
    """

    __slots__ = (
        "_expects", "_follower", "_front", "_head", "_is_over", "_lane", "_minor", "_room", "_task", "address", "begun",
        "body", "is_doubted", "is_tunnel", "last", "method", "target",
    )  # fmt: skip

    def __init__(self, front: Front, lane: Lane, came: Entry) -> None:
        head, said = came.head, came.said
        self._front, self._lane, self._head = front, lane, head
        self.method, self.target, self.address = head.method.decode(), head.target.decode(), front.address
        self._minor = int(head.minor)
        # RFC 9112, section 9.3.
        self.last = said.closes or not (self._minor or b"keep-alive" in options_of(head.fields.lines))
        self.begun = self.is_doubted = self.is_tunnel = self._expects = self._is_over = False
        self._follower: Follower = follower(said.framing)
        self.body: Body = NOTHING
        if said.framing:
            self.body = Incoming(said.framing if said.framing > 0 else None, self._ask)
            # RFC 9110, section 10.1.1: who speaks HTTP/1.0 does not know what a 100 is.
            expects = [value.lower() for name, value, _, _ in head.fields.lines if name == b"expect"]
            self._expects = bool(self._minor) and expects == [b"100-continue"]
        self._room: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def headers(self) -> Headers:
        """As they came: order, case and repetitions kept.  Raises HeadNotText."""
        try:
            return tuple((name.decode(), value.decode()) for name, value in every_line(self._head.fields.raw))
        except UnicodeDecodeError:
            # What is signed, stored and compared is text, and we pass calls on whole or not at all.
            odd = next(name for name, value in every_line(self._head.fields.raw) if not _is_text(value))
            raise HeadNotText(f"the header {odd.decode()} holds bytes that are not UTF-8") from None

    def request(self, service: str, target: str) -> Request:
        """It, for a service."""
        # RFC 9110, section 7.8: an Upgrade under HTTP/1.0 is ignored.
        headers = self.headers if self._minor else without(self.headers, "Upgrade")
        return Request(service, self.method, target, headers, self.body)

    # ---- from the front

    def start(self, journey: Answering) -> asyncio.Task[None]:
        """Have it answered."""
        self._task = asyncio.get_running_loop().create_task(self._run(journey))
        return self._task

    @property
    def is_whole(self) -> bool:
        """Whether all of the request is here."""
        return self._follower.done

    def receive(self, data: bytes) -> int:
        """More from the client: where in it the request ends, or a line that is to be shown again.

        What stands between the chunks and behind them goes nowhere: RFC 9110, section 6.5.1, lets a trailer be thrown
        away, and what is put together anew for each site has no place for it.

        Raises Malformed.
        """
        pieces: list[bytes] = []
        passed = self._follower.follow(data, 0, pieces)
        if isinstance(self.body, Incoming):
            self._expects = self._expects and not pieces
            self.body.take(pieces, self.is_whole)
            if self.body.held > HIGH_WATER:
                self._front.wire.pause_reading()
            self.mind_time()
        return passed

    def end(self, why: BodyBrokenOff) -> None:
        """Nobody reads the answer: a read is given up, a write that was begun is seen through (edges/app.py)."""
        self._is_over = True
        if isinstance(self.body, Incoming):
            self.body.fail(why)
        if self._task is not None:
            self._task.cancel()

    def resume_writing(self) -> None:
        """The client takes more of the answer again."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def mind_time(self) -> None:
        """The front's deadline, by what is waited for; the journey has deadlines of its own."""
        patience = self._lane.timeouts.answer
        if self._front.is_full:
            seconds = patience
        elif self.is_tunnel:
            seconds = SILENT
        elif self._waits_for_body:
            seconds = patience * SHARE
        elif self._may_have_left:
            seconds = min(patience, HALF_CLOSED)
        else:
            seconds = float("inf")
        self._front.deadline = self._front.now() + seconds

    def late(self) -> None:
        """What was waited for did not come."""
        if self.is_tunnel or self._front.is_full or (self._may_have_left and not self._waits_for_body):
            self._front.break_off()
            return
        if isinstance(self.body, Incoming) and self._waits_for_body:
            patience = self._lane.timeouts.answer * SHARE
            self.body.fail(BodyTooSlow(f"nothing of the request's body came for {patience:.3g} s"))
        self.mind_time()

    @property
    def _waits_for_body(self) -> bool:
        return isinstance(self.body, Incoming) and self.body.is_waited_for

    @property
    def _may_have_left(self) -> bool:
        """Whether nobody knows if the client still listens, and nothing is lost if it does not."""
        return self.is_doubted and self.method in SAFE

    # ---- towards the client

    def provisional(self, head: bytes) -> None:
        """Pass a 1xx on; a 100 is said when the body is asked for, and a client of HTTP/1.0 knows none of them."""
        if self._minor and not self.begun and not self._is_over and not head.startswith(_ASKS):
            self._front.wire.write(head)

    async def _run(self, journey: Answering) -> None:
        reply: Reply | None = None
        try:
            reply = await journey(self)
            if self._is_over:
                return
            # Whoever has not sent all of a request by now cannot be told where the next one begins.
            last = self.last or not self.is_whole or self._front.is_over
            told = answer(reply, self.method, self._minor, last)
            self.last, self.begun = told.last, True
            self.mind_time()
            if isinstance(reply.rest, Tunnel):
                await self._join(told.head, reply.rest)
            else:
                async for piece in told.pieces():
                    await self._send(piece)
        except (ConnectionError, TimeoutError):
            # Once the head is out, a body that breaks off can only be told by breaking off as well.
            self._front.break_off()
        except Exception as error:
            logger.error("a connection is given up: %s", type(error).__name__)
            self._front.break_off()
        else:
            self._front.given_back(self)
        finally:
            if isinstance(self.body, Incoming):
                self.body.fail(BodyBrokenOff("the request was answered before all of its body had come"))
            if reply is not None and reply.rest is not None:
                await reply.rest.aclose()

    async def _join(self, head: bytes, tunnel: Tunnel) -> None:
        """Carry another protocol's bytes both ways, until the service has said its last, or one of both is lost."""
        self.is_tunnel = True
        said = self.body = Incoming(None, self._ask)
        self._follower = Endless()
        await self._send(head)
        self._front.receive_held()
        up = asyncio.get_running_loop().create_task(tunnel.carry(said.open()))
        try:
            async for piece in tunnel:
                await self._send(piece)
        finally:
            up.cancel()

    def client_ended(self) -> bool:
        """The client of another protocol says no more, and still listens.  Whether it is one."""
        if self.is_tunnel and isinstance(self.body, Incoming):
            self.body.take([], True)
        return self.is_tunnel

    async def _send(self, data: bytes) -> None:
        self._front.wire.write(data)
        if self.is_doubted or self.is_tunnel:
            self.is_doubted = False
            self.mind_time()
        if self._front.is_full:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def _ask(self) -> None:
        """The journey waits for the body."""
        if self._expects and not self.begun:
            # Whoever takes the first byte is ready for the body; until then the client waits (RFC 9110, 10.1.1).
            self._front.wire.write(_CONTINUE)
        self._expects = False
        self._front.wire.resume_reading()
        self.mind_time()


Answering = Callable[[Lent], Awaitable[Reply]]


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
