"""A client reads a list over several sites page by page, and each site goes on by its own marker."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scopeproxy.errors import BadCollaboration, CallerError, SiteFailure
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.pages import KEPT, PASSED, Pages
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.runner import Result, run
from scopeproxy.lang.parser import parse
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Work
from scopeproxy.planning.planner import make_plan

NAMES = ("Paris", "Corte", "Lyon")
ROOT = "http://paris:8774"
TOPOLOGY = Topology({name: Site(name, name, {"compute": Endpoint(Url("http", Address("::1", 80)))}) for name in NAMES})
VOCABULARY = Vocabulary(sites=frozenset(NAMES))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Nova:
    """Lists servers as nova does: in its own order, beyond a marker that it must know, at most so many at once."""

    name: str
    ids: list[str]
    most: int = 1000
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Outcome:
        self.asked.append(request.target)
        if self.down:
            return Unreached(self.name, False, "connection refused")
        query = dict(request.query)
        rest = self.ids if query.get("sort_dir") != "desc" else self.ids[::-1]
        marker, limit = query.get("marker"), min(self.most, int(query.get("limit", self.most)))
        if marker is not None:
            if marker not in rest:
                return json_reply(self.name, 400, {"badRequest": {"message": f"marker [{marker}] not found"}})
            rest = rest[rest.index(marker) + 1 :]
        document: dict[str, Any] = {"servers": [{"id": id_, "name": id_} for id_ in rest[:limit]]}
        if len(rest) >= limit and rest[:limit]:
            href = f"http://h/v2.1/servers?limit={limit}&marker={rest[limit - 1]}"
            document["servers_links"] = [{"rel": "next", "href": href}]
        return json_reply(self.name, 200, document)


class Cloud(dict[str, Nova]):
    """Sites, and a client of one proxy: what it was told is kept in a real ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        super().__init__((name, Nova(name, [])) for name in NAMES)
        self.replicas = Replicas(ledger)
        self.pages = Pages(TOPOLOGY, ledger, self.replicas, clock)

    async def forward(self, call: Call) -> Outcome:
        return self[call.site].answer(call.request)

    async def get(self, scope: str, target: str, owner: str = "demo", service: str = "compute") -> Result:
        request = Request(service, "GET", target)
        work = Work(request, classify(request), parse(scope, VOCABULARY), "Paris")
        following: Work | None = await self.pages.turn(work, owner, ROOT, self.forward)
        while following is not None:
            work, plan = following, make_plan(following, TOPOLOGY)
            result = await run(work, plan, self.forward, sets_of=self.replicas.of, told_before=self.pages.told_before)
            await self.pages.keep(work, owner, result.turned)
            following = self.pages.onward(work, result.turned)
        return result

    async def ids(self, scope: str, target: str) -> list[str]:
        return [server["id"] for server in document(await self.get(scope, target))["servers"]]

    async def by_links(self, scope: str, target: str) -> list[list[str]]:
        """All pages, as a client reads them that follows links."""
        pages = []
        while target:
            told = document(await self.get(scope, target))
            pages.append([server["id"] for server in told["servers"]])
            links = [link["href"] for link in told.get("servers_links", ())]
            parts = urlsplit(links[0]) if links else None
            target = f"{parts.path}?{parts.query}" if parts else ""
        return pages

    async def by_markers(self, scope: str, target: str, limit: int) -> list[list[str]]:
        """All pages, as a client reads them that sends the last id, until a page is empty."""
        pages = [await self.ids(scope, f"{target}limit={limit}")]
        while pages[-1]:
            pages.append(await self.ids(scope, f"{target}limit={limit}&marker={pages[-1][-1]}"))
        return pages


def document(result: Result) -> Any:
    assert isinstance(result.reply, Reply), result
    return json.loads(result.reply.body)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cloud(tmp_path: Path, clock: Clock) -> AsyncIterator[Cloud]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'state.db'}", b"k" * 32, clock)
    await ledger.open()
    cloud = Cloud(ledger, clock)
    cloud["Paris"].ids, cloud["Corte"].ids, cloud["Lyon"].ids = list("abe"), list("cf"), list("dghij")
    yield cloud
    await ledger.close()


EVERYWHERE = "nova: Paris&Corte&Lyon"


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 10, 50])
async def test_a_list_is_read_to_its_end_by_links_and_by_markers_alike(cloud: Cloud, limit: int) -> None:
    pages = await cloud.by_links(EVERYWHERE, f"/v2.1/servers?limit={limit}")
    assert "".join("".join(page) for page in pages) == "abecfdghij"
    assert all(len(page) == limit for page in pages[:-2])
    pages = await cloud.by_markers(EVERYWHERE, "/v2.1/servers?", limit)
    assert "".join("".join(page) for page in pages) == "abecfdghij"


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_a_sorted_list_is_merged_page_by_page(cloud: Cloud, limit: int) -> None:
    target = "/v2.1/servers?sort_key=name&sort_dir=asc&"
    assert "".join(map("".join, await cloud.by_markers(EVERYWHERE, target, limit))) == "abcdefghij"
    target = "/v2.1/servers?sort_key=name&sort_dir=desc&"
    assert "".join(map("".join, await cloud.by_markers(EVERYWHERE, target, limit))) == "jihgfedcba"


async def test_a_site_that_gives_less_at_once_is_asked_until_the_page_is_full(cloud: Cloud) -> None:
    cloud["Lyon"].most = 2
    pages = await cloud.by_markers("nova: Lyon&Corte", "/v2.1/servers?", 4)
    assert pages == [list("dghi"), list("jcf"), []]


async def test_what_a_page_costs_does_not_grow_with_the_pages_before_it(cloud: Cloud) -> None:
    await cloud.by_markers(EVERYWHERE, "/v2.1/servers?", 2)
    for site in cloud.values():
        site.asked.clear()
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=2&marker=h") == ["i", "j"]
    assert cloud["Paris"].asked == cloud["Corte"].asked == []
    assert cloud["Lyon"].asked == ["/v2.1/servers?limit=2&marker=h"]


async def test_a_marker_that_nobody_kept_goes_on_in_scope_order(cloud: Cloud, clock: Clock) -> None:
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=3&marker=c") == ["f", "d", "g"]
    clock.now += KEPT + 1
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=3&marker=g") == ["h", "i", "j"]


async def test_without_what_was_kept_a_sorted_list_is_begun_again(cloud: Cloud, clock: Clock) -> None:
    target = "/v2.1/servers?sort_key=name&sort_dir=asc&limit=2"
    await cloud.ids(EVERYWHERE, target)
    clock.now += KEPT + 1
    with pytest.raises(CallerError, match="begin it again"):
        await cloud.get(EVERYWHERE, f"{target}&marker=b")


async def test_a_marker_of_nobody_is_told_as_such(cloud: Cloud) -> None:
    with pytest.raises(CallerError, match="'x' is of no item of this list at Paris, Corte, Lyon"):
        await cloud.get(EVERYWHERE, "/v2.1/servers?limit=3&marker=x")
    cloud["Lyon"].down = True
    with pytest.raises(SiteFailure, match="Lyon: connection refused"):
        await cloud.get(EVERYWHERE, "/v2.1/servers?limit=3&marker=x")


async def test_a_page_that_is_anothers_is_not_gone_on_from(cloud: Cloud) -> None:
    target = "/v2.1/servers?sort_key=name&sort_dir=asc&limit=2"
    await cloud.get(EVERYWHERE, target, owner="demo")
    with pytest.raises(CallerError):
        await cloud.get(EVERYWHERE, f"{target}&marker=b", owner="other")


async def test_a_site_lost_on_the_way_is_told_and_the_list_still_ends(cloud: Cloud) -> None:
    first = await cloud.get(EVERYWHERE, "/v2.1/servers?limit=2")
    assert first.partial == ()
    cloud["Corte"].down = True
    second = await cloud.get(EVERYWHERE, "/v2.1/servers?limit=2&marker=b")
    assert ([one["id"] for one in document(second)["servers"]], second.partial) == (["e", "d"], ("Corte",))
    cloud["Corte"].down = False
    third = await cloud.get(EVERYWHERE, "/v2.1/servers?limit=9&marker=d")
    assert ([one["id"] for one in document(third)["servers"]], third.partial) == (list("ghij"), ("Corte",))


async def test_a_marker_without_a_limit_is_followed_by_all_that_is_left(cloud: Cloud) -> None:
    result = await cloud.get(EVERYWHERE, "/v2.1/servers?marker=e")
    assert ([one["id"] for one in document(result)["servers"]], result.partial) == (list("cfdghij"), ())


async def test_with_alternatives_pages_go_on_where_the_first_came_from(cloud: Cloud) -> None:
    scope = "nova: Paris&(Corte|Lyon)"
    assert await cloud.by_markers(scope, "/v2.1/servers?", 2) == [["a", "b"], ["e", "c"], ["f"], []]
    with pytest.raises(CallerError, match="begin it again"):
        # Which of Corte and Lyon was asked for the pages before, nobody knows; of both would be too much.
        await cloud.get(scope, "/v2.1/servers?limit=5&marker=b&deleted=False")


async def test_a_wrong_scope_is_refused_before_a_marker_is_looked_for(cloud: Cloud) -> None:
    with pytest.raises(BadCollaboration):
        await cloud.get("glance: Paris&Corte", "/v2/images?limit=2&marker=x", service="image")
    assert not any(site.asked for site in cloud.values())


async def test_of_one_site_pages_are_its_own(cloud: Cloud) -> None:
    assert await cloud.ids("nova: Lyon", "/v2.1/servers?limit=2&marker=d") == ["g", "h"]
    assert cloud["Lyon"].asked == ["/v2.1/servers?limit=2&marker=d"]


# ---- replicas


SETS = [{"Paris": "a", "Corte": "c"}, {"Paris": "e", "Lyon": "i"}, {"Corte": "f", "Lyon": "d"}]


async def with_sets(cloud: Cloud) -> None:
    for members in SETS:
        assert await cloud.replicas.learn("compute", "servers", members)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_a_set_is_on_one_page_only_and_no_site_is_asked_for_more_than_pages(cloud: Cloud, limit: int) -> None:
    await with_sets(cloud)
    pages = await cloud.by_markers(EVERYWHERE, "/v2.1/servers?", limit)
    assert "".join(map("".join, pages)) == "abefghj"
    assert all(f"limit={limit}" in target or "limit=1000" in target for one in cloud.values() for target in one.asked)
    linked = await cloud.by_links(EVERYWHERE, f"/v2.1/servers?limit={limit}")
    assert "".join(map("".join, linked)) == "abefghj"


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_in_a_sorted_list_a_set_is_told_where_it_comes_first(cloud: Cloud, limit: int) -> None:
    await with_sets(cloud)
    pages = await cloud.by_markers(EVERYWHERE, "/v2.1/servers?sort_key=name&sort_dir=asc&", limit)
    # c is a again, f is d, i is e.
    assert "".join(map("".join, pages)) == "abdeghj"


async def test_a_page_may_be_asked_for_again_in_another_size(cloud: Cloud) -> None:
    await with_sets(cloud)
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=1") == ["a"]
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=9&marker=a") == ["b", "e", "f", "g", "h", "j"]
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=1&marker=a") == ["b"]
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=9&marker=b") == ["e", "f", "g", "h", "j"]


async def test_where_nothing_is_kept_a_list_with_replicas_is_had_whole(cloud: Cloud, clock: Clock) -> None:
    await with_sets(cloud)
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=3&marker=b") == ["e", "f", "g"]
    clock.now += PASSED + 1
    assert await cloud.ids(EVERYWHERE, "/v2.1/servers?limit=3&marker=g") == ["h", "j"]
    refused = await cloud.get(EVERYWHERE, "/v2.1/servers?limit=3&marker=x")
    assert str(refused.error) == "scope: the marker 'x' is of no item of this list at Paris, Corte, Lyon"


async def test_what_all_pages_of_a_site_hold_again_costs_few_calls(cloud: Cloud) -> None:
    many = 1200
    for site in ("Paris", "Corte"):
        cloud[site].ids = [f"{site}-{number}" for number in range(many)]
    for number in range(many):
        await cloud.replicas.learn("compute", "servers", {site: f"{site}-{number}" for site in ("Paris", "Corte")})
    pages = await cloud.by_links("nova: Paris&Corte", "/v2.1/servers?limit=300")
    assert [server for page in pages for server in page] == cloud["Paris"].ids
    # Beside Paris for each of four pages, and then for as many at once as a site gives.
    assert len(cloud["Corte"].asked) <= 6
