"""One site's proxy as a running thing: its sockets, its housekeeping, and the topology it serves by."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from scopeproxy.edges.config import own_site
from scopeproxy.edges.doors import WELL_KNOWN, Door
from scopeproxy.edges.house import House, Lasting, build
from scopeproxy.edges.keys import site_key
from scopeproxy.edges.reading import headers_of, raw_target, read
from scopeproxy.edges.writing import write
from scopeproxy.errors import CallerError, ConfigurationError, ScopeProxyError, SiteFailure
from scopeproxy.execution.journey import Arrival
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.reading import discard
from scopeproxy.model.messages import Reply, json_reply
from scopeproxy.model.topology import Tls, Topology
from scopeproxy.planning.carriers import Tags

logger = logging.getLogger("scopeproxy")

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PURGE_EVERY = 60.0
# Seconds that a client may take between two requests on one connection.
_IDLE = 75.0
# Seconds that calls under way get when the proxy stops.
_GRACE = 10.0


class App:
    """The proxy of one site.  `start` and `stop` in one event loop; `use` takes a new topology while it runs."""

    def __init__(self, topology: Topology, here: str) -> None:
        site = own_site(topology, here)
        key = site_key(site.proxy)
        ledger = Ledger(site.proxy.state, key)
        self._here = here
        self._lasting = Lasting(ledger, Tags(key, here), Metrics(here))
        self.house: House = build(topology, here, self._lasting)
        self._servers: dict[Door, tuple[asyncio.Server, web.Server]] = {}
        self._chores: list[asyncio.Task[None]] = []
        self._seen_through: set[asyncio.Task[Reply]] = set()

    @property
    def lasting(self) -> Lasting:
        return self._lasting

    async def start(self) -> None:
        """Open everything; the proxy answers when this returns.  Raises ConfigurationError for what cannot be."""
        await self._lasting.ledger.open()
        await self.house.forwarder.open()
        try:
            await self._open(list(self.house.doors.values()))
        except BaseException:
            await self.stop()
            raise
        self._chores = [asyncio.create_task(self._purge()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Take no more calls, see those under way through for a while, and close."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._close(list(self._servers))
        if self._seen_through:
            await asyncio.wait(self._seen_through, timeout=_GRACE)
        await self.house.forwarder.close()
        await self._lasting.ledger.close()

    async def use(self, topology: Topology) -> None:
        """Serve by a new topology.  Calls under way end by the old one."""
        own_site(topology, self._here)
        house = build(topology, self._here, self._lasting)
        await house.forwarder.open()
        old, self.house = self.house, house
        # Sockets that stay are left open; which paths are on them is looked up in the house for each call.
        await self._close([door for door in self._servers if door.address not in house.doors])
        open_now = {door.address for door in self._servers}
        await self._open([door for address, door in house.doors.items() if address not in open_now])
        self._restart_chores()
        asyncio.get_running_loop().call_later(
            old.here.proxy.timeouts.total, lambda: asyncio.ensure_future(old.forwarder.close())
        )

    def _restart_chores(self) -> None:
        for chore in self._chores:
            chore.cancel()
        self._chores = [asyncio.create_task(self._purge()), asyncio.create_task(self._watch())]

    # ---- sockets

    async def _open(self, wanted: list[Door]) -> None:
        loop = asyncio.get_running_loop()
        for door in wanted:
            server = web.Server(
                self._handler(door),  # type: ignore[arg-type]
                handler_cancellation=True,
                keepalive_timeout=_IDLE,
                access_log=None,
                max_line_size=self.house.here.proxy.limits.header,
                max_field_size=self.house.here.proxy.limits.header,
            )
            tls = tls_of(self.house.here.proxy.tls) if door.tls else None
            try:
                listening = await loop.create_server(
                    server, door.address.host, door.address.port, ssl=tls, reuse_address=True, backlog=1024
                )
            except OSError as error:
                raise ConfigurationError([f"cannot listen on {door.address}: {error.strerror or error}"]) from error
            self._servers[door] = (listening, server)

    async def _close(self, closing: list[Door]) -> None:
        for door in closing:
            listening, server = self._servers.pop(door)
            listening.close()
            server.pre_shutdown()
            await server.shutdown(_GRACE)

    def _handler(self, door: Door) -> Callable[[web.BaseRequest], object]:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            house = self.house
            reply = await self._reply(house, house.doors.get(door.address, door), request)
            return await write(request, reply, house.here.proxy.timeouts.answer)

        return handle

    async def _reply(self, house: House, door: Door, request: web.BaseRequest) -> Reply:
        try:
            target = raw_target(request)
        except CallerError as error:
            return json_reply(self._here, 400, {"error": {"status": 400, "message": str(error)}})
        found = door.service(target)
        if found is None:
            message = f"{target.partition('?')[0]!r} is below none of the services' paths on {door.address}"
            return json_reply(self._here, 404, {"error": {"status": 404, "message": message}})
        if sum(len(server.connections) for _, server in self._servers.values()) > house.here.proxy.limits.connections:
            busy = SiteFailure(f"{self._here} has too many connections open: try again", 503)
            return house.journey.refusal(found[0], busy)
        return await self._answer(house, door, request, target, *found)

    async def _answer(
        self, house: House, door: Door, request: web.BaseRequest, target: str, service: str, below: str
    ) -> Reply:
        ours = read(request, service, below, house.here.proxy.timeouts.answer)
        try:
            peer = house.peers.sender(request.method, target, service, headers_of(request))
            if below.startswith(WELL_KNOWN):
                return await house.well_known.answer(ours, peer)
        except ScopeProxyError as error:
            return house.journey.refusal(service, error)
        client = (request.transport.get_extra_info("peername") if request.transport else None) or ("",)
        arrival = Arrival(ours, str(client[0]), "https" if door.tls else "http", peer)
        if request.method in _SAFE:
            return await house.journey.answer(arrival)
        return await self._see_through(house, arrival)

    async def _see_through(self, house: House, arrival: Arrival) -> Reply:
        """A write which was begun is carried on when its client leaves: half of it may be done."""
        task = asyncio.create_task(house.journey.answer(arrival))
        self._seen_through.add(task)
        task.add_done_callback(self._seen_through.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_let_go)
            raise

    # ---- housekeeping

    async def _purge(self) -> None:
        while True:
            with suppress(SiteFailure):
                await self._lasting.ledger.purge()
                for table, count in self._lasting.ledger.describe().items():
                    self._lasting.metrics.ledger_entries.labels(table).set(count)
            await asyncio.sleep(_PURGE_EVERY)

    async def _watch(self) -> None:
        await self.house.health.watch(self.house.probe)


def tls_of(tls: Tls) -> ssl.SSLContext:
    """The context of a front that speaks https."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate or "", tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError([f"proxy.tls: the certificate {tls.certificate} cannot be used: {error}"]) from error
    return context


def _let_go(task: asyncio.Task[Reply]) -> None:
    """Nobody reads this answer any more."""
    if not task.cancelled() and task.exception() is None:
        closing = asyncio.ensure_future(discard(task.result()))
        closing.add_done_callback(lambda done: done.exception())
