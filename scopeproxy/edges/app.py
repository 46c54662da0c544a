"""One site's proxy as a running thing: its sockets, its housekeeping, and the topology it serves by."""

from __future__ import annotations

import asyncio
import logging
import ssl
import traceback
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from scopeproxy.edges.config import own_site
from scopeproxy.edges.connections import cannot_listen
from scopeproxy.edges.doors import WELL_KNOWN, Door, Entered, leads_out
from scopeproxy.edges.house import House, Lasting, build
from scopeproxy.edges.keys import site_key, spool_of
from scopeproxy.edges.lanes import lane_of, of_nobody
from scopeproxy.edges.room import TurnedAway, for_clients, for_telling, limit_of_files
from scopeproxy.errors import CallerError, ConfigurationError, ScopeProxyError, SiteFailure
from scopeproxy.execution.journal import Journal
from scopeproxy.execution.journey import Arrival
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.passthrough.fronts import Fronts
from scopeproxy.execution.passthrough.incoming import Incoming
from scopeproxy.execution.passthrough.lane import Lane
from scopeproxy.execution.passthrough.lent import SAFE, Answering, Lent
from scopeproxy.execution.passthrough.pool import Pool
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.reading import discard
from scopeproxy.model.messages import Reply, json_reply
from scopeproxy.model.topology import Address, ProxySettings, Tls, Topology
from scopeproxy.planning.carriers import Tags

logger = logging.getLogger("scopeproxy")

_PURGE_EVERY = 60.0
# Seconds that calls under way get when the proxy stops, or when their socket is no longer in the topology.
_GRACE = 10.0
# Seconds that a connection over the limit may take to be told so, and that any may take to agree on TLS.
_HURRY, _HANDSHAKE = 5.0, 15.0


@dataclass(frozen=True, slots=True)
class _Listening:
    """An open socket.  `fronts` take its connections, `busy` those over the limit, which it sends away."""

    door: Door
    socket: asyncio.Server
    fronts: Fronts
    busy: Fronts
    tls: ssl.SSLContext | None

    async def stop(self) -> None:
        """Take no more connections."""
        loop = asyncio.get_running_loop()
        # For who was connected by the kernel before now.
        await asyncio.sleep(0)
        if isinstance(loop, asyncio.SelectorEventLoop):
            # It drops on the floor, unclosed, what it has accepted and not yet set up when its server is closed.
            for socket in self.socket.sockets:
                loop.remove_reader(socket.fileno())
            await asyncio.sleep(0)
        self.socket.close()
        for fronts in (self.fronts, self.busy):
            fronts.pre_shutdown()

    async def close(self) -> None:
        """Give the calls under way a while, then close."""
        await asyncio.gather(*(fronts.shutdown(_GRACE) for fronts in (self.fronts, self.busy)))


class App:
    """The proxy of one site.  `start` and `stop` in one event loop; `use` takes a new topology while it runs.

    `several`: whether other processes serve the same site on the same sockets.
    """

    def __init__(self, topology: Topology, here: str, several: bool = False) -> None:
        site = own_site(topology, here)
        key = site_key(site.proxy)
        ledger = Ledger(site.proxy.state, key)
        self._here, self._several = here, several
        # Where the state is not in a file of this machine, proxies elsewhere may serve the site too.
        shared = several or not site.proxy.state.startswith("sqlite")
        journal = Journal(ledger, key, shared, spool=spool_of(site.proxy))
        metrics = Metrics(here)
        self._lasting = Lasting(ledger, journal, Tags(key, here), metrics, Tally(metrics, here), shared)
        self.house: House = build(topology, here, self._lasting)
        self._open_now: dict[Address, _Listening] = {}
        self._chores: list[asyncio.Task[None]] = []
        self._seen_through: set[asyncio.Task[Reply]] = set()
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def lasting(self) -> Lasting:
        return self._lasting

    async def start(self) -> None:
        """Open everything; the proxy answers when this returns.  Raises ConfigurationError for what cannot be."""
        try:
            await self._lasting.ledger.open()
            _open(self.house.pool, self.house.here.proxy.tls)
            await self._listen(list(self.house.doors.values()), self.house.here.proxy)
            self._warn_of_files()
        except BaseException:
            await self.stop()
            raise
        self._start_chores()

    async def stop(self) -> None:
        """Take no more calls, see those under way through for a while, and close."""
        self._stop_chores()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._close(list(self._open_now))
        if self._seen_through:
            await asyncio.wait(self._seen_through, timeout=_GRACE)
        for task in self._retired:
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        self.house.pool.close()
        await self._lasting.ledger.close()

    async def use(self, topology: Topology) -> None:
        """Serve by a new topology.  Calls under way end by the old one.

        Raises ConfigurationError for one that cannot be served, and goes on by the old one.
        """
        site, old = own_site(topology, self._here), self.house
        house = build(topology, self._here, self._lasting)
        context = tls_of(site.proxy.tls) if any(door.tls for door in house.doors.values()) else None
        _open(house.pool, site.proxy.tls)
        new = [door for address, door in house.doors.items() if address not in self._open_now]
        await self._listen(new, site.proxy)
        self._warn_of_what_lasts(old, house)
        # Sockets that stay are left open; which paths are on them is looked up in the house for each call.
        self.house = house
        changed = [
            address
            for address, listening in self._open_now.items()
            if address not in house.doors or house.doors[address].tls != listening.door.tls
        ]
        for listening in self._open_now.values():
            if context is not None and listening.tls is not None and listening.door.address not in changed:
                listening.tls.load_cert_chain(site.proxy.tls.certificate or "", site.proxy.tls.key)
        self._stop_chores()
        self._start_chores()
        old.pool.retire()
        self._later(_see_off(old.pool))
        closing = asyncio.create_task(self._close(changed))
        await asyncio.sleep(0)
        await self._listen([house.doors[address] for address in changed if address in house.doors], site.proxy)
        self._later(closing)

    def _warn_of_what_lasts(self, old: House, new: House) -> None:
        for key in ("state", "spool", "key", "admin"):
            if getattr(old.here.proxy, key) != getattr(new.here.proxy, key):
                logger.warning("proxy.%s was changed: that takes effect when the proxy is started anew", key)

    def _warn_of_files(self) -> None:
        wanted, files = self.house.here.proxy.limits.connections, limit_of_files()
        if (room := for_clients(wanted, files)) < wanted:
            logger.warning("limits.connections: there is room for %d of %d, with %d open files", room, wanted, files)

    def _later(self, work: Coroutine[Any, Any, None] | asyncio.Task[None]) -> None:
        task = work if isinstance(work, asyncio.Task) else asyncio.create_task(work)
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    # ---- sockets

    async def _listen(self, wanted: Sequence[Door], settings: ProxySettings) -> None:
        """Open these sockets, or none of them."""
        opened, mistakes = [], []
        for door in wanted:
            try:
                self._open_now[door.address] = await self._listen_at(door, settings)
                opened.append(door.address)
            except OSError as error:
                mistakes.append(cannot_listen(door.address, error))
            except ConfigurationError as error:
                mistakes += error.mistakes
        if mistakes:
            await self._close(opened)
            raise ConfigurationError(list(dict.fromkeys(mistakes)))

    async def _listen_at(self, door: Door, settings: ProxySettings) -> _Listening:
        lanes = self._lanes(door)
        fronts = Fronts(lanes, self._answering(door), handshake=_HANDSHAKE if door.tls else 0.0)
        busy = Fronts(
            lambda: of_nobody(lanes()), self._send_away(door), _HURRY, handshake=_HANDSHAKE if door.tls else 0.0
        )
        tls = tls_of(settings.tls) if door.tls else None

        def accept() -> asyncio.Protocol:
            if not self._is_full():
                return fronts()
            return busy() if len(busy) < for_telling(limit_of_files()) else TurnedAway()

        socket = await asyncio.get_running_loop().create_server(
            accept,
            door.address.host,
            door.address.port,
            ssl=tls,
            reuse_address=True,
            reuse_port=self._several or None,
            backlog=1024,
            ssl_handshake_timeout=_HANDSHAKE if tls else None,
        )
        return _Listening(door, socket, fronts, busy, tls)

    async def _close(self, addresses: Sequence[Address]) -> None:
        closing = [self._open_now.pop(address) for address in addresses]
        await asyncio.gather(*(listening.stop() for listening in closing))
        await asyncio.gather(*(listening.close() for listening in closing))

    def _is_full(self) -> bool:
        taken = sum(len(listening.fronts) for listening in self._open_now.values())
        return taken >= for_clients(self.house.here.proxy.limits.connections, limit_of_files())

    # ---- calls

    def _lanes(self, door: Door) -> Callable[[], Lane]:
        """Tells what the fast path goes by at a door now; it is asked for every call."""
        house = self.house
        lane = lane_of(house, door, self._lasting)

        def now() -> Lane:
            nonlocal house, lane
            if house is not self.house:
                house = self.house
                lane = lane_of(house, house.doors.get(door.address, door), self._lasting)
            return lane

        return now

    def _answering(self, door: Door) -> Answering:
        async def answer(lent: Lent) -> Reply:
            house = self.house
            return await self._reply(house, house.doors.get(door.address, door), lent)

        return answer

    def _send_away(self, door: Door) -> Answering:
        async def answer(lent: Lent) -> Reply:
            busy = SiteFailure(f"{self._here} has too many connections open: try again", 503)
            return self.house.journey.refusal(door.prefixes[0][1], busy)

        return answer

    async def _reply(self, house: House, door: Door, lent: Lent) -> Reply:
        """The answer to a request, whatever it is and whatever happens."""
        service, target = door.prefixes[0][1], lent.target
        try:
            found = door.service(target)
            if found is None:
                message = f"{target.partition('?')[0]!r} is below none of the services' paths on {door.address}"
                return json_reply(
                    self._here, 404, {"error": {"status": 404, "message": f"{message}{door.hint(target)}"}}
                )
            service = found.service
            back = house.here.services[service].back
            if back is not None and back.path and leads_out(found.below):
                # There is another service, or what is none, and the rules for this one would have been kept.
                raise CallerError(f"{target.partition('?')[0]!r} leads out of {service}: leave the '..' out")
            return await self._answer(house, door, lent, found)
        except ScopeProxyError as error:
            return house.journey.refusal(service, error)
        except Exception as error:
            # The text of an error that nobody foresaw may hold anything, a token too: only where it happened is told.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("%s %s met a %s:\n%s", lent.method, service, type(error).__name__, where)
            failure = SiteFailure(f"the proxy of {self._here} met an error of its own, which is in its log", 500)
            return house.journey.refusal(service, failure)

    async def _answer(self, house: House, door: Door, lent: Lent, found: Entered) -> Reply:
        ours = lent.request(found.service, found.below)
        peer = await house.peers.sender(lent.method, lent.target, found.service, ours.headers)
        if found.below.startswith(WELL_KNOWN):
            return await house.well_known.answer(ours, peer)
        arrival = Arrival(ours, lent.address, "https" if door.tls else "http", peer, lent.provisional)
        arrival, prefix = house.headerless.entered(arrival, door, found.path)
        ours = arrival.request
        safe = lent.method in SAFE
        reply = await (house.journey.answer(arrival) if safe else self._see_through(house, arrival))
        reply = await house.headerless.answered(arrival, prefix, reply)
        if reply.status >= 500 and isinstance(ours.body, Incoming) and ours.body.failure is not None:
            # No site is to blame: what it was sent was not whole.
            await discard(reply)
            raise ours.body.failure
        return reply

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

    def _start_chores(self) -> None:
        chores = (self._purge(), self._watch(), self._replay(), self.house.announcing.watch())
        self._chores = [asyncio.create_task(chore) for chore in chores]

    def _stop_chores(self) -> None:
        for chore in self._chores:
            chore.cancel()

    async def _purge(self) -> None:
        while True:
            with suppress(SiteFailure):
                await self._lasting.ledger.purge()
                for table, count in self._lasting.ledger.describe().items():
                    self._lasting.metrics.ledger_entries.labels(table).set(count)
            await asyncio.sleep(_PURGE_EVERY)

    async def _watch(self) -> None:
        await self.house.health.watch(self.house.probe)

    async def _replay(self) -> None:
        await self.house.replay.watch()


def tls_of(tls: Tls) -> ssl.SSLContext:
    """The context of a front that speaks https."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate or "", tls.key)
    except OSError as error:
        raise ConfigurationError([f"proxy.tls: the certificate {tls.certificate} cannot be used: {error}"]) from error
    return context


def _open(pool: Pool, tls: Tls) -> None:
    try:
        pool.open()
    except OSError as error:
        raise ConfigurationError([f"proxy.tls.peers: {tls.peers} cannot be used: {error}"]) from error


async def _see_off(pool: Pool) -> None:
    """Calls under way by an old topology get all the time they take, unless the proxy stops."""
    try:
        await pool.ended()
    finally:
        pool.close()


def _let_go(task: asyncio.Task[Reply]) -> None:
    """Nobody reads this answer any more."""
    if not task.cancelled() and task.exception() is None:
        closing = asyncio.ensure_future(discard(task.result()))
        closing.add_done_callback(lambda done: done.exception())
