"""Connections to services and peers: kept for the next call while they are good, never for long."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.dialing import Dialer
from scopeproxy.execution.passthrough.line import Line
from scopeproxy.execution.passthrough.turn import Turn
from scopeproxy.model.topology import Address, Url

# Below the 5 s after which Apache httpd, the usual server of OpenStack's APIs, closes an idle connection: a write on a
# connection that is just being closed would be one that "may have happened".
KEPT_FOR = 4.0

# Idle connections that are kept to each service.
_IDLE = 512
# Seconds between two looks at which of them have become too old.
_SWEEP_EVERY = 1.0


class Unconnected(Exception):
    """No connection can be had; the text tells why, and names no secret."""


class Pool:
    """The connections from one site, under one topology, to its services and to the other sites' proxies.

    `routes`: where to connect instead of to an address (a NAT, a tunnel); `authorities`: the file of those who are
    believed to tell who is who over TLS; None: whom the system believes; `patience`: seconds for a connection; `clock`:
    seconds, monotonic; `most`: connections to one address at a time, beyond which calls wait in the order in which they
    came; 0: any number.  `turn`: for what is written to them, and to the clients.
    """

    def __init__(
        self,
        routes: Mapping[Address, Address],
        authorities: str | None,
        patience: float,
        clock: Callable[[], float],
        most: int = 0,
    ) -> None:
        self._routes, self._authorities, self._patience, self._clock = routes, authorities, patience, clock
        self._line = Line(most, self.put)
        self._dialer = Dialer(clock)
        self._trust: ssl.SSLContext | None = None
        self.turn = Turn()
        self._idle: dict[str, deque[Back]] = {}
        self._open: set[Back] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False
        self._empty: asyncio.Future[None] | None = None

    def open(self) -> None:
        """Read the file of authorities.  Raises OSError."""
        if self._authorities is not None:
            self._trust = ssl.create_default_context(cafile=self._authorities)

    # ---- taking

    def take(self, origin: str) -> Back | None:
        """An idle connection to a service, the one that was used last; None: there is none."""
        idle = self._idle.get(origin)
        while idle:
            back = idle.pop()
            if back.usable:
                if back.idle_until > self._clock():
                    return back
                back.close()
        return None

    async def connect(self, root: Url) -> Back:
        """A new connection, or one that is free by now, for who waits no longer than a connection takes.

        Raises Unconnected.
        """
        try:
            async with asyncio.timeout(self._patience):
                return await self.reach(root, self._patience)
        except TimeoutError as error:
            raise Unconnected(_LATE) from error

    async def reach(self, root: Url, patience: float) -> Back:
        """The same, for who has time to stand in line.  `patience`: seconds for making a connection, for which it does
        not count that this process was busy.  Raises Unconnected."""
        return await self._line.enter(root.origin) or await self._made(root, patience)

    async def reaches(self, root: Url, patience: float) -> bool:
        """Whether a new connection can be had within so many seconds; it is closed again."""
        try:
            probe = await self._dialer.dial(_Probe, self._route(root), patience)
        except OSError:
            return False
        probe.transport.close()
        return True

    async def _made(self, root: Url, patience: float) -> Back:
        """A new connection, whose place is taken already."""
        address, context, name = self._route(root), None, None
        try:
            if root.scheme == "https":
                context, name = self._context(), root.address.host
            back = await self._dialer.dial(lambda: Back(self, root.origin), address, patience, context, name)
        except BaseException as error:
            # Loops differ in whether they tell a protocol of the end, when the time is over just as it is connected.
            self._line.leave(root.origin)
            if isinstance(error, OSError):
                raise Unconnected(_why(error, address)) from error
            raise
        if back.usable:
            self._open.add(back)
        else:
            self._line.leave(root.origin)
        return back

    def _route(self, root: Url) -> Address:
        return self._routes.get(root.address, root.address)

    def _context(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = ssl.create_default_context()
        return self._trust

    # ---- keeping

    def put(self, back: Back) -> None:
        """Keep a connection for the next call, unless it was closed meanwhile."""
        if not back.usable:
            return
        if not self._closed and self._line.hand_on(back.origin, back):
            return
        idle = self._idle.get(back.origin)
        if idle is None:
            idle = self._idle[back.origin] = deque()
        if self._closed or len(idle) >= _IDLE:
            back.close()
            return
        back.idle_until = self._clock() + KEPT_FOR
        idle.append(back)
        if self._sweeping is None:
            self._sweep_later()

    def lost(self, back: Back) -> None:
        """Forget a connection."""
        if back in self._open:
            self._open.discard(back)
            self._line.leave(back.origin)
            if self._empty is not None and not self._open and not self._empty.done():
                self._empty.set_result(None)

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        for idle in self._idle.values():
            # Those that were put back first are at the left.
            while idle and (not idle[0].usable or idle[0].idle_until <= now):
                idle.popleft().close()

    def _sweep_later(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_EVERY, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        self.sweep(self._clock())
        if any(self._idle.values()):
            self._sweep_later()

    def counts(self) -> dict[str, int]:
        """How many connections are in use, and idle, and how many calls wait for one."""
        idle = sum(back.usable for kept in self._idle.values() for back in kept)
        return {"in_use": len(self._open) - idle, "idle": idle, "waiting": self._line.waiting}

    # ---- the end

    def retire(self) -> None:
        """Keep no connection any more; those in use end with their calls."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    async def ended(self) -> None:
        """Wait until no connection is open."""
        while self._open:
            self._empty = asyncio.get_running_loop().create_future()
            await self._empty

    def close(self) -> None:
        """Close every connection."""
        self.retire()
        for back in tuple(self._open):
            back.close()


class _Probe(asyncio.Protocol):
    """A connection on which nothing is said."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # By its class a transport of uvloop is none of asyncio's.
        self.transport = cast(asyncio.Transport, transport)


_LATE = "no connection in time"


def _why(error: OSError, address: Address) -> str:
    """What went wrong, in words that name no secret."""
    match error:
        case TimeoutError():
            return _LATE
        case socket.gaierror():
            return f"its name {address.host} is not known"
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted: name the authority in proxy.tls.peers"
        case ssl.SSLError() | OSError(errno=None):
            return f"no connection to {address} ({error.strerror or error})"
        case _:
            return f"no connection to {address} ({os.strerror(error.errno or 0)})"
