"""Links between the proxies that can be cut: the emulator's relays, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from lab.sites import Site
from scopeproxy.emulator.links import Cut, Links
from scopeproxy.model.topology import Address

T = TypeVar("T")


class CuttableLinks:
    """One relay for each pair of sites and front address, run by this process: they end with it."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._thread.start()
        addresses = {
            site.name: [Address(site.ip, port) for port in sorted({site.front_port(api) for api in site.apis})]
            for site in sites
        }
        self._sites = tuple(addresses)
        self._links = self._do(lambda: Links(addresses))
        self._do(self._links.open)

    def routes(self) -> Mapping[str, Mapping[str, str]]:
        """For the proxy of each site: its peers' front addresses, and where to connect instead."""
        return {
            name: {str(there): str(here) for there, here in self._links.routes(name).items()} for name in self._sites
        }

    def cut(self, one: str, other: str, how: Cut | str, *, symmetric: bool) -> None:
        self._do(lambda: self._links.cut(one, other, how, symmetric=symmetric))

    def heal(self, one: str | None, other: str | None) -> None:
        self._do(lambda: self._links.heal(one, other))

    def delay(self, one: str, other: str, seconds: float) -> None:
        self._do(lambda: self._links.delay(one, other, seconds))

    def look(self) -> None:
        """Notice at once which fronts no longer listen."""
        self._do(self._links.look)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._links.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, what: Callable[[], T]) -> T:
        """In the loop's thread, where alone its sockets may be touched."""

        async def done() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)
