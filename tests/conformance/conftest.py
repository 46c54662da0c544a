"""Two sites behind their proxies, in a thread of their own for the whole session; backs and clients are raw sockets."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import yaml

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.model.topology import Address
from tests.conformance.backend import PATIENCE, Back
from tests.conformance.client import Client
from tests.conformance.table import HERE, PATHS, PLAIN, THERE
from tests.loops import LOOPS

_HOST = re.compile(rb"^Host: h(?::\d+)?\r\n", re.MULTILINE)


@dataclass
class Stage:
    """`fronts` and `backs` of the sites; `path`: how the requests of this test travel."""

    fronts: dict[str, Address]
    backs: dict[str, Back]
    apps: list[App]
    loop: asyncio.AbstractEventLoop
    path: str = PLAIN
    clients: list[Client] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def back(self) -> Back:
        """The one that requests of this path reach."""
        return self.backs["Corte" if self.path == THERE else "Paris"]

    def client(self) -> Client:
        client = Client(self.fronts["Paris"])
        self.clients.append(client)
        return client

    def scoped(self, data: bytes) -> bytes:
        """The same requests, as they travel on this path; under a scope, none is like one before it."""
        scope = {PLAIN: b"", HERE: b"X-Scope: docs: Paris\r\n", THERE: b"X-Scope: docs: Corte\r\n"}[self.path]
        if scope:
            scope += b"X-Number: %d\r\n" % next(self.numbers)
        return _HOST.sub(rb"\g<0>" + scope, data)


def reserved() -> tuple[socket.socket, Address]:
    """An address that nobody else is given; a server may listen there."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", 0))
    return taken, Address("127.0.0.1", taken.getsockname()[1])


@pytest.fixture(scope="session", params=LOOPS)
def sites(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("conformance")
    with ExitStack() as stack:
        backs, fronts, rows = {}, {}, {}
        for name in ("Paris", "Corte"):
            backs[name] = stack.enter_context(closing(Back()))
            taken, fronts[name] = reserved()
            stack.enter_context(taken)
            services = {"docs": {"front": f"http://{fronts[name]}", "back": f"http://{backs[name].address}"}}
            proxy = {"admin": "none", "state": f"sqlite:///{folder / name}.db"}
            rows[name] = {"services": services, "proxy": proxy}
        file = folder / "sites.yaml"
        file.write_text(yaml.safe_dump({"sites": rows, "services": {"docs": {"fault": "plain"}}}))
        loop = LOOPS[request.param]()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        topology = load(file)

        async def start() -> list[App]:
            apps = [App(topology, name) for name in rows]
            for app in apps:
                await app.start()
            return apps

        async def stop() -> None:
            for app in apps:
                await app.stop()

        apps = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE)
        yield Stage(fronts, backs, apps, loop)
        asyncio.run_coroutine_threadsafe(stop(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


@pytest.fixture(params=PATHS)
def stage(sites: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    yield from on_path(sites, request.param)


def on_path(sites: Stage, path: str) -> Iterator[Stage]:
    sites.path = path
    for back in sites.backs.values():
        back.begin()
    yield sites
    for client in sites.clients:
        client.socket.close()
    sites.clients.clear()
