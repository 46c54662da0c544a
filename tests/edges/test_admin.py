"""The admin address: alive, ready, figures, calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from scopeproxy.edges.admin import Admin
from scopeproxy.errors import ConfigurationError
from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.journal import About
from scopeproxy.execution.metrics import DOCUMENTED
from scopeproxy.model.messages import Held, Request
from scopeproxy.planning.intent import classify

SCOPED = b"GET /things HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Paris&Corte\r\n\r\n"


@dataclass
class Operator:
    """Somebody who looks at the pages of a proxy."""

    url: str
    session: aiohttp.ClientSession

    async def look(self, page, method="GET"):
        async with self.session.request(method, self.url + page) as answer:
            json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if json else answer.text())


@pytest.fixture
async def sites(stage):
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
    back = await stage.back(answer=answer)
    path = stage.sites({"Paris": {"docs": back.address, "gone": stage.port()}, "Corte": {"docs": back.address}})
    here = await stage.proxy(path, "Paris")
    await stage.proxy(path, "Corte")
    return here


@pytest.fixture
async def operator(stage, sites):
    admin, address = Admin(sites), stage.port()
    await admin.start(address)
    async with aiohttp.ClientSession() as session:
        yield Operator(f"http://{address}", session)
    await admin.stop()


async def test_a_proxy_that_runs_is_alive(operator):
    assert await operator.look("/healthz") == (200, {"status": "alive", "site": "Paris"})
    assert (await operator.look("/healthz", "POST"))[0] == 405


async def test_a_proxy_is_not_ready_while_an_own_service_is_down(operator):
    status, told = await operator.look("/readyz")
    assert status == 503
    assert told["services"] == {"docs": "accepts", "gone": "refuses"}


async def test_a_proxy_is_ready_whatever_the_peers_do(stage):
    back = await stage.back()
    app = await stage.proxy(stage.sites({"Paris": {"docs": back.address}, "Corte": {"docs": stage.port()}}), "Paris")
    admin, address = Admin(app), stage.port()
    await admin.start(address)
    async with aiohttp.ClientSession() as session:
        status, told = await Operator(f"http://{address}", session).look("/readyz")
    await admin.stop()
    assert (status, told["status"], list(told["peers"])) == (200, "ready", ["Corte"])


async def test_every_documented_figure_is_told_as_prometheus_reads_it(stage, sites, operator):
    await (await stage.wire(sites)).ask(SCOPED)
    status, text = await operator.look("/metrics")
    assert status == 200
    told = {}
    for family in text_string_to_metric_families(text):
        total = "_total" if family.type == "counter" else ""
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        told[family.name + total] = (family.type, labels)
    for metric in DOCUMENTED:
        kind, labels = told[metric.name]
        assert kind == metric.kind
        assert labels <= set(metric.labels)
    assert 'scopeproxy_site_calls_total{intent="list",outcome="2xx",service="docs",site="Corte"}' in text


async def test_the_last_scoped_calls_are_told(stage, sites, operator):
    answer = await (await stage.wire(sites)).ask(SCOPED)
    id_ = answer.partition(b"X-Scope-Request-Id: ")[2].split(b"\r\n")[0].decode()
    _, told = await operator.look("/v1/calls?limit=1")
    assert [call["id"] for call in told["calls"]] == [id_]
    _, call = await operator.look(f"/v1/calls/{id_}")
    assert call["sites"] == {"Paris": "200", "Corte": "200"}
    assert (await operator.look("/v1/calls/other"))[0] == 404


@pytest.mark.parametrize("limit", ["x", "-1", "²", "9" * 5000, ""])
async def test_a_limit_that_is_no_number_is_refused(operator, limit):
    assert (await operator.look(f"/v1/calls?limit={limit}"))[0] == 400


async def test_the_sites_are_told(operator):
    _, told = await operator.look("/v1/sites")
    assert [(site["name"], site["services"]) for site in told["sites"]] == [
        ("Paris", ["docs", "gone"]),
        ("Corte", ["docs"]),
    ]


async def test_the_first_page_lists_the_others(operator):
    _, told = await operator.look("/")
    assert {"/healthz", "/readyz", "/metrics", "/v1/calls"} <= set(told["pages"])


async def test_what_is_no_page_is_told_and_nothing_can_be_written(operator):
    for page in ("/other", "/v1", "/v1/calls/", "/healthz/"):
        assert (await operator.look(page))[0] == 404
    for page in ("/", "/v1/calls/x"):
        assert (await operator.look(page, "PUT")) == (405, {"error": "the pages can only be read"})
    status, text = await operator.look("/metrics", "HEAD")
    assert (status, text) == (200, "")


async def test_nothing_passes_at_the_admin_address(stage, sites):
    admin, address = Admin(sites), stage.port()
    await admin.start(address)
    reader, writer = await asyncio.open_connection(*address)
    for request in (b"GET /things HTTP/1.1\r\nHost: h\r\n\r\n", SCOPED):
        writer.write(request)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        await reader.readuntil(b"}")
    writer.write(b"GET /x HTTP/1.1\nHost: h\n\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await admin.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_a_port_that_is_taken_is_told(stage, sites):
    taken = (await stage.back()).address
    with pytest.raises(ConfigurationError, match=f"proxy.admin: cannot listen on {taken}: Address already in use"):
        await Admin(sites).start(taken)


async def test_what_waits_for_a_site_is_told_without_what_it_says(operator, sites):
    assert await operator.look("/v1/journal") == (200, {"entries": []})
    request = Request("docs", "POST", "/things", (("Authorization", "hush"),), Held(b"hush"))
    letters = {"Corte": Letter(request, "")}
    await sites.lasting.journal.begin(letters, About.of(request, classify(request), ""), 10, 10_000, True)
    status, told = await operator.look("/v1/journal")
    assert status == 200
    assert [(one["site"], one["state"], one["path"]) for one in told["entries"]] == [("Corte", "sending", "/things")]
    assert "hush" not in str(told)
