"""What is asked of the sites, against pretend ones on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from scopeproxy.edges.live import Finding, ask_sites, catalog_findings, leads_to, login, why_no_login
from scopeproxy.edges.schema import Place, Reading
from scopeproxy.edges.values import url
from scopeproxy.lang.vocabulary import OPENSTACK
from scopeproxy.model.topology import Credentials, Endpoint, ProxySettings, Site, Topology

PLACE = Place(Reading())


class Pretend:
    """One address with a keystone and a glance; what they say can be changed."""

    def __init__(self) -> None:
        self.origin = ""
        self.keystone = ""
        self.status = 200
        self.catalog: list[dict[str, Any]] = []
        self.logins: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.endswith("/v2/images"):
            return web.Response(status=401, headers={"WWW-Authenticate": f'Keystone uri="{self.keystone}"'})
        if request.path.endswith("/v3/auth/tokens"):
            self.logins.append(await request.json())
            return web.json_response({"token": {"catalog": self.catalog}}, status=201)
        return web.Response(status=self.status)

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
        Finding("Paris", "identity", True, f"{front}/identity answers 200"),
        Finding("Paris", "image", True, f"{front}/image answers 200"),
        Finding("Paris", "image", True, f"its 401 names {front}/identity"),
        Finding("Paris", "identity", True, f"the catalog names {front}/identity"),
        Finding("Paris", "image", True, f"the catalog names {front}/image"),
    ]
    assert pretend.logins == [login(environ(""))]


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


def catalog(pretend: Pretend, text: str) -> list[tuple[bool | None, str]]:
    return [(finding.good, finding.told) for finding in catalog_findings(pretend.site, text, OPENSTACK)]


async def test_a_catalog_that_names_other_places_is_told(pretend: Pretend) -> None:
    wrong = [pretend.entry("image", "http://127.0.0.1:19292"), pretend.entry("image", f"{pretend.origin}/image")]
    assert catalog(pretend, json.dumps({"token": {"catalog": wrong}})) == [
        (
            False,
            f"the catalog names none in region Paris; `openstack endpoint create` one for {pretend.origin}/identity",
        ),
        (
            False,
            f"the catalog names http://127.0.0.1:19292, not {pretend.origin}/image; "
            "`openstack endpoint set --url` it, or set catalog: rewrite",
        ),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"token": 3}', '{"token": {"catalog": [3]}}', "[" * 99999])
async def test_what_no_keystone_says_names_nothing(pretend: Pretend, text: str) -> None:
    assert [good for good, _ in catalog(pretend, text)] == [False, False]


@pytest.mark.parametrize(
    ("written", "front", "leads"),
    [
        ("http://h:5000/v3", "http://h:5000", True),
        ("http://h/image", "http://h/image", True),
        ("http://h/images", "http://h/image", False),
        ("https://h/image", "http://h/image", False),
        ("http://h:80/v1/AUTH_%(project_id)s", "http://h", True),
        ("http://h/v3/$(tenant_id)s", "http://h", True),
        ("/v3", "http://h", False),
    ],
)
def test_a_url_leads_to_a_front(written: str, front: str, leads: bool) -> None:
    assert leads_to(written, url(PLACE, front)) is leads


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
