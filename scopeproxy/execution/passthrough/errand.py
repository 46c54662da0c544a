"""One call of the proxy's own to a service or a peer, and its answer: the counterpart of `exchange`, whose calls are a
client's.

What goes wrong is a value (Unreached), which tells whether anything was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set

from scopeproxy.execution.passthrough.arriving import Arriving, data_of, told
from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.chunks import Chunks
from scopeproxy.execution.passthrough.framing import CHUNKED
from scopeproxy.execution.passthrough.head import ReplyHead
from scopeproxy.execution.passthrough.outgoing import Head, Outgoing, Unsendable, head_of
from scopeproxy.execution.passthrough.patience import Patience
from scopeproxy.execution.passthrough.pool import Pool, Unconnected
from scopeproxy.execution.passthrough.sending import Sending
from scopeproxy.execution.passthrough.states import AtService
from scopeproxy.execution.passthrough.tunnel import Tunnel
from scopeproxy.model.messages import Outcome, Reply, Unreached

# What may be sent again by itself when a pooled connection turns out closed.  RFC 9110, section 9.2.2, would have PUT
# and DELETE among them, but a delete that was done, and is repeated, answers 404: `|` would go on and delete at the
# next site too.
REPEATED = frozenset({"GET", "HEAD", "OPTIONS"})

_CONTINUE = b"100"


class Errand:
    """A call from its head to the end of its answer.  `held`: bytes of an answer's body that come with its head when
    they are here; a larger one is a stream."""

    __slots__ = (
        "_again", "_answered", "_back", "_before", "_body", "_call", "_chunks", "_held", "_kept", "_loop",
        "_patience", "_pool", "_sending", "method", "tunnel",
    )  # fmt: skip

    def __init__(self, pool: Pool, call: Outgoing, held: int) -> None:
        """Call it in the event loop."""
        self._pool, self._call, self._held = pool, call, held
        self._loop = asyncio.get_running_loop()
        self.method = call.method.encode()
        # Whether an attempt was sent anything before this one, and whether there may be another one.
        self._before, self._again = False, call.method in REPEATED
        # Whether the connection was in use before.
        self._kept = False
        self._patience = Patience(call, self._late)
        self._back: Back | None = None
        self._sending: Sending | None = None
        self._body: Arriving | None = None
        self._chunks: Chunks | None = None
        # Whoever asks for another protocol has it as a stream.
        self.tunnel = self if call.upgrades else None
        # The outcome; None: once more.
        self._answered: asyncio.Future[Outcome | None] = self._loop.create_future()

    async def outcome(self) -> Outcome:
        """What becomes of it: the head of the answer, and the rest of that as a stream; or why there is none."""
        try:
            head = head_of(self._call)
        except Unsendable as error:
            return self._unreached(str(error))
        if self._patience.is_over:
            return self._unreached(self._patience.why(False))
        back = self._pool.take(self._call.root.origin)
        try:
            while True:
                made = back or await self._connected()
                if isinstance(made, Unreached):
                    self.give_up()
                    return made
                answered = self._answered
                if answered.done():
                    # The body was lost while there was no connection.
                    self._pool.put(made)
                else:
                    self._carry(made, head)
                outcome = await answered
                if outcome is not None:
                    return outcome
                back = None
        except BaseException:
            # Whoever waited for it has gone.
            self.give_up()
            raise

    async def _connected(self) -> Back | Unreached:
        while True:
            try:
                async with asyncio.timeout_at(self._patience.until):
                    back = await self._pool.reach(self._call.root, self._call.timeouts.connect)
            except TimeoutError:
                return self._unreached(self._patience.why(self._begun))
            except Unconnected as error:
                return self._unreached(str(error))
            if back.usable:
                return back
            # It was closed just now: one that was in use before says nothing of a new one.
            if not back.used:
                return self._unreached("it closed the connection at once")

    def _carry(self, back: Back, head: Head) -> None:
        self._back, self._kept, self._before = back, back.used, self._begun
        if self._sending is not None and not self._sending.begun:
            self._sending.go_by(back)
            back.keep(self)
            return
        self._patience.start()
        # A body on its way earns more time with each piece that gets through.
        self._sending = Sending(head, self._call.body, self._patience.earn, self._lose)
        at_once = self._sending.begin(back)
        if at_once:
            back.carry(self, at_once)
        else:
            back.keep(self)

    def give_up(self) -> None:
        """Nobody wants what is still to come of it."""
        self._stop()
        back, self._back = self._back, None
        if back is not None:
            back.close()

    # ---- what the service does

    @property
    def _begun(self) -> bool:
        """Whether it may have been given any of it."""
        return self._before or (self._sending is not None and self._sending.begun)

    @property
    def sent(self) -> bool:
        """Whether the service was given all of it."""
        return self._sending is not None and self._sending.sent

    def service_full(self) -> None:
        """The service takes no more of the body for now: the next piece of it will see that."""

    def service_ready(self) -> None:
        """The service takes more of the body again."""
        if isinstance(self._body, Tunnel):
            self._body.room()
        elif self._sending is not None:
            self._sending.ready()

    def provisional(self, head: bytes) -> None:
        """A 1xx: it is answering, and may ask for the body."""
        self._again = False
        if self._sending is not None and head[9:12] == _CONTINUE:
            self._sending.asked()
        if self._call.provisional is not None:
            self._call.provisional(head)

    def answer(self, head: ReplyHead, framing: int, options: Set[bytes], body: bytes) -> None:
        """The head of the answer, and what has come of its body: all of it, mostly.

        One in chunks is a stream even so, since it goes on in chunks."""
        if self._sending is not None and not self._sending.begun:
            self._unasked()
            return
        if self._sending is not None:
            self._sending.answered()
        if framing == CHUNKED:
            self._chunks = Chunks()
            body = data_of(self._chunks, body)
        if framing < 0 or not framing == len(body) <= self._held:
            self._patience.earn()
            self._body = Arriving(self)
            self._body.put(body)
            body = b""
        reason, headers = told(head)
        self._settle(Reply(self._call.site, head.status, headers, body, self._body, reason))

    def answer_goes_on(self) -> None:
        """More of the body is to come: the stream waits for it."""

    def answer_body(self, data: bytes) -> None:
        """More of the body."""
        assert self._body is not None
        self._patience.earn()
        self._body.put(data if self._chunks is None else data_of(self._chunks, data))

    def ended(self) -> None:
        """The answer is whole."""
        self._back = None
        self._stop()
        if self._body is not None:
            self._body.end()

    def broken(self, back: Back, state: AtService, why: str) -> None:
        """The connection was lost."""
        self._back = None
        if self._sending is not None and not self._sending.begun and self._kept:
            # It was kept for too long while the body was waited for: nothing is lost with it.
            self._sending.go_by(None)
            self._once_more()
        elif state is AtService.HEAD and self._kept and self._again:
            # RFC 9110, section 9.2.2: what does no harm twice, when a connection from the pool proves closed.
            self._again = False
            self._stop()
            self._once_more()
        else:
            self._lose(ConnectionError(why))

    def _unasked(self) -> None:
        """It answers what it was not asked, as some do before they close a connection."""
        back = self._back
        assert back is not None
        back.close()
        self.broken(back, AtService.HEAD, "it answered before it was asked")

    def _once_more(self) -> None:
        answered, self._answered = self._answered, self._loop.create_future()
        if not answered.done():
            answered.set_result(None)

    # ---- what the service says in another protocol

    def switched(self, head: ReplyHead, data: bytes) -> None:
        """It has agreed to it.  Who reads the stream minds the time, from here on."""
        assert self._back is not None
        self._stop()
        tunnel = self._body = Tunnel(self, self._back)
        tunnel.put(data)
        reason, headers = told(head)
        self._settle(Reply(self._call.site, head.status, headers, b"", tunnel, reason))

    def from_service(self, data: bytes) -> None:
        """More that it says."""
        if self._body is not None:
            self._body.put(data)

    def service_ended(self) -> bool:
        """It says no more: then both connections end."""
        if self._body is not None:
            self._body.end()
        return False

    # ---- for the stream of the answer

    def reader_full(self) -> None:
        """The answer is taken too slowly."""
        if self._back is not None:
            self._back.wire.pause_reading()

    def reader_ready(self) -> None:
        """More of the answer is taken again."""
        if self._back is not None:
            self._back.wire.resume_reading()

    def reader_waits(self) -> None:
        """The service has its time from now on: what the reader took before is not its fault."""
        self._patience.earn()

    # ---- the end

    def _late(self) -> None:
        if self._body is None:
            self._lose(TimeoutError(self._patience.why(self._begun)))
        elif self._body.is_waited_for:
            self._lose(TimeoutError("no more of it came in time"))
        else:
            # It is the reader who takes so long.
            self._patience.earn()
            self._patience.start()

    def _unreached(self, why: str) -> Unreached:
        return Unreached(self._call.site, self._begun, why)

    def _lose(self, error: OSError) -> None:
        """There will be no answer, or no more of it."""
        self.give_up()
        if self._body is not None:
            self._body.lose(error)
        else:
            self._settle(self._unreached(str(error)))

    def _settle(self, outcome: Outcome) -> None:
        # Where nobody waits any more there is nothing to tell.
        if not self._answered.done():
            self._answered.set_result(outcome)

    def _stop(self) -> None:
        self._patience.stop()
        if self._sending is not None:
            self._sending.stop()
