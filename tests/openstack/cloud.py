"""A cloud of several sites behind their proxies, as cases see it.  Whether its services are real, they need not know.

What cases do is here, once; what is done to services, proxies and links differs: emulated.py and real.py.
"""

from __future__ import annotations

import copy
import json
import os
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml

from tests.openstack import clients
from tests.openstack.clients import Answer, Done
from tests.openstack.strategies import NICE, PASSWORD_FILE, SITES, STRATEGIES, Change, Strategy, with_proxy

# Of an older release than the others.
OLDER = "Marseille"
# Public images that one site alone has, beside cirros, which each has.
IMAGES = {"Corte": "Alpine", "Marseille": "Debian", NICE: "Fedora"}
SERVICES = ("keystone", "glance", "placement", "nova", "neutron", "cinder")
ACTIVE = "ACTIVE"

_T = TypeVar("_T")

_NO_HTTP_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LOOK_EVERY = 0.05
_READ, _REFUSED = " was read again", "the old topology stays in force"


class Cloud(ABC):
    """`sites`: independent of each other; `served`: all that take part now.

    `strategy`: how tokens come to other sites; `partner`: the site beside Paris with which it does so.  `patience`:
    seconds after which what does not happen will not.
    """

    real: ClassVar[bool]
    patience: ClassVar[float]
    sites = SITES

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.topology: dict[str, Any] = {}
        self._strategy = STRATEGIES["login"]
        self._changes: list[Change] = []
        self._tokens: dict[tuple[str, str], str] = {}
        self._plain = clients.plain_session()
        self._closing = ExitStack()

    # ---- where things are

    @property
    @abstractmethod
    def topology_path(self) -> Path:
        """The file that the proxies serve by."""

    @property
    @abstractmethod
    def clouds_path(self) -> Path:
        """clouds.yaml: Paris (admin), Paris-alice, Paris-bob, …"""

    @property
    def strategy(self) -> str:
        return self._strategy.name

    @property
    def partner(self) -> str:
        return self._strategy.partner

    def image(self, site: str) -> str:
        """The public image that no other site has."""
        return IMAGES[site]

    def front(self, site: str, service: str) -> str:
        """Where the site's proxy serves a service; no slash at the end."""
        return str(self.topology["sites"][site]["services"][service]["front"])

    def back(self, site: str, service: str) -> str:
        """Where the service really listens."""
        return str(self.topology["sites"][site]["services"][service]["back"])

    # ---- clients

    def openstack(
        self, *words: str, at: str = "Paris", user: str = "alice", scope: str | None = None, **environment: str
    ) -> Done:
        """Run the released command to its end."""
        option = () if scope is None else ("--scope", scope)
        cloud = at + clients.SUFFIXES[user]
        return clients.command(self.clouds_path, cloud, (*words, *option), 3 * self.patience, **environment)

    def shell(self, at: str, user: str, errors: Path) -> clients.Shell:
        """The released command, once for many commands; `errors`: a file for what it says on stderr."""
        return clients.Shell(self.clouds_path, at + clients.SUFFIXES[user], errors, 3 * self.patience)

    def connect(self, at: str = "Paris", user: str = "alice", scope: str | None = None, **config: Any) -> Any:
        """A connection of openstacksdk's, until the end of the test."""
        made = self.connection(at, user, scope, **config)
        self._closing.callback(made.close)
        return made

    def connection(self, at: str = "Paris", user: str = "alice", scope: str | None = None, **config: Any) -> Any:
        """The same, for the caller to close."""
        return clients.connection(f"{self.front(at, 'keystone')}/v3", at, user, scope, **config)

    def token(self, at: str = "Paris", user: str = "alice", scope: str | None = None) -> str:
        """A token by password, a new one for each call."""
        answer = self.log_in(clients.password(user), at, scope)
        assert answer.status == 201, answer.text
        return answer.headers["X-Subject-Token"]

    def log_in(self, auth: Mapping[str, Any], at: str = "Paris", scope: str | None = None) -> Answer:
        """What keystone's front answers to a login; `auth` as in the body."""
        headers = {} if scope is None else {"X-Scope": scope}
        return self.call("POST", "keystone:/v3/auth/tokens", at=at, headers=headers, json={"auth": auth})

    def call(
        self,
        method: str,
        where: str,
        at: str = "Paris",
        *,
        token: str | None = None,
        scope: str | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Any = None,
    ) -> Answer:
        """Plain HTTP.  `where` is a URL, or `glance:/v2/images`: a path at the service's front.

        To a URL no connection is kept: it may be a service's own, to which the proxies alone have connections.
        """
        service, _, path = where.partition(":")
        at_front = service in SERVICES
        url = self.front(at, service) + path if at_front else where
        ours = {} if at_front else {"Connection": "close"}
        ours |= {"X-Auth-Token": token} if token else {}
        ours |= {"X-Scope": scope} if scope is not None else {}
        return clients.ask(self._plain, method, url, {**ours, **(headers or {})}, json, data, 3 * self.patience)

    def close_connections(self) -> None:
        """Those of the test that has ended."""
        self._closing.close()

    # ---- servers

    def boot(
        self, name: str, *options: str, image: str = "cirros", at: str = "Paris", scope: str | None = None
    ) -> Done:
        """`openstack server create` of alice's; it does not wait."""
        words = ("server", "create", name, "--image", image, "--flavor", "m1.tiny", "--network", "private")
        return self.openstack(*words, "-f", "json", *options, at=at, scope=scope)

    def launch(
        self, name: str, image: str = "cirros", at: str = "Paris", scope: str | None = None, **config: Any
    ) -> Any:
        """The same by openstacksdk, which is faster; raises what the SDK raises."""
        connection = self.connect(at, scope=scope, **config)
        return connection.create_server(name, image=image, flavor="m1.tiny", network="private", wait=False)

    def servers(self, name: str, user: str = "alice") -> dict[str, str]:
        """Site to status, of the user's servers of this name; those that are being built are waited for."""

        def look() -> list[dict[str, str]]:
            found = {site: status for site in self.served for status in self._statuses(site, name, user)}
            return [] if "BUILD" in found.values() else [found]

        return self.wait_for(look, f"a server {name} that is not being built any more")[0]

    def _statuses(self, site: str, name: str, user: str) -> list[str]:
        token = self._usual_token(site, user)
        answer = self.call("GET", "nova:/v2.1/servers/detail", at=site, token=token)
        assert answer.status == 200, answer.text
        return [server["status"] for server in answer.json["servers"] if server["name"] == name]

    def _usual_token(self, site: str, user: str) -> str:
        if (site, user) not in self._tokens:
            self._tokens[site, user] = self.token(site, user)
        return self._tokens[site, user]

    # ---- what the proxies did

    def calls(self, site: str, since: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
        """The proxy's own records of the last scoped calls, oldest first; `since`: without those of a `mark`."""
        rows = self.admin(site, "/v1/calls?limit=2000")["calls"]
        return [row for row in reversed(rows) if row["id"] not in since]

    def mark(self) -> frozenset[str]:
        """The calls that are known now, at all sites: for `calls`."""
        return frozenset(row["id"] for site in self.served for row in self.calls(site))

    def admin(self, site: str, path: str) -> Any:
        """A page of the proxy's admin address, as JSON."""
        with _NO_HTTP_PROXY.open(self._admin(site) + path, timeout=self.patience) as answer:
            return json.load(answer)

    def _admin(self, site: str) -> str:
        return f"http://{self.topology['sites'][site]['proxy']['admin']}"

    @abstractmethod
    def log_path(self, site: str) -> Path:
        """Where the site's proxy logs."""

    @abstractmethod
    def proxy_pid(self, site: str) -> int:
        """The process of the site's proxy."""

    def logs(self, site: str) -> str:
        """All that the site's proxy has logged."""
        return self.log_path(site).read_text(errors="replace")

    # ---- what is broken, and mended on leaving

    @contextmanager
    def service_killed(self, site: str, service: str) -> Iterator[None]:
        """A service of a site does not run."""
        self.stop_service(site, service)
        try:
            yield
        finally:
            self.start_service(site, service)

    @contextmanager
    def proxy_killed(self, site: str) -> Iterator[None]:
        """A site's proxy does not run; it gets no time to end."""
        self.stop_proxy(site, kill=True)
        try:
            yield
        finally:
            self.start_proxy(site)
            self.wait_until_up()

    @contextmanager
    def cut_off(self, site: str, how: str = "refuse") -> Iterator[None]:
        """No proxy reaches the site's, nor the other way: `refuse` resets connections, `drop` lets them hang."""
        for other in self.served:
            if other != site:
                self.cut(site, other, how)
        try:
            yield
        finally:
            self.heal()
            self.wait_until_up()

    @contextmanager
    def hypervisor_held(self, site: str) -> Iterator[None]:
        """No server is spawned at a site: boots wait between nova's API and its compute, where no call is under way."""
        self.hold(site, True)
        try:
            yield
        finally:
            self.hold(site, False)

    @contextmanager
    def clock_ahead(self, site: str, seconds: float) -> Iterator[None]:
        """A site's proxy goes by a clock that is wrong; see clock/sitecustomize.py."""
        self.stop_proxy(site, kill=False)
        try:
            with _environment(PYTHONPATH=str(Path(__file__).parent / "clock"), CLOCK_AHEAD=str(seconds)):
                self.start_proxy(site)
            yield
        finally:
            self.restart_proxy(site)

    def restart_proxy(self, site: str) -> None:
        """By SIGTERM, as an operator does."""
        self.stop_proxy(site, kill=False)
        self.start_proxy(site)
        self.wait_until_up()

    @contextmanager
    def short_lived_tokens(self, seconds: int) -> Iterator[None]:
        """Tokens that Paris issues meanwhile live no longer."""
        self.let_tokens_live(seconds)
        try:
            yield
        finally:
            self.let_tokens_live(3600)

    # ---- what the proxies serve by

    @contextmanager
    def served_by(self, *changes: Change, **proxy: Any) -> Iterator[None]:
        """The proxies serve by a changed topology meanwhile.

        `changes` get it as a dict, and give it or another one back; `proxy`: keys of `proxy:`, for every site.
        """
        before = self._changes
        try:
            self.serve_by([*before, *changes, lambda topology: with_proxy(topology, proxy)])
            yield
        finally:
            self.serve_by(before)

    def use(self, strategy: Strategy) -> None:
        """Serve by a strategy from now on."""
        if strategy is not self._strategy:
            self.remember_tokens(True)
            self._strategy = strategy
            passwords = self.topology_path.parent / PASSWORD_FILE
            passwords.touch(0o600)
            passwords.write_text(clients.PASSWORD)
            self.serve_by([])

    def serve_by(self, changes: list[Change]) -> None:
        """The cloud's own topology, with the strategy's changes and these."""
        topology = self._strategy.change(copy.deepcopy(self.topology))
        for change in changes:
            topology = change(topology)
        self._changes = changes
        whole = self.topology_path.with_suffix(".new")
        whole.write_text(yaml.safe_dump(topology, sort_keys=False, allow_unicode=True))
        before = {site: self._readings(site) for site in self.served}
        whole.replace(self.topology_path)
        for site in before:
            self.hang_up(site)
        for site, seen in before.items():
            self.wait_for(partial(self._has_read, site, len(seen)), f"{site} reads its topology")
            told = self._readings(site)[-1]
            assert _REFUSED not in told, told
        self.wait_until_up()

    def _readings(self, site: str) -> list[str]:
        """What its proxy logged of each time that it looked at the topology again."""
        return [line for line in self.logs(site).splitlines() if _READ in line or _REFUSED in line]

    def _has_read(self, site: str, times: int) -> bool:
        return len(self._readings(site)) > times

    @property
    def served(self) -> tuple[str, ...]:
        """The sites that take part now."""
        return self._strategy.sites

    # ---- waiting

    def wait_for(self, look: Callable[[], _T | None], what: str) -> _T:
        """What `look` gives, when it gives something."""
        end = time.monotonic() + self.patience
        while not (found := look()):
            assert time.monotonic() < end, f"not within {self.patience:g} s: {what}"
            time.sleep(_LOOK_EVERY)
        return found

    def wait_until_up(self) -> None:
        """Every proxy believes every site up."""
        for site in self.served:
            self.wait_for(partial(self._sees_all_up, site), f"all sites are up, as seen from {site}")

    def _sees_all_up(self, site: str) -> bool:
        return all(row["state"] in ("up", "here") for row in self.admin(site, "/v1/sites")["sites"])

    # ---- what differs

    @abstractmethod
    def stop_service(self, site: str, service: str) -> None:
        """Kill it."""

    @abstractmethod
    def start_service(self, site: str, service: str) -> None:
        """It listens when this returns."""

    @abstractmethod
    def stop_proxy(self, site: str, *, kill: bool) -> None:
        """It is gone when this returns."""

    @abstractmethod
    def start_proxy(self, site: str) -> None:
        """It listens when this returns."""

    @abstractmethod
    def hang_up(self, site: str) -> None:
        """SIGHUP to its proxy, which then reads the topology again."""

    @abstractmethod
    def hold(self, site: str, held: bool) -> None:
        """Whether the site's hypervisor spawns no servers."""

    @abstractmethod
    def cut(self, one: str, other: str, how: str) -> None:
        """The link between two sites' proxies, in both directions."""

    @abstractmethod
    def heal(self) -> None:
        """All links."""

    @abstractmethod
    def remember_tokens(self, remember: bool) -> None:
        """Whether services remember which tokens were good, until the strategy changes; they always do at first.

        Not so: keystonemiddleware's token_cache_time = -1.
        """

    @abstractmethod
    def let_tokens_live(self, seconds: int) -> None:
        """How long the tokens that Paris issues from now on live."""


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """For processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
