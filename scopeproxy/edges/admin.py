"""The admin address: for operators and their machines, on loopback unless told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest

from scopeproxy.edges.app import App
from scopeproxy.edges.connections import cannot_listen
from scopeproxy.edges.waiting import row_of
from scopeproxy.edges.wellknown import sites_table
from scopeproxy.errors import ConfigurationError
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


class Admin:
    """The admin pages of one proxy."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._runner: web.AppRunner | None = None

    async def start(self, address: Address) -> None:
        """Listen.  Raises ConfigurationError."""
        pages = web.Application()
        pages.add_routes(
            [
                web.get("/", self._index),
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics),
                web.get("/v1/sites", self._sites),
                web.get("/v1/calls", self._calls),
                web.get("/v1/calls/{id}", self._call),
                web.get("/v1/journal", self._journal),
            ]
        )
        self._runner = web.AppRunner(pages, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, address.host, address.port).start()
        except OSError as error:
            raise ConfigurationError([f"proxy.admin: {cannot_listen(address, error)}"]) from error

    async def stop(self) -> None:
        """Close."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _index(self, _: web.Request) -> web.Response:
        return web.json_response({"site": self._app.house.here.name, "pages": _PAGES})

    async def _alive(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive", "site": self._app.house.here.name})

    async def _ready(self, _: web.Request) -> web.Response:
        house = self._app.house
        services = await _own_services(house.here)
        ready = all(services.values())
        told = {
            "status": "ready" if ready else "not ready",
            "services": {name: "accepts" if accepts else "refuses" for name, accepts in services.items()},
            "peers": {site: house.health.state(site) for site in house.health.peers},
        }
        return web.json_response(told, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        metrics, health = self._app.lasting.metrics, self._app.house.health
        for site in health.peers:
            metrics.sites_down.labels(site).set(health.believed_down(site))
        passed = self._app.house.pool.counts()
        for state, count in self._app.house.forwarder.pool().items():
            metrics.pooled_connections.labels(state).set(count + passed[state])
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": _TEXT})

    async def _sites(self, _: web.Request) -> web.Response:
        house = self._app.house
        return web.json_response({"sites": sites_table(house.topology, house.here.name, house.health)})

    async def _calls(self, request: web.Request) -> web.Response:
        count = request.query.get("limit", "50")
        if not (count.isascii() and count.isdigit() and len(count) < 10):
            return web.json_response({"error": f"limit must be a number, not {count[:20]!r}"}, status=400)
        return web.json_response({"calls": [asdict(record) for record in self._app.lasting.records.last(int(count))]})

    async def _call(self, request: web.Request) -> web.Response:
        record = self._app.lasting.records.get(request.match_info["id"])
        if record is None:
            return web.json_response({"error": "no such call of this id is remembered"}, status=404)
        return web.json_response(asdict(record))

    async def _journal(self, _: web.Request) -> web.Response:
        entries = await self._app.lasting.journal.told()
        return web.json_response({"entries": [row_of(one) for one in entries]})


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
