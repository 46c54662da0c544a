"""Connections to the own services: kept for the next call while they are good, never for long."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping

from scopeproxy.execution.passthrough.back import Back
from scopeproxy.model.topology import Address, Url

# Below the 5 s after which Apache httpd, the usual server of OpenStack's APIs, closes an idle connection.
KEPT_FOR = 4.0

# Idle connections that are kept to each service.
_IDLE = 512


class Unconnected(Exception):
    """No connection can be had; the text tells why, and names no secret."""


class Pool:
    """The connections to the services of one site under one topology.

    `routes`: where to connect instead; `context`: for services that speak https; `patience`: seconds for a connection;
    `clock`: seconds, monotonic; `most`: connections to one service at a time, beyond which calls wait in the order in
    which they came; 0: any number.
    """

    def __init__(
        self,
        routes: Mapping[Address, Address],
        context: Callable[[], ssl.SSLContext | None],
        patience: float,
        clock: Callable[[], float],
        most: int = 0,
    ) -> None:
        self._routes, self._context, self._patience, self._clock = routes, context, patience, clock
        self._most = most or sys.maxsize
        self._idle: dict[str, deque[Back]] = {}
        self._waiting: dict[str, deque[asyncio.Future[Back | None]]] = {}
        self._open: set[Back] = set()
        # Connections to each service, with those that are being made.
        self._count: Counter[str] = Counter()
        self._closed = False

    def take(self, origin: str) -> Back | None:
        """An idle connection to a service, the one that was used last; None: there is none."""
        idle = self._idle.get(origin)
        while idle:
            back = idle.pop()
            if back.usable:
                return back
        return None

    async def connect(self, root: Url) -> Back:
        """A new connection, or one that is free by now.  Raises Unconnected."""
        address = self._routes.get(root.address, root.address)
        try:
            async with asyncio.timeout(self._patience):
                back = await self._freed(root.origin) if self._count[root.origin] >= self._most else None
                return back or await self._made(root, address)
        except (OSError, ssl.SSLError) as error:
            raise Unconnected(_why(error, address)) from error

    async def _made(self, root: Url, address: Address) -> Back:
        loop = asyncio.get_running_loop()
        secure = root.scheme == "https"
        context = self._context() or ssl.create_default_context() if secure else None
        self._count[root.origin] += 1
        try:
            _, back = await loop.create_connection(
                lambda: Back(self, root.origin), *address, ssl=context,
                server_hostname=root.address.host if secure else None,
            )  # fmt: skip
        except BaseException:
            # Loops differ in whether they tell a protocol of the end, when the time is over just as it is connected.
            self._leave(root.origin)
            raise
        if back.usable:
            self._open.add(back)
        else:
            self._leave(root.origin)
        return back

    async def _freed(self, origin: str) -> Back | None:
        """A connection that somebody gives back; None: one may be made instead of one that was lost."""
        turn: asyncio.Future[Back | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(origin, deque()).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Its turn has come just when its time was over: the next one's, then.
                self._hand_on(origin, turn.result())
            raise

    def _hand_on(self, origin: str, back: Back | None) -> bool:
        """Give a connection, or leave to make one, to who has waited longest.  Whether somebody waits."""
        waiting = self._waiting.get(origin)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(back)
                return True
        return False

    def _leave(self, origin: str) -> None:
        self._count[origin] -= 1
        self._hand_on(origin, None)

    def put(self, back: Back) -> None:
        """Keep a connection for the next call, unless it was closed meanwhile."""
        if not back.usable:
            return
        if self._waiting and not self._closed and self._hand_on(back.origin, back):
            return
        idle = self._idle.get(back.origin)
        if idle is None:
            idle = self._idle[back.origin] = deque()
        if self._closed or len(idle) >= _IDLE:
            back.close()
            return
        back.idle_until = self._clock() + KEPT_FOR
        idle.append(back)

    def lost(self, back: Back) -> None:
        """Forget a connection."""
        if back in self._open:
            self._open.discard(back)
            self._leave(back.origin)

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        for idle in self._idle.values():
            # Those that were put back first are at the left.
            while idle and (not idle[0].usable or idle[0].idle_until <= now):
                idle.popleft().close()

    def counts(self) -> dict[str, int]:
        """How many connections are in use, and idle, and how many calls wait for one."""
        idle = sum(back.usable for kept in self._idle.values() for back in kept)
        waiting = sum(not turn.done() for turns in self._waiting.values() for turn in turns)
        return {"in_use": len(self._open) - idle, "idle": idle, "waiting": waiting}

    def retire(self) -> None:
        """Keep no connection any more; those in use end with their calls."""
        self._closed = True
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def close(self) -> None:
        """Close every connection."""
        self.retire()
        for back in tuple(self._open):
            back.close()


def _why(error: Exception, address: Address) -> str:
    """What went wrong, as execution/forwarding.py tells of the same."""
    match error:
        case TimeoutError():
            return "no connection in time"
        case socket.gaierror():
            return f"its name {address.host} is not known"
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted: name the authority in proxy.tls.peers"
        case OSError():
            return f"no connection to {address.host}:{address.port} ({error.strerror or type(error).__name__})"
        case _:
            return type(error).__name__
