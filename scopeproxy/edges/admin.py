"""The admin address: for operators and their machines, on loopback unless told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs, unquote

from prometheus_client import generate_latest

from scopeproxy.edges.app import App
from scopeproxy.edges.connections import cannot_listen
from scopeproxy.edges.lanes import of_pages
from scopeproxy.edges.waiting import row_of
from scopeproxy.edges.wellknown import sites_table
from scopeproxy.errors import ConfigurationError
from scopeproxy.execution.passthrough.fronts import Fronts
from scopeproxy.execution.passthrough.lent import Lent
from scopeproxy.model.messages import Reply, json_reply
from scopeproxy.model.topology import Address, Site

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PATIENCE = 2.0
_PAGES = {
    "/healthz": "200 while the proxy is alive",
    "/readyz": "200 while the own services accept connections; tells of the peers",
    "/metrics": "Prometheus; docs/metrics.md explains each figure",
    "/v1/sites": "the sites as seen from here",
    "/v1/calls": "the last calls with a scope, or with a carrier of one, the newest first",
    "/v1/calls/<id>": "one of them",
    "/v1/journal": "the writes that sites have yet to do; `scopeproxy journal` looks after them",
}
_CALL = "/v1/calls/"


class Admin:
    """The admin pages of one proxy."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._socket: asyncio.Server | None = None
        lane = of_pages(app.house, app.lasting)
        self._fronts = Fronts(lambda: lane, self._answer)
        self._pages: dict[str, Callable[[str], Awaitable[Reply]]] = {
            "/": self._index,
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/v1/sites": self._sites,
            "/v1/calls": self._calls,
            "/v1/journal": self._journal,
        }

    async def start(self, address: Address) -> None:
        """Listen.  Raises ConfigurationError."""
        try:
            self._socket = await asyncio.get_running_loop().create_server(self._fronts, *address)
        except OSError as error:
            raise ConfigurationError([f"proxy.admin: {cannot_listen(address, error)}"]) from error

    async def stop(self) -> None:
        """Close; who is being answered has a little time to take that."""
        if self._socket is not None:
            self._socket.close()
            self._fronts.pre_shutdown()
            await self._fronts.shutdown(_PATIENCE)

    async def _answer(self, lent: Lent) -> Reply:
        path, _, query = lent.target.partition("?")
        page = self._pages.get(path)
        if page is None and not path.startswith(_CALL):
            return _error(404, "there is no such page: / lists them")
        if lent.method not in ("GET", "HEAD"):
            return _error(405, "the pages can only be read", ("Allow", "GET, HEAD"))
        return await (self._call(unquote(path.removeprefix(_CALL))) if page is None else page(query))

    async def _index(self, _: str) -> Reply:
        return _told({"site": self._app.house.here.name, "pages": _PAGES})

    async def _alive(self, _: str) -> Reply:
        return _told({"status": "alive", "site": self._app.house.here.name})

    async def _ready(self, _: str) -> Reply:
        house = self._app.house
        services = await _own_services(house.here)
        ready = all(services.values())
        told = {
            "status": "ready" if ready else "not ready",
            "services": {name: "accepts" if accepts else "refuses" for name, accepts in services.items()},
            "peers": {site: house.health.state(site) for site in house.health.peers},
        }
        return _told(told, 200 if ready else 503)

    async def _metrics(self, _: str) -> Reply:
        metrics, health = self._app.lasting.metrics, self._app.house.health
        for site in health.peers:
            metrics.sites_down.labels(site).set(health.believed_down(site))
        for state, count in self._app.house.pool.counts().items():
            metrics.pooled_connections.labels(state).set(count)
        return Reply("", 200, (("Content-Type", _TEXT),), generate_latest(metrics.registry))

    async def _sites(self, _: str) -> Reply:
        house = self._app.house
        return _told({"sites": sites_table(house.topology, house.here.name, house.health)})

    async def _calls(self, query: str) -> Reply:
        count = parse_qs(query, keep_blank_values=True).get("limit", ["50"])[0]
        if not (count.isascii() and count.isdigit() and len(count) < 10):
            return _error(400, f"limit must be a number, not {count[:20]!r}")
        return _told({"calls": [asdict(record) for record in self._app.lasting.records.last(int(count))]})

    async def _call(self, id_: str) -> Reply:
        record = self._app.lasting.records.get(id_)
        return _error(404, "no such call of this id is remembered") if record is None else _told(asdict(record))

    async def _journal(self, _: str) -> Reply:
        entries = await self._app.lasting.journal.told()
        return _told({"entries": [row_of(one) for one in entries]})


def _told(document: Mapping[str, Any], status: int = 200) -> Reply:
    return json_reply("", status, document)


def _error(status: int, message: str, *headers: tuple[str, str]) -> Reply:
    return json_reply("", status, {"error": message}, headers)


async def _own_services(site: Site) -> Mapping[str, bool]:
    """Which of the own services accept a connection."""

    async def accepts(address: Address) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                _, writer = await asyncio.open_connection(*address)
        except OSError:
            return False
        writer.close()
        return True

    backs: dict[str, Any] = {name: one.back.address for name, one in site.services.items() if one.back is not None}
    answers = await asyncio.gather(*(accepts(address) for address in backs.values()))
    return dict(zip(backs, answers, strict=True))
