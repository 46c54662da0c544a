"""Sets that are made at one entry are known at the others, also to a site that was away meanwhile."""

from __future__ import annotations

import asyncio
import time

import pytest

from scopeproxy.execution import announcing
from scopeproxy.execution import ledger_outbox as outbox
from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.reading import collect
from scopeproxy.execution.replicas import Replicas
from scopeproxy.model.messages import Reply, Request, Unreached
from scopeproxy.planning.replica_news import PEER_REPLICAS

SCOPE = "{glance: Paris&Corte}"
BODY = {"name": "twin", "disk_format": "raw", "container_format": "bare"}


async def twin(cloud, token):
    made = await cloud.call("Paris", "image", "POST", "/v2/images", scope=SCOPE, token=token, body=BODY)
    assert made.status == 201, made
    return dict(part.split("=") for part in made.headers["x-scope-replicas"].split(", "))


def replicas(cloud, site):
    return Replicas(cloud.apps[site].lasting.ledger)


async def known(cloud, site, id_):
    return (await replicas(cloud, site).of("image", [id_])).get(id_)


async def until(condition, patience=20.0):
    end = time.monotonic() + patience
    while not await condition():
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.02)


async def tell(cloud, method, query, by="Paris", to="Corte"):
    """A signed call of one site's proxy to another's page."""
    delivery = cloud.apps[by].house.journey._delivery
    request = Request("image", method, f"{PEER_REPLICAS}?{query}", (("Content-Length", "0"),))
    return await collect(await delivery.deliver(to, request, Travel("h", "127.0.0.1")), 10_000)


async def test_the_same_scope_works_at_another_entry(cloud):
    ids = await twin(cloud, await cloud.token(SCOPE))

    async def is_known():
        return await known(cloud, "Corte", ids["Paris"]) == ids

    await until(is_known)
    token = await cloud.token(SCOPE, site="Corte")
    path = f"/v2/images/{ids['Paris']}"
    gone = await cloud.call("Corte", "image", "DELETE", path, scope=SCOPE, token=token)
    assert (gone.status, gone.sites) == (204, {"Paris": "204", "Corte": "204"})

    async def is_forgotten():
        return await known(cloud, "Paris", ids["Corte"]) is None

    await until(is_forgotten)


async def test_whoever_goes_on_at_another_entry_at_once_is_known_there(cloud, monkeypatch):
    monkeypatch.setattr(announcing, "SOON", 20.0)
    ids = await twin(cloud, await cloud.token(SCOPE))
    assert await known(cloud, "Corte", ids["Paris"]) == ids


async def test_who_is_slow_to_be_told_is_not_waited_for(cloud, monkeypatch):
    monkeypatch.setattr(announcing, "SOON", 0.0)
    told = cloud.apps["Paris"].house.announcing
    answer = asyncio.Event()

    async def slow(site, request):
        await answer.wait()
        return Unreached(site, False, "slow")

    monkeypatch.setattr(told, "_ask", slow)
    assert await replicas_of_house(cloud).learn("image", "images", {"Paris": "p1", "Corte": "c1"})
    await replicas_of_house(cloud).tell()
    assert told._telling
    answer.set()
    await asyncio.gather(*told._telling)


@pytest.mark.parametrize("when", ["taken", "told", "done"])
async def test_what_was_being_told_when_a_process_stopped_is_told_by_the_next_one_at_once(cloud, monkeypatch, when):
    house, ledger, stopped = cloud.apps["Paris"].house, cloud.apps["Paris"].lasting.ledger, asyncio.Event()
    reached, write = asyncio.Event(), ledger.write

    async def told(site, request):
        if when == "told":
            reached.set()
            await asyncio.Event().wait()
        return Reply(site, 200, (), b"")

    async def written(work):
        if (when, work.func) == ("done", outbox.done):
            reached.set()
            await stopped.wait()
        result = await write(work)
        if (when, work.func) == ("taken", outbox.take):
            reached.set()
            await stopped.wait()
        return result

    monkeypatch.setattr(announcing, "SOON", 0.0)
    monkeypatch.setattr(house.announcing, "_ask", told)
    assert await replicas_of_house(cloud).learn("image", "images", {"Paris": "p1", "Corte": "c1"})
    monkeypatch.setattr(ledger, "write", written)
    await replicas_of_house(cloud).tell()
    await reached.wait()
    for telling in house.announcing._telling:
        telling.cancel()
    asyncio.get_running_loop().call_soon(stopped.set)
    await asyncio.gather(*house.announcing._telling, return_exceptions=True)
    (letter,) = await ledger.read(lambda db: outbox.due(["Corte"], time.time(), db))
    assert letter.site == "Corte"


async def test_who_was_away_is_told_when_it_is_back(cloud):
    await cloud.apps["Corte"].stop()
    members = {"Paris": "p1", "Corte": "c1"}
    assert await replicas_of_house(cloud).learn("image", "images", members)

    async def was_tried():
        return bool(cloud.apps["Paris"].house.health.believed_down("Corte"))

    await until(was_tried)
    await cloud.apps.pop("Paris").stop()
    for site in ("Paris", "Corte"):
        await cloud.start(site)
    await cloud.up()

    async def is_known():
        return await known(cloud, "Corte", "p1") == members

    await until(is_known)


def replicas_of_house(cloud, site="Paris"):
    return cloud.apps[site].house.journey._replicas


@pytest.mark.parametrize(
    ("method", "query", "status"),
    [
        ("PUT", "service=image&collection=images&Paris=p1&Corte=c1", 200),
        ("PUT", "service=image&collection=images&Paris=p2&Corte=c1", 409),
        ("PUT", "service=image&collection=images&Paris=p2", 400),
        ("PUT", "service=image&collection=images&Paris=p2&Marseille=m1", 400),
        ("PUT", "service=image&collection=images&Lyon=p2&Corte=c2", 400),
        ("PUT", "Paris=p2&Corte=c2", 400),
        ("GET", "service=image&collection=images&Paris=p1&Corte=c1", 400),
        ("DELETE", "service=image&collection=images&Paris=unknown", 200),
    ],
)
async def test_what_is_heard_and_what_is_refused(cloud, method, query, status):
    known_before = {"Paris": "p1", "Corte": "c1"}
    assert await replicas(cloud, "Corte").learn("image", "images", known_before)
    told = await tell(cloud, method, query)
    assert told.status == status, told.body
    assert await known(cloud, "Corte", "c1") == known_before


async def test_a_member_that_is_gone_is_forgotten(cloud):
    assert await replicas(cloud, "Corte").learn("image", "images", {"Paris": "p1", "Corte": "c1"})
    assert (await tell(cloud, "DELETE", "service=image&collection=images&Paris=p1")).status == 200
    assert await known(cloud, "Corte", "c1") is None


async def test_only_other_sites_proxies_may_tell(cloud):
    token = await cloud.token()
    path = f"{PEER_REPLICAS}?service=image&collection=images&Paris=p1&Corte=c1"
    for method in ("PUT", "DELETE"):
        assert (await cloud.call("Corte", "image", method, path, token=token)).status == 403


async def test_what_contradicts_is_told_to_nobody_a_second_time(cloud, caplog):
    assert await replicas(cloud, "Corte").learn("image", "images", {"Paris": "p0", "Corte": "c1"})
    assert await replicas_of_house(cloud).learn("image", "images", {"Paris": "p1", "Corte": "c1"})

    async def is_refused():
        return "Corte refused what it was told of a replica set" in caplog.text

    await until(is_refused)
    assert "Paris tells of a replica set what contradicts" in caplog.text

    async def is_empty():
        await cloud.apps["Paris"].lasting.ledger.purge()
        return cloud.apps["Paris"].lasting.ledger.describe()["outbox"] == 0

    await until(is_empty)


def test_pauses_double_and_end_at_the_longest():
    for tries in range(40):
        top = min(announcing.LONGEST, 2.0 ** min(tries, 16))
        assert top / 2 <= announcing._pause(tries) <= top
