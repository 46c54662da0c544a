"""What is asked of the sites, against pretend ones on loopback; real proxies: tests/openstack/test_check.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from scopeproxy.edges.findings import Finding
from scopeproxy.edges.live import ask_sites, login, why_no_login
from scopeproxy.edges.schema import Place, Reading
from scopeproxy.edges.values import url
from scopeproxy.model.topology import Credentials, Endpoint, ProxySettings, Site, Topology

PLACE = Place(Reading())


TOKEN = "gAAAA"


class Pretend:
    """One address with a keystone and a glance behind a proxy; what they say can be changed.

    `knows`: the tokens that glance accepts, where the proxy tags those of scoped calls.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.keystone = ""
        self.status = 200
        self.catalog: list[dict[str, Any]] = []
        self.logins: list[Any] = []
        self.scopes: list[str | None] = []
        self.knows = {TOKEN, TOKEN + "~tag"}

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.endswith("/v2/images"):
            return self._images(request)
        if request.path.endswith("/v3/auth/tokens"):
            self.logins.append(await request.json())
            headers = {"X-Subject-Token": TOKEN}
            return web.json_response({"token": {"catalog": self.catalog}}, status=201, headers=headers)
        return web.Response(status=self.status, headers={"Via": "1.1 Paris (scopeproxy)"})

    def _images(self, request: web.Request) -> web.Response:
        token, scope = request.headers.get("X-Auth-Token"), request.headers.get("X-Scope")
        headers = {"X-Scope-Sites": "Paris=200"} if scope else {}
        if token:
            self.scopes.append(scope)
            if token + ("~tag" if scope else "") in self.knows:
                return web.json_response({}, headers=headers)
        challenge = {"WWW-Authenticate": f'Keystone uri="{self.keystone}"'}
        return web.Response(status=401, headers=headers | challenge)

    @property
    def site(self) -> Site:
        services = {name: Endpoint(url(PLACE, f"{self.origin}/{name}")) for name in ("identity", "image")}
        return Site("Paris", "Paris", services, {"operator": "renater"})

    @property
    def topology(self) -> Topology:
        return Topology({"Paris": self.site})

    def entry(self, service: str, target: str, region: str = "Paris") -> dict[str, Any]:
        return {"type": service, "endpoints": [{"interface": "public", "region_id": region, "url": target}]}


@pytest.fixture
async def pretend() -> AsyncIterator[Pretend]:
    site = Pretend()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        site.origin = str(server.make_url("")).rstrip("/")
        site.keystone = site.origin + "/identity"
        site.catalog = [
            site.entry("identity", f"{site.origin}/identity/v3"),
            site.entry("image", f"{site.origin}/image"),
            site.entry("image", "http://elsewhere", "Corte"),
        ]
        yield site


def environ(auth_url: str) -> dict[str, str]:
    return {"OS_AUTH_URL": auth_url, "OS_USERNAME": "alice", "OS_PASSWORD": "secret", "OS_PROJECT_NAME": "demo"}


async def test_a_site_as_it_must_be(pretend: Pretend) -> None:
    found = await ask_sites(pretend.topology, environ(pretend.keystone + "/v3"))
    front = pretend.origin
    assert found == [
        Finding("Paris", "identity", True, f"{front}/identity answers 200, by its proxy"),
        Finding("Paris", "image", True, f"{front}/image answers 200, by its proxy"),
        Finding("Paris", "image", True, f"its 401 names {front}/identity"),
        Finding("Paris", "identity", True, f"the catalog names {front}/identity"),
        Finding("Paris", "image", True, f"the catalog names {front}/image"),
        Finding("Paris", "image", True, f"it validates tokens at {front}/identity"),
    ]
    assert pretend.logins == [login(environ(""))]
    assert pretend.scopes == [None, "{image: Paris, identity: Paris}"]


async def test_a_service_that_goes_around_the_proxy_for_its_tokens_is_told(pretend: Pretend) -> None:
    pretend.knows = {TOKEN}
    *_, last = await ask_sites(pretend.topology, environ(pretend.keystone))
    assert last == Finding(
        "Paris",
        "image",
        False,
        f"it accepts no token that carries a scope: it validates elsewhere than at {pretend.origin}/identity; "
        "set auth_url in [keystone_authtoken] to the front",
    )


async def test_without_credentials_it_is_told_that_the_catalog_was_not_looked_at(pretend: Pretend) -> None:
    *_, last = await ask_sites(pretend.topology, {"OS_USERNAME": "alice"})
    missing = "OS_AUTH_URL, OS_PASSWORD, OS_PROJECT_NAME"
    told = f"its catalog: not looked at without {missing} in the environment"
    assert last == Finding("Paris", "identity", None, told)
    assert pretend.logins == []


async def test_a_back_that_is_down_is_told(pretend: Pretend) -> None:
    pretend.status = 502
    found = await ask_sites(pretend.topology, {})
    assert found[1] == Finding(
        "Paris", "image", False, f"{pretend.origin}/image answers 502; does the service listen at its back?"
    )


async def test_a_401_that_names_the_back_is_told(pretend: Pretend) -> None:
    pretend.keystone = "http://127.0.0.1:15000"
    assert (await ask_sites(pretend.topology, {}))[2] == Finding(
        "Paris",
        "image",
        False,
        f"its 401 names http://127.0.0.1:15000, not {pretend.origin}/identity; "
        "set auth_url and www_authenticate_uri in [keystone_authtoken] to the front",
    )


def site(name: str, front: str, operator: str = "", **settings: Any) -> Site:
    services = {"identity": Endpoint(url(PLACE, front))}
    return Site(name, name, services, {"operator": operator}, proxy=ProxySettings(**settings))


@pytest.mark.parametrize(
    ("home", "other", "goes"),
    [
        (site("A", "https://a", "x"), site("B", "https://b", "x"), True),
        (site("A", "https://a", "x"), site("B", "https://b", "y"), False),
        (site("A", "https://a"), site("B", "http://b"), False),
        (site("A", "https://a"), site("B", "http://127.0.0.2"), True),
        (site("A", "https://a", insecure=True), site("B", "http://b"), True),
        (site("A", "https://a", credentials=Credentials(())), site("B", "https://b"), False),
        (site("A", "https://a", "x", credentials=Credentials(("B",))), site("B", "https://b", "y"), True),
        (site("A", "https://a", "x", credentials=Credentials(("*",))), site("B", "https://b", "y"), True),
    ],
)
def test_a_password_goes_only_where_it_may(home: Site, other: Site, goes: bool) -> None:
    topology = Topology({"A": home, "B": other})
    assert (why_no_login(topology, other, environ("https://a/v3")) is None) is goes
    assert why_no_login(topology, home, environ("https://a/v3")) is None


def test_a_password_for_nobody_knows_whom_goes_nowhere() -> None:
    home = site("A", "https://a")
    told = why_no_login(Topology({"A": home}), home, environ("https://other"))
    assert told == "OS_AUTH_URL is no site's keystone front, so that nobody knows who may have this password"


def test_a_login_names_the_domains() -> None:
    body = login({**environ(""), "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_ID": "d1"})["auth"]
    assert body["identity"]["password"]["user"]["domain"] == {"name": "Default"}
    assert body["scope"]["project"] == {"name": "demo", "domain": {"id": "d1"}}
