"""What is kept as a replica set and what is not, by two workers on one ledger."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.ledger_outbox import outbox
from scopeproxy.execution.replicas import Replicas, ReplicaSet

PAIR = {"Paris": "p1", "Corte": "c1"}


@pytest.fixture
async def workers(state):
    ledgers = [Ledger(state, b"k") for _ in range(2)]
    for ledger in ledgers:
        await ledger.open()
    yield [Replicas(ledger) for ledger in ledgers]
    for ledger in ledgers:
        await ledger.close()


async def test_what_one_worker_learned_all_know(workers):
    one, other = workers
    assert await one.learn("image", "images", PAIR)
    assert await other.of("image", ["c1", "x"]) == {"c1": PAIR}
    assert await other.any_of_kind("image", "images", ["Corte"])
    assert await other.forget("image", "Corte", "c1") == ReplicaSet("image", "images", PAIR)
    assert await one.of("image", ["p1"]) == {}


async def test_whether_there_are_any_is_found_out_ahead(workers):
    one, other = workers
    async with other.looked_up_ahead("image") as of:
        assert await of("image", ["c1"], "images") == {}
    assert await one.learn("image", "images", PAIR)
    async with other.looked_up_ahead("image") as of:
        assert await of("image", ["x", "c1"], "images") == {"c1": PAIR}
        assert await of("image", ["c1"], "members") == {}
    async with other.looked_up_ahead("network") as of:
        assert await of("network", ["c1"], None) == {}
    async with other.looked_up_ahead("image"):
        """No list came that has to be looked into."""


async def test_kin_are_members_of_the_same_set_of_whatever_service(workers):
    one, other = workers
    assert await one.learn("image", "images", PAIR)
    assert await one.learn("network", "networks", {"Paris": "p1", "Corte": "x"})
    kin = await other.kin(("image", "network"), ["p1", "c1", "x", "y"])
    assert set(kin) == {"p1", "c1", "x"}
    assert kin["p1"] == kin["c1"] | kin["x"] != kin["c1"]
    assert set(await other.kin(("image",), ["p1", "x"])) == {"p1"}
    assert await other.kin(("image",), []) == {}


async def test_all_sets_are_told_in_the_order_in_which_they_were_learned(tmp_path):
    times = iter(range(10))
    ledger = Ledger(f"sqlite:///{tmp_path}/paris.db", b"k")
    await ledger.open()
    replicas = Replicas(ledger, now=lambda: next(times))
    await replicas.learn("network", "networks", {"Paris": "z", "Corte": "a"})
    await replicas.learn("image", "images", PAIR)
    await replicas.learn("image", "images", {"Paris": "p1", "Lyon": "l1"})
    every = await replicas.every()
    assert [(one.service, dict(one.members)) for one in every] == [
        ("network", {"Paris": "z", "Corte": "a"}),
        ("image", {**PAIR, "Lyon": "l1"}),
    ]
    assert await replicas.every(["image"]) == every[1:]
    await ledger.close()


async def test_what_was_made_anew_takes_the_place_of_the_member_that_is_gone(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/paris.db", b"k")
    await ledger.open()
    replicas = Replicas(ledger, "Paris")
    for members in (PAIR, {**PAIR, "Lyon": "l1"}):
        await replicas.learn("image", "images", members)
        assert await replicas.exchange(ReplicaSet("image", "images", PAIR), "Corte", "c2")
        assert await replicas.of("image", ["c1", "c2"]) == {"c2": {**members, "Corte": "c2"}}
        assert await replicas.exchange(ReplicaSet("image", "images", {**PAIR, "Corte": "c2"}), "Corte", "c1")
    letters = await ledger.read(lambda db: db.execute(outbox.select().where(outbox.c.site == "Corte")).all())
    told = [f"{one.target.partition('?')[0][:6]} {one.target.rpartition('&')[2]}" for one in letters]
    assert told[1:3] == ["DELETE Corte=c1", "PUT /. Corte=c2"]
    await ledger.close()


async def test_of_two_that_contradict_each_other_one_is_learned(workers):
    one, other = workers
    both = (one.learn("image", "images", PAIR), other.learn("image", "images", {**PAIR, "Corte": "c2"}))
    assert sorted(await asyncio.gather(*both)) == [False, True]


@pytest.mark.parametrize(
    ("collection", "members"),
    [
        ("servers", {"Paris": "p1"}),
        ("servers", {"Paris": "p1", "Corte": ""}),
        ("servers", {"Paris": "p1", "Corte": "c" * 256}),
        ("", PAIR),
        ("os-keypairs", {"Paris": "mine", "Corte": "mine"}),
    ],
)
async def test_what_is_no_set_is_not_kept(workers, collection, members):
    assert not await workers[0].learn("compute", collection, members)
    assert await workers[0].of("compute", members.values()) == {}


async def test_without_ids_nothing_is_asked(workers):
    assert await workers[0].of("image", []) == {}


# ---- what is learned from the calls of a cloud

BOTH = "{glance: Paris&Corte}"


async def made(cloud, token, scope=BOTH, **headers):
    body = {"name": "twin", "disk_format": "raw", "container_format": "bare"}
    return await cloud.call(
        "Paris", "image", "POST", "/v2/images", scope=scope, token=token, body=body, headers=headers
    )


async def sets_of(cloud, answer):
    """The set of the id in an answer, as another worker of Paris would find it."""
    ledger = cloud.apps["Paris"].lasting.ledger
    return (await Replicas(ledger).of("image", [answer.json["id"]])).get(answer.json["id"])


async def test_a_create_at_several_sites_is_a_set_until_all_are_deleted(cloud):
    token = await cloud.token(BOTH)
    image = await made(cloud, token)
    assert image.status == 201
    members = await sets_of(cloud, image)
    assert members == dict(part.split("=") for part in image.headers["x-scope-replicas"].split(", "))
    for site, id_ in members.items():
        gone = await cloud.call(
            "Paris", "image", "DELETE", f"/v2/images/{id_}", scope=f"{{glance: {site}}}", token=token
        )
        assert gone.status == 204
    assert await sets_of(cloud, image) is None


async def test_of_a_create_at_one_site_nothing_is_learned(cloud):
    token = await cloud.token(BOTH)
    assert await sets_of(cloud, await made(cloud, token, "{glance: Corte}")) is None
    assert await sets_of(cloud, await made(cloud, token, "{glance: Corte|Paris}")) is None


async def test_what_the_ledger_cannot_keep_is_logged_and_the_create_stays_a_success(cloud, caplog):
    token = await cloud.token(BOTH)
    await made(cloud, token)
    ledger = cloud.apps["Paris"].lasting.ledger
    await ledger.write(lambda db: db.exec_driver_sql("DROP TABLE replicas"))
    image = await made(cloud, token)
    assert image.status == 201
    assert f"replica set not noted: POST /v2/images: {image.headers['x-scope-replicas']}" in caplog.text


async def test_who_may_not_see_a_replica_neither_dissolves_its_set_nor_learns_of_it(cloud):
    for site in cloud.emulated.sites:
        site._user("carol", (("admin", "member"),))
    token, stranger = await cloud.token(BOTH), await cloud.token(BOTH, user="carol", password="secret", project="admin")
    image = await made(cloud, token)
    members = await sets_of(cloud, image)
    for method in ("GET", "DELETE"):
        path = f"/v2/images/{members['Paris']}"
        refused = await cloud.call("Paris", "image", method, path, scope=BOTH, token=stranger)
        assert refused.status == 404, refused
        assert "x-scope-replicas" not in refused.headers
        assert members["Corte"] not in str(refused)
    assert await sets_of(cloud, image) == members
