"""One call and its answer on their way between a client's connection and a service's."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from typing import TYPE_CHECKING

from scopeproxy.errors import ScopeProxyError
from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.framing import TO_THE_END
from scopeproxy.execution.passthrough.head import ReplyHead
from scopeproxy.execution.passthrough.lane import Lane, Passed
from scopeproxy.execution.passthrough.onward import Onward
from scopeproxy.execution.passthrough.pool import Unconnected
from scopeproxy.execution.passthrough.states import AtService
from scopeproxy.execution.passthrough.ways import Way
from scopeproxy.execution.passthrough.wire import Wire
from scopeproxy.model.messages import Reply, Unreached

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.front import Front

# RFC 9110, section 9.2.2, but for PUT and DELETE: errand.py tells why not these.
_REPEATED = frozenset({b"GET", b"HEAD", b"OPTIONS"})
# What is given up when its client leaves; all else is seen through.
_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})


# Calls under way that are few, and bytes of a message that is small.
_FEW, _SMALL = 8, 16 * 1024


class Exchange:
    """A call of a front's client.  `sent`: whether the service was given all of it; `begun`: whether the head of the
    answer is out; `last`: whether the client's connection ends with the answer; `upgrades`: whether it asks for
    another protocol."""

    __slots__ = (
        "_again", "_back", "_began", "_chunks", "_client_id", "_connecting", "_front", "_lane", "_one_ended", "_onward",
        "_waiting", "begun", "last", "method", "sent", "upgrades", "way",
    )  # fmt: skip

    def __init__(self, front: Front, lane: Lane, onward: Onward, way: Way, now: float) -> None:
        self._front, self._lane, self._onward, self.way, self.method = front, lane, onward, way, way.method
        self._began = now
        self._back: Back | None = None
        self._waiting: list[bytes] | None = None
        self._again: bytes | None = None
        self._client_id = b""
        self._connecting: asyncio.Task[None] | None = None
        self._chunks = self._one_ended = self.begun = self.last = self.sent = self.upgrades = False

    # ---- towards the service

    def start(self, data: bytes, sent: bool, client_id: bytes) -> None:
        """Send the call: its head, with whatever of its body has come."""
        self.sent, self._client_id = sent, client_id
        self.way.row.tally.in_flight += 1
        back = self._lane.pool.take(self.way.origin)
        if back is None:
            self._connect(data)
            return
        if sent and self.method in _REPEATED:
            # RFC 9110, 9.2.2: what does no harm twice may be repeated when a connection from the pool proves closed.
            self._again = data
        self._back = back
        back.keep(self)
        self._send(back.wire, data)

    def more(self, data: bytes, sent: bool) -> None:
        """Send more of the body."""
        self.sent = sent
        if self._waiting is not None:
            self._waiting.append(data)
        elif self._back is not None:
            if data:
                self._back.wire.write(data)
            self._front.wait_for_service()

    def pass_on(self, data: bytes) -> None:
        """Send bytes of another protocol."""
        if self._back is not None:
            self._back.wire.write(data)

    def _connect(self, data: bytes) -> None:
        self._waiting = [data]
        self._front.wire.pause_reading()
        self._front.wait_for_connection()
        self._connecting = asyncio.get_running_loop().create_task(self._connected())

    async def _connected(self) -> None:
        try:
            back = await self._reach()
        except Unconnected as error:
            if self._waiting is not None:
                self.fail(Unreached(self._site, False, str(error)))
            # Or else nobody waits for it any more, and it was told.
            return
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            # The client has left meanwhile.
            self._lane.pool.put(back)
            return
        if not back.usable:
            # It was closed just now, and nothing was sent: one that was in use before says nothing of a new one.
            if back.used:
                self._connect(b"".join(waiting))
            else:
                self.fail(Unreached(self._site, False, "it closed the connection at once"))
            return
        self._back = back
        self._front.wire.resume_reading()
        self._front.wait_for_service()
        back.carry(self, b"".join(waiting))

    async def _reach(self) -> Back:
        """A connection, for which nobody waits longer than one takes.  Raises Unconnected."""
        return await self._lane.pool.connect(self.way.root)

    @property
    def _site(self) -> str:
        """Whose service it goes to."""
        return self.way.row.tally.site

    # ---- what the client does

    @property
    def may_be_given_up(self) -> bool:
        """Whether it changes nothing, or nothing of it was sent."""
        return not self.sent or self.method in _SAFE or self._back is None

    def client_left(self) -> bool:
        """Give up; or go on where that is a write that was sent: half of it may be done.  Whether it goes on."""
        if not self.may_be_given_up:
            return True
        self.give_up()
        return False

    def give_up(self) -> None:
        """Nobody waits for the rest of it."""
        if not self.begun:
            self.way.row.abandoned(self._settled())
        self._drop()

    def client_full(self) -> None:
        """The client takes no more for now."""
        if self._back is not None:
            self._back.wire.pause_reading()

    def client_ready(self) -> None:
        """The client takes more again."""
        if self._back is not None:
            self._back.wire.resume_reading()

    def client_ended(self) -> bool:
        """The client of another protocol sends no more.  Whether it still listens to somebody."""
        return self._back is not None and self._back.wire.write_eof() and not self._half_ended()

    # ---- what the service does

    @property
    def service_is_full(self) -> bool:
        """Whether the service takes no more of the body for now."""
        return self._back is not None and self._back.paused

    @property
    def patience(self) -> float:
        """Seconds for which nothing comes before `late` is called."""
        return self._lane.timeouts.answer

    def late(self) -> None:
        """Nothing has come of an answer in its time."""
        self.fail(Unreached(self._site, True, f"no answer within {self.patience:g} s"))

    def service_full(self) -> None:
        """The service takes no more of the body for now."""
        self._front.wire.pause_reading()

    def service_ready(self) -> None:
        """The service takes more of the body again."""
        self._front.wire.resume_reading()

    @property
    def tunnel(self) -> Exchange | None:
        """Who takes the connection when the service changes to a protocol that the client asked for."""
        return self if self.upgrades else None

    def provisional(self, head: bytes) -> None:
        """A 1xx on the way to the client."""
        self._again = None
        self._front.wire.write(head)

    def answer(self, head: ReplyHead, framing: int, options: Set[bytes], body: bytes) -> None:
        """The head of the answer, of which Connection says `options`, and what has come of its body."""
        self._again = None
        told = self._answered(head.status)
        # Whoever has not sent all of a request by now cannot be told where the next one begins.
        self.last = self.last or not self.sent or self._front.is_stopping
        out = self._onward.reply(head, framing, self.last, options, told)
        if framing == TO_THE_END:
            # Without chunks the client could not tell an end from a loss.
            self._chunks = True
            body = _chunk(body)
        self._send(self._front.wire, out + body)

    def answer_goes_on(self) -> None:
        """More of the body is to come."""
        self._front.go_on()

    def answer_body(self, data: bytes) -> None:
        """More of the answer's body."""
        self._front.wire.write(_chunk(data) if self._chunks else data)
        self._front.go_on()

    def ended(self) -> None:
        """The answer is whole."""
        if self._chunks:
            self._front.wire.write(b"0\r\n\r\n")
        self._back = None
        self._front.answered(self)

    def switched(self, head: ReplyHead, data: bytes) -> None:
        """The service speaks another protocol from here on."""
        self._answered(head.status)
        self._front.wire.write(self._onward.switching(head) + data)
        self._front.switched()

    def from_service(self, data: bytes) -> None:
        """Bytes of another protocol."""
        self._front.wire.write(data)
        self._front.go_on()

    def service_ended(self) -> bool:
        """The service of another protocol sends no more.  Whether it still listens to somebody."""
        if not self._front.wire.write_eof():
            # A client that cannot be told so gets what is on its way, and an end of all.
            self._one_ended = True
        return not self._half_ended()

    def _half_ended(self) -> bool:
        """One of both sends no more.  Whether that was the second one: then both connections end."""
        ended, self._one_ended = self._one_ended, True
        if ended and self._back is not None:
            back, self._back = self._back, None
            back.finish()
            self._front.answered(self)
        return ended

    def broken(self, back: Back, state: AtService, why: str) -> None:
        """The connection to the service was lost."""
        self._back = None
        if state is AtService.HEAD and self._again is not None and back.used and self._front.wire.is_there:
            again, self._again = self._again, None
            self._connect(again)
        elif self.begun:
            # Once the head is out, a body that breaks off can only be told by breaking off as well.
            self._front.break_off()
        else:
            self.fail(Unreached(self._site, True, why))

    def _send(self, wire: Wire, data: bytes) -> None:
        """Send; what is small waits for the end of the loop's turn while many calls are under way."""
        if self.way.row.tally.in_flight > _FEW and len(data) <= _SMALL:
            self._lane.pool.turn.write(wire, data)
        else:
            wire.write(data)

    # ---- the end

    def fail(self, unreached: Unreached) -> None:
        """Tell the client that there is no answer."""
        self._drop()
        error = self._lane.lost(self.way.service, unreached)
        seconds = self._settled()
        self.way.row.failed(unreached, error.status, seconds)
        if self._lane.is_due():
            self._note(error.status, seconds, unreached, error)
        self._tell(error)

    def refuse(self, error: ScopeProxyError) -> None:
        """Tell the client that it is at fault."""
        self._drop()
        seconds = self._settled()
        self.way.row.refused(seconds)
        if self._lane.is_due():
            self._note(error.status, seconds, None, error)
        self._tell(error)

    def _tell(self, error: ScopeProxyError) -> None:
        self._answer_for_it(self._lane.refusal(self.way.service, error))

    def _answer_for_it(self, reply: Reply) -> None:
        self.begun = True
        self.last = self.last or not self.sent or self._front.is_stopping
        self._front.wire.write(self._onward.told(reply, self.method, self.last))
        self._front.answered(self)

    def _drop(self) -> None:
        back, self._back, self._waiting = self._back, None, None
        if back is not None:
            back.close()

    def _answered(self, status: int) -> bytes:
        """Count the answer, and log it; what the client is told of it in header lines."""
        self.begun = True
        self.way.row.tally.in_flight -= 1
        seconds = self._front.now() - self._began
        self.way.row.answered(status, seconds)
        if self._lane.is_due():
            self._note(status, seconds)
        return b""

    def _settled(self) -> float:
        """Note that nobody waits for the head of an answer any more; and tell how long that took."""
        self.way.row.tally.in_flight -= 1
        return self._front.now() - self._began

    def _note(
        self, status: int, seconds: float, lost: Unreached | None = None, error: ScopeProxyError | None = None
    ) -> None:
        outcome = lost if error is not None else Reply(self._site, status)
        id_ = self._client_id.decode("utf-8", "replace") or None
        self._lane.note(Passed(self.way, self.method.decode(), status, seconds, outcome, id_, error))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
