"""An operator's calls reach a site by the own front, under a scope; what comes back is whole, bounded, or a value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from scopeproxy.edges.account import Account
from scopeproxy.edges.entry import Entry
from scopeproxy.edges.schema import Place, Reading
from scopeproxy.edges.values import url
from scopeproxy.execution.auditing import Carried
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Held, Reply, Request, Unreached
from scopeproxy.model.topology import Endpoint, Limits, ProxySettings, Site, Timeouts, Topology


@dataclass
class Who:
    """An account whose tokens are numbered."""

    trust: bool = True
    given: int = 1
    refused: list[str] = field(default_factory=list)

    async def token(self, refused: Token | None = None) -> Token:
        if refused is not None and refused.value == f"t{self.given}":
            self.given += 1
        return Token(f"t{self.given}")


class Front:
    """A service behind its front: it keeps what came, and knows some tokens."""

    def __init__(self) -> None:
        self.url = ""
        self.came: list[tuple[str, str, dict[str, str], bytes]] = []
        self.knows = {"t1"}
        self.body = b"{}"

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((request.method, request.raw_path, headers, await request.read()))
        good = headers.get("x-auth-token") in self.knows
        return web.Response(status=200 if good else 401, body=self.body if good else b"")


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    front, app = Front(), web.Application()
    app.router.add_route("*", "/{path:.*}", front.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        front.url = str(server.make_url("/image"))
        yield front


@pytest.fixture
async def entry(front: Front) -> AsyncIterator[Entry]:
    end = Endpoint(url(Place(Reading()), front.url))
    settings = ProxySettings(limits=Limits(merged_body=1000), timeouts=Timeouts(1, 1, 1))
    sites = {name: Site(name, name, {"image": end}, proxy=settings) for name in ("Paris", "Saint-Étienne")}
    async with aiohttp.ClientSession() as session:
        yield Entry(Topology(sites), "Paris", cast(Account, Who()), session)


SHOW = Request("image", "GET", "/v2/images/a%2Fb?x=%20", (("Accept", "application/json"),))


async def test_a_call_goes_to_the_own_front_under_a_scope_of_its_site(entry: Entry, front: Front) -> None:
    front.body = b'{"id": "a"}'
    outcome = await entry.ask("Saint-Étienne", SHOW)
    assert isinstance(outcome, Reply)
    assert (outcome.site, outcome.status, outcome.json) == ("Saint-Étienne", 200, {"id": "a"})
    ((method, target, headers, _),) = front.came
    assert (method, target) == ("GET", "/image/v2/images/a%2Fb?x=%20")
    assert headers["x-scope"] == '{image: "Saint-%C3%89tienne"}'
    assert (headers["x-auth-token"], headers["accept"]) == ("t1", "application/json")


async def test_a_token_that_has_ended_is_replaced_once_for_each_site(entry: Entry, front: Front) -> None:
    front.knows = {"t2"}
    body = Held(b'{"name": "x"}')
    outcome = await entry.ask("Paris", replace(SHOW, method="PATCH", body=body))
    assert isinstance(outcome, Reply)
    assert outcome.status == 200
    assert [(headers["x-auth-token"], sent) for _, _, headers, sent in front.came] == [
        ("t1", body.data),
        ("t2", body.data),
    ]
    front.knows = set()
    for _ in range(3):
        refused = await entry.ask("Paris", SHOW)
        assert isinstance(refused, Reply)
        assert refused.status == 401
    assert len(front.came) == 2 + 2 + 1 + 1


async def test_data_pass_from_one_answer_to_another_call(entry: Entry, front: Front) -> None:
    front.body = b"d" * 5000
    source = await entry.ask("Paris", SHOW, stream=True)
    assert isinstance(source, Reply)
    assert source.rest is not None
    put = Request("image", "PUT", "/v2/images/x/file", (), Carried(source.rest, 5000))
    front.body = b"{}"
    await entry.ask("Saint-Étienne", put)
    await source.rest.aclose()
    _, _, headers, sent = front.came[-1]
    assert (sent, headers["content-length"]) == (b"d" * 5000, "5000")


async def test_what_fails_is_a_value(entry: Entry, front: Front) -> None:
    front.body = b"x" * 1001
    assert await entry.ask("Paris", SHOW) == Unreached(
        "Paris", True, "its answer is over 1000 bytes (limits.merged_body)"
    )
    assert await entry.ask("Paris", replace(SHOW, service="network")) == Unreached(
        "Paris", False, "Paris has no front for network"
    )
    gone = await entry.ask("Lyon", SHOW)
    assert isinstance(gone, Reply)
    assert gone.status == 404


async def test_a_front_that_is_not_there_is_a_value(entry: Entry) -> None:
    nowhere = Endpoint(url(Place(Reading()), "http://127.0.0.1:1"))
    site = replace(entry.topology.sites["Paris"], services={"image": nowhere})
    lost = replace(entry, topology=Topology({"Paris": site}))
    outcome = await lost.ask("Paris", SHOW)
    assert isinstance(outcome, Unreached)
    assert outcome.why.startswith("the front of Paris gives none: ")
