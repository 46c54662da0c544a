"""A service of one's own: two small HTTP applications that call one another and know nothing of OpenStack, at three
sites.  Scoped, listed over sites, failed over."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from scopeproxy.edges.app import App
from scopeproxy.edges.cli import main
from scopeproxy.edges.config import load

SITES = ("Paris", "Corte", "Marseille")
REQUEST_ID = "X-OpenStack-Request-ID"
SERVICES = ("catalogue", "stock")
SITE, STOCK = web.AppKey("site", str), web.AppKey("stock", str)


def site_of(request: web.Request) -> str:
    return request.app[SITE]


async def stock(request: web.Request) -> web.Response:
    return web.json_response({"of": request.match_info["item"], "at": site_of(request)})


async def items(request: web.Request) -> web.Response:
    found = [{"name": f"pen of {site_of(request)}"}, {"name": "ink"}]
    return web.json_response(
        {"items": [item for item in found if request.query.get("name", item["name"]) == item["name"]]}
    )


async def item(request: web.Request) -> web.Response:
    """One thing, and how much of it there is: asked of the site's own stock, with the id of the request passed on."""
    name = request.match_info["item"]
    if name not in (f"pen-of-{site_of(request)}", "ink"):
        return web.json_response({"error": "nothing of that name"}, status=404)
    passed_on = {REQUEST_ID: request.headers[REQUEST_ID]} if REQUEST_ID in request.headers else {}
    url = f"{request.app[STOCK]}/stock/{name}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=passed_on) as answer:
        return web.json_response({"name": name, "from": site_of(request), "stock": await answer.json()})


async def add(request: web.Request) -> web.Response:
    name = (await request.json())["name"]
    return web.json_response({"id": f"{name}-{site_of(request)}", "name": name}, status=201)


ROUTES = {
    "catalogue": [web.get("/items", items), web.post("/items", add), web.get("/items/{item}", item)],
    "stock": [web.get("/stock/{item}", stock)],
}


@dataclass
class Country:
    """Three sites with both applications, and the proxies before them."""

    topology: Path
    session: aiohttp.ClientSession
    fronts: dict[tuple[str, str], str]
    proxies: dict[str, App] = field(default_factory=dict)
    stop_service: dict[tuple[str, str], Callable[[], Awaitable[None]]] = field(default_factory=dict)

    async def ask(
        self, path: str, scope: str | None = None, method: str = "GET", body: Any = None, service: str = "catalogue"
    ) -> tuple[int, Any, dict[str, str]]:
        """What a client at Paris gets."""
        headers = {} if scope is None else {"X-Scope": scope}
        url = self.fronts["Paris", service] + path
        async with self.session.request(method, url, headers=headers, json=body) as answer:
            return answer.status, await answer.json(), dict(answer.headers)


@pytest.fixture
async def country(tmp_path: Path) -> AsyncIterator[Country]:
    async with AsyncExitStack() as stack:
        fronts = {(site, service): f"http://{_reserved(stack)}" for site in SITES for service in SERVICES}
        session = await stack.enter_async_context(aiohttp.ClientSession())
        country = Country(tmp_path / "sites.yaml", session, fronts)
        rows = {site: await _site(stack, country, site, tmp_path) for site in SITES}
        document = {"sites": rows, "services": {service: {"fault": "plain"} for service in SERVICES}}
        country.topology.write_text(yaml.safe_dump(document, sort_keys=False))
        for site in SITES:
            proxy = country.proxies[site] = App(load(country.topology), site)
            await proxy.start()
            stack.push_async_callback(proxy.stop)
        yield country


def _reserved(stack: AsyncExitStack) -> str:
    """An address for a front: nobody else is given it."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    stack.callback(reserved.close)
    return f"127.0.0.1:{reserved.getsockname()[1]}"


async def _site(stack: AsyncExitStack, country: Country, site: str, directory: Path) -> dict[str, Any]:
    services = {}
    for service in SERVICES:
        application = web.Application()
        application[SITE], application[STOCK] = site, country.fronts[site, "stock"]
        application.add_routes(ROUTES[service])
        runner = web.AppRunner(application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listening = web.TCPSite(runner, "127.0.0.1", 0)
        await listening.start()
        country.stop_service[site, service] = runner.cleanup
        port = runner.addresses[0][1]
        services[service] = {"front": country.fronts[site, service], "back": f"http://127.0.0.1:{port}"}
    proxy = {"admin": "none", "state": f"sqlite:///{directory / site}.db"}
    return {"labels": {"country": "France"}, "services": services, "proxy": proxy}


async def test_without_a_scope_everything_is_local(country: Country) -> None:
    status, told, headers = await country.ask("/items/ink")
    assert (status, told["from"], told["stock"]["at"]) == (200, "Paris", "Paris")
    assert not [name for name in headers if name.startswith("X-Scope")]


async def test_a_scope_takes_a_call_to_another_site(country: Country) -> None:
    status, told, headers = await country.ask("/items/ink", "catalogue: Corte")
    assert (status, told["from"], told["stock"]["at"]) == (200, "Corte", "Corte")
    assert headers["X-Scope-Sites"] == "Corte=200"


@pytest.mark.parametrize(
    ("scope", "catalogue", "stock"),
    [
        ("{catalogue: Paris, stock: Corte}", "Paris", "Corte"),
        ("{catalogue: Corte, stock: Marseille}", "Corte", "Marseille"),
        ("{catalogue: Corte, stock: Paris}", "Corte", "Paris"),
        ("{stock: Corte}", "Paris", "Corte"),
        ("*: Marseille", "Marseille", "Marseille"),
    ],
)
async def test_the_scope_follows_the_workflow(country: Country, scope: str, catalogue: str, stock: str) -> None:
    status, told, _ = await country.ask("/items/ink", scope)
    assert (status, told["from"], told["stock"]["at"]) == (200, catalogue, stock)


@pytest.mark.parametrize("location", ["Paris&Corte&Marseille", "all(France)"])
async def test_a_list_over_sites_tells_the_site_of_each_item(country: Country, location: str) -> None:
    status, told, headers = await country.ask("/items", f"catalogue: {location}")
    assert status == 200
    assert [(item["name"], item["scope_site"]) for item in told["items"] if item["name"] != "ink"] == [
        (f"pen of {site}", site) for site in SITES
    ]
    assert headers["X-Scope-Sites"] == "Paris=200, Corte=200, Marseille=200"


async def test_a_list_without_a_site_that_is_down_says_so(country: Country) -> None:
    await country.stop_service["Corte", "catalogue"]()
    status, told, headers = await country.ask("/items", "catalogue: Paris&Corte")
    assert status == 200
    assert {item["scope_site"] for item in told["items"]} == {"Paris"}
    assert headers["X-Scope-Partial"] == "Corte"


@pytest.mark.parametrize("killed", ["service", "proxy"])
async def test_the_next_site_answers_for_one_that_is_down(country: Country, killed: str) -> None:
    if killed == "service":
        await country.stop_service["Corte", "catalogue"]()
    else:
        await country.proxies["Corte"].stop()
    status, told, headers = await country.ask("/items/ink", "catalogue: Corte|Marseille")
    assert (status, told["from"]) == (200, "Marseille")
    # A site that a probe finds down before the call does is not asked at all.
    asked = ["Corte=unreached, Marseille=200", *(["Marseille=200"] if killed == "proxy" else [])]
    assert headers["X-Scope-Sites"] in asked


async def test_the_next_site_answers_for_one_that_has_nothing_of_the_name(country: Country) -> None:
    status, told, _ = await country.ask("/items/pen-of-Marseille", "catalogue: Paris|Corte|Marseille")
    assert (status, told["from"]) == (200, "Marseille")


async def test_a_thing_is_made_at_every_site_or_at_none(country: Country) -> None:
    status, told, headers = await country.ask("/items", "catalogue: Paris&Corte", "POST", {"name": "cap"})
    assert (status, told["id"]) == (201, "cap-Paris")
    assert headers["X-Scope-Replicas"] == "Paris=cap-Paris, Corte=cap-Corte"


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("catalogue: Pari", "did you mean 'Paris'?"),
        ("catalog: Paris", "unknown service 'catalog'"),
        ("catalogue: Paris&", "scope: line 1"),
    ],
)
async def test_a_wrong_scope_is_a_fault_in_the_plain_shape(country: Country, scope: str, message: str) -> None:
    status, told, _ = await country.ask("/items", scope)
    assert status == 400
    assert told["error"]["status"] == 400
    assert message in told["error"]["message"]


async def test_a_site_that_is_down_is_a_fault_in_the_plain_shape(country: Country) -> None:
    await country.proxies["Corte"].stop()
    status, told, _ = await country.ask("/items", "catalogue: Corte")
    assert (status, told["error"]["status"]) == (502, 502)
    assert "Corte" in told["error"]["message"]


async def test_the_clients_headers_are_its_own_business(country: Country) -> None:
    # No keystone is anywhere: what looks like a token is none.
    url = country.fronts["Paris", "catalogue"] + "/items"
    headers = {"X-Auth-Token": "mine", "X-Scope": "catalogue: Corte"}
    async with country.session.get(url, headers=headers) as answer:
        assert answer.status == 200


async def test_a_call_is_explained(country: Country, capsys: pytest.CaptureFixture[str]) -> None:
    url = country.fronts["Paris", "catalogue"] + "/items"
    words = ["explain", "-c", str(country.topology), "--site", "Paris", "{catalogue: Corte|Marseille}", "GET", url]
    assert main([*words, "-f", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    fronts = [country.fronts[site, "catalogue"] for site in ("Corte", "Marseille")]
    assert told["endpoints"] == [f"GET {front}/items" for front in fronts]
    status, page, _ = await country.ask("/.well-known/scopeproxy/explain?scope=catalogue:Corte|Marseille")
    assert (status, page["explained"]) == (200, told["explained"])
