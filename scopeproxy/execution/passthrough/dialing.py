"""New connections: a name becomes addresses, which are kept for a while, and each of them is tried."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from scopeproxy.execution.own_time import within_own_time
from scopeproxy.execution.under_way import UnderWay
from scopeproxy.model.topology import Address

# Seconds for which the addresses of a name are believed.
KNOWN_FOR = 30.0
# Names of which the addresses are kept.
_NAMES = 1024

Protocol = TypeVar("Protocol", bound=asyncio.BaseProtocol)


@dataclass(slots=True)
class _Known:
    """The addresses of a name, those that failed last at the end, and until when they are believed."""

    addresses: list[str]
    until: float


class Dialer:
    """Makes connections.  `clock`: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._asking = UnderWay()

    async def dial(
        self,
        protocol: Callable[[], Protocol],
        to: Address,
        patience: float,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
    ) -> Protocol:
        """A connection, by TLS where there is a context; `name`: whose certificate is asked for.

        `patience`: seconds for the name, and for all of its addresses together; that this process was busy meanwhile
        does not count.  Raises OSError.
        """
        loop = asyncio.get_running_loop()
        async with within_own_time(patience):
            known = await self._addresses(to)
        failed: OSError = OSError(f"{to.host} has no address")
        tried = tuple(known.addresses)
        for address in tried:
            try:
                # Each has a share, so that one which says nothing leaves some to the next.
                async with within_own_time(patience / len(tried)):
                    return (
                        await loop.create_connection(protocol, address, to.port, ssl=context, server_hostname=name)
                    )[1]
            except ssl.SSLError:
                # It is there, and is not who it should be, or speaks something else.
                raise
            except OSError as error:
                failed = error
                if len(tried) > 1 and address in known.addresses:
                    known.addresses.remove(address)
                    known.addresses.append(address)
        raise failed

    async def _addresses(self, to: Address) -> _Known:
        if _is_address(to.host):
            return _Known([to.host], 0.0)
        known = self._known.get(to.host)
        if known is None or known.until <= self._clock():
            known = await self._asking.once(to.host, lambda: self._asked(to))
        return known

    async def _asked(self, to: Address) -> _Known:
        loop = asyncio.get_running_loop()
        # The type of socket is told, or each address would come once for each type that there is.
        found = await loop.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
        known = _Known(list(dict.fromkeys(str(place[0]) for *_, place in found)), self._clock() + KNOWN_FOR)
        self._known.pop(to.host, None)
        self._known[to.host] = known
        if len(self._known) > _NAMES:
            del self._known[next(iter(self._known))]
        return known


@lru_cache(maxsize=_NAMES)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
