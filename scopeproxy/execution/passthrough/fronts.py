"""All connections of clients at one door: made, counted, ended, and swept for those that are late."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from scopeproxy.errors import CallerError
from scopeproxy.execution.passthrough.coming import Coming
from scopeproxy.execution.passthrough.front import IDLE, Front
from scopeproxy.execution.passthrough.lane import Lane
from scopeproxy.execution.passthrough.lent import Answering, Lent

logger = logging.getLogger("scopeproxy.connections")

# Seconds between two sweeps: one look at all connections costs less than a timer for each of their waits.  Whoever is
# given little time is looked at more often.
_SLOWEST, _FASTEST = 1.0, 0.02
_SHARE_OF_PATIENCE = 0.1

# Seconds for requests that were on their way when the proxy began to stop: a client that waits for its next request may
# have sent it, and would see its connection reset.
_LAST_CALL = 0.25


class Fronts:
    """The clients' connections at a door.  Call it for the protocol of a new one.

    `lane`: what is in force now; `journey`: answers a request that is lent; `idle`: seconds between
    two requests; `now`: seconds, monotonic; `handshake`: seconds that a client has to agree on TLS; 0: there is none.
    """

    def __init__(
        self,
        lane: Callable[[], Lane],
        journey: Answering,
        idle: float = IDLE,
        now: Callable[[], float] = time.monotonic,
        handshake: float = 0.0,
    ) -> None:
        self.lane, self.journey, self.idle, self.now = lane, journey, idle, now
        self._open: set[Front] = set()
        self._coming = Coming(handshake, now)
        self._lent: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __call__(self) -> Front:
        front = Front(self)
        self._coming.add(front)
        return front

    def __len__(self) -> int:
        """With those whose client has yet to agree on TLS."""
        return len(self._open) + len(self._coming)

    def made(self, front: Front) -> None:
        """Note a new connection."""
        self._coming.discard(front)
        self._open.add(front)
        self._empty.clear()
        # It may have been accepted just before the door was closed.
        front.is_stopping = self._is_stopping
        if self._sweeping is None:
            self._sweep()

    def lost(self, front: Front) -> None:
        """Forget a connection."""
        self._open.discard(front)
        if not self._open:
            self._empty.set()

    def lend(self, lent: Lent) -> None:
        """Have the journey answer a request."""
        task = lent.start(self.journey)
        self._lent.add(task)
        task.add_done_callback(self._lent.discard)

    def refused(self, front: Front, error: CallerError) -> None:
        """Tell the log of what was no request; nothing of it is repeated, since it may hold a token."""
        logger.warning("a request from %s is refused: %s", front.address, type(error).__name__)

    def pre_shutdown(self) -> None:
        """Let the next answer of each connection be its last; what was begun is seen through."""
        self._is_stopping = True
        for front in self._open:
            front.is_stopping = True

    async def shutdown(self, patience: float) -> None:
        """Close what is idle, once what was on its way is here; wait so long for what was begun, then break it off."""
        last_call = min(_LAST_CALL, patience)
        if not await self._end_within(last_call):
            for front in tuple(self._open):
                front.stop()
            await self._end_within(patience - last_call)
        for front in tuple(self._open):
            front.give_up()
        self.lane().relays.end()
        if self._lent:
            await asyncio.wait(self._lent, timeout=patience)
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def _end_within(self, seconds: float) -> bool:
        """Whether all connections end within so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        return not self._open

    def _sweep(self) -> None:
        now = self.now()
        for front in [front for front in self._open if front.deadline <= now]:
            try:
                front.late()
            except Exception as error:
                # One connection must not cost all others their deadlines.
                logger.error("a connection is given up: %s", type(error).__name__)
                front.break_off()
        self._sweeping = None
        if self._open:
            wait = min(_SLOWEST, max(_FASTEST, min(self.lane().timeouts.answer, self.idle) * _SHARE_OF_PATIENCE))
            self._sweeping = asyncio.get_running_loop().call_later(wait, self._sweep)
