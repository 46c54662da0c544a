"""Three sites, each with its proxy, on real sockets; and the proof that no log of ours held a secret."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from yarl import URL

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.edges.keys import secret_at
from scopeproxy.emulator.cloud import EmulatedCloud
from scopeproxy.emulator.recorder import Record
from scopeproxy.execution.ledger_database import engine_for, prepare
from scopeproxy.model.topology import Topology
from scopeproxy.planning.carriers import SEPARATOR
from tests.execution.servers import KINDS, STARTERS, Server

SITES = ("Paris", "Corte", "Marseille")
PASSWORD = "correct-horse-battery-staple"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("execution", "the ledger")
    group.addoption("--database", choices=KINDS, default=KINDS[0], help="where the ledger is (default: %(default)s)")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server | None]:
    """The database server of `--database`; None for SQLite, which is none."""
    kind = request.config.getoption("--database", KINDS[0])
    if kind not in STARTERS:
        yield None
        return
    # Not below pytest's own folder, which is for its user alone: the server is another one.
    with tempfile.TemporaryDirectory(prefix="scopeproxy-") as folder, STARTERS[kind](Path(folder)) as started:
        yield started


@pytest.fixture
def state(server: Server | None, tmp_path: Path) -> Iterator[str]:
    """The URL of a database in which nothing is."""
    if server is None:
        yield f"sqlite:///{tmp_path}/paris.db"
        return
    with server.database() as url:
        yield url


@pytest.fixture
def tables(state: str) -> Iterator[sa.Connection]:
    """All tables of the ledger, empty, and a transaction on them."""
    engine = engine_for(state)
    prepare(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@dataclass
class Answer:
    """What a client was given; header names in lower case."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def token(self) -> str:
        assert self.status == 201, self.body
        return self.headers["x-subject-token"]

    @property
    def sites(self) -> dict[str, str]:
        """X-Scope-Sites."""
        return dict(part.split("=") for part in self.headers.get("x-scope-sites", "").split(", ") if part)


def password_login(
    user: str = "alice", password: str = PASSWORD, project: str | None = "demo", domain: str = "default"
) -> dict[str, Any]:
    where = {"id": domain}
    who = {"name": user, "domain": where, "password": password}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": who}}}
    if project:
        auth["scope"] = {"project": {"name": project, "domain": where}}
    return {"auth": auth}


@dataclass
class Cloud:
    """The emulated cloud, its proxies, and a client."""

    emulated: EmulatedCloud
    topology: Topology
    session: aiohttp.ClientSession
    apps: dict[str, App] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        site: str,
        service: str,
        method: str,
        path: str,
        *,
        scope: str | None = None,
        token: str | None = None,
        body: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call to the front of a service at a site."""
        given = {"X-Scope": scope, "X-Auth-Token": token, **(headers or {})}
        sent = {name: value for name, value in given.items() if value is not None}
        url = URL(self.emulated.site(site).fronts[service] + path, encoded=True)
        async with self.session.request(
            method, url, json=body, data=data, headers=sent, allow_redirects=False
        ) as reply:
            return Answer(reply.status, await reply.read(), {k.lower(): v for k, v in reply.headers.items()})

    async def log_in(self, site: str = "Paris", scope: str | None = None, **who: Any) -> Answer:
        return await self.call(site, "identity", "POST", "/v3/auth/tokens", scope=scope, body=password_login(**who))

    async def token(self, scope: str | None = None, site: str = "Paris", **who: Any) -> str:
        return (await self.log_in(site, scope, **who)).token

    def mark(self) -> int:
        return len(self.emulated.recorder)

    def seen(self, since: int, service: str | None = None, site: str | None = None) -> list[Record]:
        """What services received since a mark."""
        records = self.emulated.recorder.since(since)
        return [r for r in records if service in (None, r.service) and site in (None, r.site)]

    async def settle(self, server: str, site: str, token: str) -> dict[str, Any]:
        """Let the work that nova does in the background end, and show the server."""
        for _ in range(500):
            shown = await self.call(site, "compute", "GET", f"/v2.1/servers/{server}", token=token)
            if shown.json["server"]["status"] != "BUILD":
                return dict(shown.json["server"])
        raise AssertionError("the server is still being built")

    async def boot(self, scope: str, token: str, image: str, site: str = "Paris", **more: Any) -> Answer:
        flavor = next(iter(self.emulated.site(site).nova.flavors.items))
        server = {"name": "vm", "flavorRef": flavor, "imageRef": image, "networks": "auto"}
        return await self.call(
            site, "compute", "POST", "/v2.1/servers", scope=scope, token=token, body={"server": server}, **more
        )

    def image(self, name: str) -> str:
        return self.images[name]

    async def use(self, site: str | None = None, **proxy: Any) -> None:
        """Serve with other settings, at one site or at all."""
        sites = {
            name: replace(row, proxy=replace(row.proxy, **proxy)) if site in (None, name) else row
            for name, row in self.topology.sites.items()
        }
        await self.serve(replace(self.topology, sites=sites))

    async def serve(self, topology: Topology) -> None:
        self.topology = topology
        for app in self.apps.values():
            await app.use(topology)

    async def restart(self, site: str) -> None:
        await self.apps.pop(site).stop()
        await self.start(site)
        await self.up()

    async def start(self, site: str) -> None:
        self.apps[site] = App(self.topology, site)
        await self.apps[site].start()

    async def up(self) -> None:
        """Links are whole, and every proxy knows that the others answer."""
        self.emulated.links.heal()
        for app in self.apps.values():
            for peer in app.house.health.peers:
                await app.house.health.probe(peer, app.house.probe)

    def secrets(self) -> set[str]:
        issued = {value for site in self.emulated.sites for value in site.keystone.issued._issued}
        return issued | {PASSWORD, SEPARATOR}


class _Heard(logging.Handler):
    """Everything that was logged, as text with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = logging.Formatter("%(name)s %(levelname)s %(message)s").format(record)
        self.lines.append(line)
        if record.levelno >= logging.ERROR:
            self.errors.append(line)


@pytest.fixture
def heard() -> Iterator[_Heard]:
    """What our loggers said, at their most talkative; and what asyncio and aiohttp complained of."""
    handler = _Heard()
    loggers = [logging.getLogger(name) for name in ("scopeproxy", "asyncio", "aiohttp")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
    loggers[0].setLevel(logging.DEBUG)
    yield handler
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture
async def cloud(tmp_path: Path, heard: _Heard, server: Server | None) -> AsyncIterator[Cloud]:
    with contextlib.ExitStack() as stack:
        states = {} if server is None else {site: stack.enter_context(server.database()) for site in SITES}
        async with running(EmulatedCloud(SITES, tmp_path), heard, states) as cloud:
            yield cloud


@pytest.fixture
async def sharing(tmp_path: Path, heard: _Heard) -> AsyncIterator[Cloud]:
    """Paris and Corte have the same keys and ids, and the strategy *shared* alone."""
    async with running(EmulatedCloud(SITES, tmp_path, identity_of={"Corte": "Paris"}), heard) as cloud:
        await cloud.use(tokens=("shared",))
        yield cloud


def _kept_at(states: Mapping[str, str], topology: Topology, directory: Path) -> Topology:
    """The topology with the states of sites in these databases, which are of no file beside which data could be."""
    sites = dict(topology.sites)
    for site, state in states.items():
        key = secret_file(directory / site / "site.key")
        proxy = replace(sites[site].proxy, state=state, key=key, spool=str(directory / site / "proxy.db.spool"))
        sites[site] = replace(sites[site], proxy=proxy)
    return replace(topology, sites=sites)


def secret_file(path: Path) -> str:
    secret_at(path, create=True)
    return str(path)


@contextlib.asynccontextmanager
async def running(
    emulator: EmulatedCloud, heard: _Heard, states: Mapping[str, str] | None = None
) -> AsyncIterator[Cloud]:
    """`states`: where the ledgers of the sites are, instead of in files."""
    async with emulator as emulated, aiohttp.ClientSession() as session:
        for site in emulated.sites:
            directory = site.keystone.directory
            directory.passwords[directory.named("users", "alice")["id"]] = PASSWORD
        cloud = Cloud(emulated, _kept_at(states or {}, load(emulated.topology_path), emulated.directory), session)
        for site, image in (("Marseille", "Debian"), ("Corte", "OnlyCorte"), ("Paris", "OnlyParis")):
            cloud.images[image] = emulated.site(site).seed_image(image)["id"]
        for site in SITES:
            await cloud.start(site)
        await cloud.up()
        issued: set[str] = set()
        try:
            yield cloud
            issued = cloud.secrets()
        finally:
            for app in cloud.apps.values():
                await app.stop()
        told = [line for line in heard.lines if any(secret in line for secret in issued)]
        assert not told, f"a secret was logged: {told}"
        assert not heard.errors, heard.errors


@pytest.fixture
def login_body() -> Callable[..., dict[str, Any]]:
    return password_login
