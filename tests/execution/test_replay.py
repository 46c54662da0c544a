"""Sites go, writes queue, sites come back: over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.model.topology import Account, Limits, Timeouts
from tests.execution.conftest import PASSWORD

SCOPE = "{keystone: Paris, glance: Paris&Corte}"
QUEUE = {"X-Scope-Options": "on-partial=queue"}
PATIENCE = 20.0


async def until(condition, what="it"):
    """Wait for a condition, which may be a coroutine function."""
    async with asyncio.timeout(PATIENCE):
        while True:
            said = condition()
            if await said if asyncio.iscoroutine(said) else said:
                return
            await asyncio.sleep(0.02)


async def waiting(cloud, site="Paris"):
    return await cloud.apps[site].lasting.journal.told()


async def empty(cloud, site="Paris"):
    return not await waiting(cloud, site)


def images(cloud, site):
    return sorted(image["name"] for image in cloud.emulated.site(site).glance.images.values())


async def create(cloud, token, name="twice", scope=SCOPE, site="Paris", **more):
    body = {"name": name, "disk_format": "raw", "container_format": "bare", **more}
    return await cloud.call(site, "image", "POST", "/v2/images", scope=scope, token=token, body=body, headers=QUEUE)


async def test_what_is_learned_to_be_replicas_is_settled_before(cloud, monkeypatch):
    """Killed in between, the proxy took what it had made for another write's, and made it again."""
    replicas, stood = cloud.apps["Paris"].house.journey._replicas, []
    learn = replicas.learn

    async def looked_at(*members):
        stood.append(await waiting(cloud))
        return await learn(*members)

    monkeypatch.setattr(replicas, "learn", looked_at)
    assert (await create(cloud, await cloud.token(SCOPE))).status == 201
    assert stood == [[]]


async def test_a_write_for_a_site_that_is_away_is_made_when_it_is_back(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    made = await create(cloud, token)
    assert (made.status, made.sites) == (201, {"Paris": "201", "Corte": "queued"})
    assert "x-scope-partial" not in made.headers
    assert [(one.entry.site, one.method, one.path) for one in await waiting(cloud)] == [("Corte", "POST", "/v2/images")]
    assert "twice" not in images(cloud, "Corte")
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert images(cloud, "Corte").count("twice") == images(cloud, "Paris").count("twice") == 1


async def test_nothing_is_left_of_a_write_that_every_site_has_done(cloud):
    token = await cloud.token(SCOPE)
    made = await create(cloud, token)
    assert (made.status, made.sites) == (201, {"Paris": "201", "Corte": "201"})
    assert await empty(cloud)


ID = "5f64f646-d869-44d9-b434-f603198db6aa"


async def on_one(cloud, token, method, path=f"/v2/images/{ID}", body=None, options=QUEUE, scope=SCOPE):
    headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"} if method == "PATCH" else {}
    return await cloud.call(
        "Paris", "image", method, path, scope=scope, token=token, body=body, headers={**options, **headers}
    )


def renamed(name):
    return [{"op": "replace", "path": "/name", "value": name}]


def only(cloud, site, name):
    return [image["name"] for image in cloud.emulated.site(site).glance.images.values() if name in image["name"]]


async def test_later_writes_to_the_same_resource_queue_behind_the_first_and_keep_their_order(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    id_ = (await create(cloud, token, "twice-1")).json["id"]
    for name in ("twice-2", "twice-3"):
        changed = await on_one(cloud, token, "PATCH", f"/v2/images/{id_}", renamed(name))
        assert (changed.status, changed.sites) == (200, {"Paris": "200", "Corte": "queued"})
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert only(cloud, "Corte", "twice") == only(cloud, "Paris", "twice") == ["twice-3"]
    # What was made later is a replica like any other: each site is told its own id.
    assert id_ not in cloud.emulated.site("Corte").glance.images
    gone = await on_one(cloud, token, "DELETE", f"/v2/images/{id_}")
    assert (gone.status, gone.sites) == (204, {"Paris": "204", "Corte": "204"})
    assert only(cloud, "Corte", "twice") == []


async def test_what_stands_behind_a_create_keeps_its_ids_when_the_set_is_forgotten_meanwhile(cloud, monkeypatch):
    """As a delete does that another site has done already: what waited for Corte asked there for the id of Paris, and
    a 404 was taken for a delete that is done."""
    replicas = cloud.apps["Paris"].house.replay._replicas
    learn = replicas.learn

    async def learned_and_forgotten(service, collection, members):
        assert await learn(service, collection, members)
        assert await replicas.forget(service, "Paris", members["Paris"], collection)

    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    id_ = (await create(cloud, token, "twice-1")).json["id"]
    changed = await on_one(cloud, token, "PATCH", f"/v2/images/{id_}", renamed("twice-2"))
    assert (changed.status, changed.sites) == (200, {"Paris": "200", "Corte": "queued"})
    monkeypatch.setattr(replicas, "learn", learned_and_forgotten)
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert only(cloud, "Corte", "twice") == ["twice-2"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_what_is_made_at_a_site_while_a_write_to_it_is_planned_is_known_to_that(cloud, monkeypatch, method):
    queueing = cloud.apps["Paris"].house.journey._queueing
    begin = queueing.begin

    async def begins_late(*args):
        cloud.emulated.links.heal()
        await until(lambda: empty(cloud))
        return await begin(*args)

    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    path = f"/v2/images/{(await create(cloud, token)).json['id']}"
    monkeypatch.setattr(queueing, "begin", begins_late)
    if method == "PATCH":
        done = await on_one(cloud, token, "PATCH", path, renamed("twice-2"))
        assert (done.status, done.sites) == (200, {"Paris": "200", "Corte": "200"})
        assert only(cloud, "Corte", "twice") == ["twice-2"]
    else:
        headers = {"Content-Type": "application/octet-stream", **QUEUE}
        done = await cloud.call(
            "Paris", "image", "PUT", f"{path}/file", scope=SCOPE, token=token, data=DATA, headers=headers
        )
        assert (done.status, done.sites) == (204, {"Paris": "204", "Corte": "204"})
        assert states(cloud, "Corte") == [("active", len(DATA))]


async def test_each_site_is_told_its_own_id_also_when_the_others_are_gone_by_then(cloud):
    everywhere = "{keystone: Paris, glance: Paris&Corte&Marseille}"
    token = await cloud.token(everywhere)
    id_ = (await create(cloud, token, "thrice", everywhere)).json["id"]
    cloud.emulated.links.cut("Paris", "Corte")
    cloud.emulated.links.cut("Paris", "Marseille")
    gone = await on_one(cloud, token, "DELETE", f"/v2/images/{id_}", scope=everywhere)
    assert (gone.status, gone.sites) == (204, {"Paris": "204", "Corte": "queued", "Marseille": "queued"})
    cloud.emulated.links.heal("Paris", "Corte")
    await until(lambda: not only(cloud, "Corte", "thrice"))
    assert only(cloud, "Marseille", "thrice") == ["thrice"]
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert not only(cloud, "Marseille", "thrice")


async def test_what_refers_to_a_resource_that_waits_queues_behind_it(cloud):
    scope = "{keystone: Paris, neutron: Paris&Corte}"
    token = await cloud.token(scope)
    cloud.emulated.links.cut("Paris", "Corte")

    async def make(kind, **values):
        path, body = f"/v2.0/{kind}s", {kind: values}
        made = await cloud.call("Paris", "network", "POST", path, scope=scope, token=token, body=body, headers=QUEUE)
        assert (made.status, made.sites) == (201, {"Paris": "201", "Corte": "queued"}), made
        return made.json[kind]["id"]

    network = await make("network", name="far")
    await make("subnet", name="near", network_id=network, ip_version=4, cidr="10.7.0.0/24")
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    told = await cloud.call("Corte", "network", "GET", "/v2.0/networks?name=far", token=await cloud.token(site="Corte"))
    (far,) = told.json["networks"]
    assert far["id"] != network
    assert len(far["subnets"]) == 1


DATA = b"0123456789" * 100_000


async def image_with_data(cloud, token, name="twice", options=QUEUE, **more):
    """An image is made at Paris and Corte, and gets its data; its id at Paris, and what came of the data."""
    made = await create(cloud, token, name, **more)
    assert made.status == 201, made
    headers = {"Content-Type": "application/octet-stream", **options}
    path = f"/v2/images/{made.json['id']}/file"
    put = await cloud.call("Paris", "image", "PUT", path, scope=SCOPE, token=token, data=DATA, headers=headers)
    return made.json["id"], put


def spooled(cloud):
    return list((cloud.emulated.directory / "Paris").glob("proxy.db.spool/[!.]*"))


def states(cloud, site, name="twice"):
    images = cloud.emulated.site(site).glance.images.values()
    return [(image["status"], image["size"]) for image in images if image["name"] == name]


@pytest.mark.parametrize("options", [QUEUE, {}])
async def test_data_wait_sealed_behind_the_image_that_they_are_for(cloud, options):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    id_, put = await image_with_data(cloud, token, options=options)
    assert (put.status, put.sites) == (204, {"Paris": "204", "Corte": "queued"})
    (file,) = spooled(cloud)
    assert DATA[:100] not in file.read_bytes()
    told = (await waiting(cloud))[-1]
    assert (told.path, told.data) == (f"/v2/images/{id_}/file", len(DATA))
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert states(cloud, "Corte") == states(cloud, "Paris") == [("active", len(DATA))]
    await until(lambda: not spooled(cloud))


async def test_data_of_an_image_that_is_deleted_need_not_be_sent(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    id_, _ = await image_with_data(cloud, token)
    deleted = await on_one(cloud, token, "DELETE", f"/v2/images/{id_}")
    assert deleted.status == 204, deleted
    assert await empty(cloud)
    assert spooled(cloud) == []


async def test_data_that_came_to_both_sites_leave_nothing_and_over_the_quota_none_are_sent(cloud):
    token = await cloud.token(SCOPE)
    _, put = await image_with_data(cloud, token)
    assert (put.status, put.sites) == (204, {"Paris": "204", "Corte": "204"})
    assert await empty(cloud)
    assert spooled(cloud) == []
    await cloud.use(limits=Limits(journal_data=1000))
    mark = cloud.mark()
    _, refused = await image_with_data(cloud, token, "more")
    assert refused.status == 507
    assert "limits.journal_data" in str(refused.json)
    assert not [record for record in cloud.seen(mark, "glance") if record.method == "PUT"]
    assert spooled(cloud) == []


@pytest.mark.parametrize("arrived", [True, False])
async def test_data_of_which_nobody_knows_whether_they_came_are_looked_for(cloud, arrived):
    token = await cloud.token(SCOPE)
    id_ = (await create(cloud, token, id=ID)).json["id"]
    await cloud.use(timeouts=Timeouts(connect=0.2, answer=2.0, total=20.0))
    await cloud.emulated.site("Corte").misbehave("image", "slow")
    headers = {"Content-Type": "application/octet-stream", **QUEUE}
    path = f"/v2/images/{id_}/file"
    put = await cloud.call("Paris", "image", "PUT", path, scope=SCOPE, token=token, data=DATA, headers=headers)
    assert (put.status, put.sites["Corte"]) == (204, "queued")
    assert [one.entry.unsure for one in await waiting(cloud)] == [True]
    cloud.emulated.links.cut("Paris", "Corte")
    await cloud.emulated.site("Corte").misbehave("image", None)
    if arrived:
        there = {"X-Auth-Token": await cloud.token(site="Corte"), "Content-Type": "application/octet-stream"}
        came = await cloud.call("Corte", "image", "PUT", path, data=DATA, headers=there)
        assert came.status == 204, came
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert states(cloud, "Corte") == [("active", len(DATA))]


async def test_other_data_than_were_sent_stop_the_line(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    await image_with_data(cloud, token)
    (file,) = spooled(cloud)
    broken = bytearray(file.read_bytes())
    broken[100] ^= 1
    file.write_bytes(broken)
    cloud.emulated.links.heal()

    async def stopped():
        return [one.entry.state.value for one in await waiting(cloud)] == ["conflict"]

    await until(stopped)
    (entry,) = await waiting(cloud)
    assert "cannot be read" in entry.answer
    assert await cloud.apps["Paris"].lasting.journal.drop([entry.entry.id]) == 1
    assert spooled(cloud) == []


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_was_changed_there_meanwhile_stops_the_line_until_somebody_has_looked(cloud, method):
    token = await cloud.token(SCOPE)
    await create(cloud, token, id=ID)
    cloud.emulated.links.cut("Paris", "Corte")
    queued = await on_one(cloud, token, method, body=renamed("twice-2") if method == "PATCH" else None)
    assert queued.sites["Corte"] == "queued", queued
    there = cloud.emulated.site("Corte").glance.images[ID]
    there.update(name="changed-there", updated_at="2999-01-01T00:00:00Z")
    cloud.emulated.links.heal()

    async def stopped():
        return [one.entry.state.value for one in await waiting(cloud)] == ["conflict"]

    await until(stopped)
    (first,) = await waiting(cloud)
    assert "changed there at 2999-01-01T00:00:00Z" in first.answer
    assert cloud.emulated.site("Corte").glance.images[ID]["name"] == "changed-there"
    there["updated_at"] = "2001-01-01T00:00:00Z"
    await cloud.apps["Paris"].lasting.journal.retry([first.entry.id])
    await until(lambda: empty(cloud))
    assert only(cloud, "Corte", "twice") == only(cloud, "Paris", "twice")
    assert only(cloud, "Corte", "changed-there") == []


BESIDE = "{keystone: Paris, glance: Paris&(Corte|Marseille)}"


async def test_of_alternatives_that_are_away_the_first_gets_it_and_all_that_comes_after_it(cloud):
    token = await cloud.token(BESIDE)
    for site in ("Corte", "Marseille"):
        cloud.emulated.links.cut("Paris", site)
    made = await create(cloud, token, "one-of", BESIDE)
    assert (made.status, made.sites["Corte"]) == (201, "queued")
    assert [one.entry.site for one in await waiting(cloud)] == ["Corte"]
    cloud.emulated.links.heal("Paris", "Marseille")
    await cloud.apps["Paris"].house.health.probe("Marseille", cloud.apps["Paris"].house.probe)
    path, headers = f"/v2/images/{made.json['id']}", {"Content-Type": "application/octet-stream", **QUEUE}
    put = await cloud.call(
        "Paris", "image", "PUT", f"{path}/file", scope=BESIDE, token=token, data=DATA, headers=headers
    )
    assert (put.status, put.sites["Corte"]) == (204, "queued"), put
    renaming = await on_one(cloud, token, "PATCH", path, renamed("one-of-2"), scope=BESIDE)
    assert (renaming.status, renaming.sites["Corte"]) == (200, "queued"), renaming
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert states(cloud, "Corte", "one-of-2") == states(cloud, "Paris", "one-of-2") == [("active", len(DATA))]
    assert only(cloud, "Marseille", "one-of") == []


async def test_an_alternative_that_is_there_gets_it_at_once(cloud):
    token = await cloud.token(BESIDE)
    cloud.emulated.links.cut("Paris", "Corte")
    made = await create(cloud, token, "one-of", BESIDE)
    assert (made.status, made.sites["Marseille"]) == (201, "201")
    assert await empty(cloud)
    cloud.emulated.links.heal()
    assert only(cloud, "Corte", "one-of") == []


async def test_a_create_and_its_delete_cancel_out(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    path = f"/v2/images/{(await create(cloud, token)).json['id']}"
    await on_one(cloud, token, "PATCH", path, renamed("two"))
    assert len(await waiting(cloud)) == 2
    mark = cloud.mark()
    deleted = await on_one(cloud, token, "DELETE", path)
    assert (deleted.status, deleted.sites) == (204, {"Paris": "204", "Corte": "queued"})
    assert await empty(cloud)
    cloud.emulated.links.heal()
    assert not [r for r in cloud.seen(mark, "glance", "Corte") if r.method != "GET"]


async def test_a_refusal_stops_the_line_and_a_person_decides(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    await create(cloud, token, id=ID)
    cloud.emulated.site("Corte").glance.add({"id": ID, "name": "was-there", "owner": "x"})
    cloud.emulated.links.heal()
    journal = cloud.apps["Paris"].lasting.journal

    async def stopped():
        return [one.entry.state.value for one in await waiting(cloud)] == ["conflict"]

    await until(stopped)
    (first,) = await waiting(cloud)
    assert "409" in first.answer
    # Whatever the policy: nothing overtakes the line.
    changed = await on_one(cloud, token, "PATCH", body=renamed("two"), options={})
    assert (changed.status, changed.sites) == (200, {"Paris": "200", "Corte": "queued"})
    await cloud.apps["Paris"].house.replay.due()
    assert len(await waiting(cloud)) == 2
    assert cloud.emulated.site("Corte").glance.images[ID]["name"] == "was-there"
    del cloud.emulated.site("Corte").glance.images[ID]
    assert await journal.retry([first.entry.id]) == 1
    await until(lambda: empty(cloud))
    assert cloud.emulated.site("Corte").glance.images[ID]["name"] == "two"


@pytest.mark.parametrize("chosen", [{}, {"id": ID}])
@pytest.mark.parametrize("happened", [True, False])
async def test_a_create_whose_answer_was_lost_is_looked_up_and_not_repeated(cloud, chosen, happened):
    token = await cloud.token(SCOPE)
    await cloud.use(timeouts=Timeouts(connect=0.2, answer=2.0, total=20.0))
    await cloud.emulated.site("Corte").misbehave("image", "slow")
    made = await create(cloud, token, **chosen)
    assert (made.status, made.sites["Corte"]) == (201, "queued")
    (one,) = await waiting(cloud)
    assert one.entry.unsure
    if happened:
        image = {"name": "twice", "disk_format": "raw", "container_format": "bare", "visibility": "shared", **chosen}
        project = cloud.emulated.site("Corte").keystone.directory.named("projects", "demo")["id"]
        cloud.emulated.site("Corte").glance.add({**image, "owner": project})
    await cloud.emulated.site("Corte").misbehave("image", None)
    await until(lambda: empty(cloud))
    assert images(cloud, "Corte").count("twice") == 1


async def test_what_waits_survives_a_restart_and_what_was_under_way_is_looked_up(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    await create(cloud, token)
    await cloud.apps.pop("Paris").stop()
    await cloud.start("Paris")
    assert len(await waiting(cloud)) == 1
    cloud.emulated.links.heal()
    await until(lambda: empty(cloud))
    assert images(cloud, "Corte").count("twice") == 1


@pytest.mark.parametrize("strategy", ["login", "home", "account"])
async def test_an_entry_without_a_login_waits_visibly_for_the_next_of_its_owner(cloud, tmp_path, strategy):
    file = tmp_path / "corte.pw"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    await cloud.use(tokens=(strategy,), accounts={"Corte": (Account("member", "alice", str(file), {"demo": "demo"}),)})
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    await create(cloud, token)
    revoked = await cloud.call(
        "Paris", "identity", "DELETE", "/v3/auth/tokens", token=token, headers={"X-Subject-Token": token}
    )
    assert revoked.status == 204
    cloud.emulated.links.heal()

    async def stands(state):
        return [one.entry.state.value for one in await waiting(cloud)] == [state]

    await until(lambda: stands("waiting for login"))
    await cloud.token(SCOPE, user="admin", password="secret")
    assert await stands("waiting for login")
    await cloud.token(SCOPE)
    await until(lambda: empty(cloud))
    assert images(cloud, "Corte").count("twice") == 1


@pytest.mark.parametrize(("expired", "stands"), [(True, []), (False, ["waiting for login"])])
async def test_an_account_stands_in_for_a_token_that_expired_and_not_for_one_that_was_revoked(
    cloud, tmp_path, expired, stands
):
    file = tmp_path / "corte.pw"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    row = Account("member", "alice", str(file), {"demo": "demo"})
    await cloud.use(tokens=("account",), accounts={"Corte": (row,)})
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    for name in ("one", "two"):
        await create(cloud, token, name=name)
    await cloud.restart("Paris")
    cloud.emulated.site("Paris").keystone.issued.revoke(token)
    strategy = cloud.apps["Paris"].house.journey._calling._broker._strategies["account"]
    strategy._now = lambda now=strategy._now: now() + 3601 * expired
    validated = cloud.mark()
    cloud.emulated.links.heal()

    async def settled():
        return {one.entry.state.value for one in await waiting(cloud)} == set(stands)

    await until(settled)
    assert {"one", "two"} & set(images(cloud, "Corte")) == ({"one", "two"} if expired else set())
    logins = [r for r in cloud.seen(validated, "keystone", "Corte") if r.method == "POST" and r.user == "alice"]
    assert len(logins) == expired


async def test_no_account_stands_in_for_a_token_that_was_revoked_and_would_have_expired_since(cloud, tmp_path):
    file = tmp_path / "corte.pw"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    row = Account("member", "alice", str(file), {"demo": "demo"})
    await cloud.use(tokens=("account",), accounts={"Corte": (row,)})
    token = await cloud.token(SCOPE)
    cloud.emulated.links.cut("Paris", "Corte")
    await create(cloud, token)
    gone = await cloud.call(
        "Paris", "identity", "DELETE", "/v3/auth/tokens", token=token, headers={"X-Subject-Token": token}
    )
    assert gone.status == 204
    strategy = cloud.apps["Paris"].house.journey._calling._broker._strategies["account"]
    strategy._now = lambda now=strategy._now: now() + 3601
    cloud.emulated.links.heal()

    async def stands():
        return [one.entry.state.value for one in await waiting(cloud)] == ["waiting for login"]

    await until(stands)
    assert "twice" not in images(cloud, "Corte")


async def test_a_full_journal_is_told_before_anything_is_sent(cloud):
    token = await cloud.token(SCOPE)
    await cloud.use(limits=Limits(journal_entries=1))
    refused = await create(cloud, token)
    assert refused.status == 507
    assert "the journal is full" in str(refused.json)
    assert "twice" not in images(cloud, "Paris") + images(cloud, "Corte")


async def test_when_no_site_did_it_or_one_refused_nothing_is_queued_and_nothing_left(cloud):
    token = await cloud.token(SCOPE)
    cloud.emulated.site("Corte").glance.add({"id": ID, "name": "was-there", "owner": "x"})
    refused = await create(cloud, token, id=ID)
    assert refused.status == 409
    assert await empty(cloud)
    assert ID not in cloud.emulated.site("Paris").glance.images
    cloud.emulated.links.cut("Paris", "Corte")
    cloud.emulated.links.cut("Paris", "Marseille")
    away = "{keystone: Paris, glance: Corte&Marseille}"
    assert (await create(cloud, token, scope=away)).status in (401, 502)
    assert await empty(cloud)


async def test_a_partition_heals_and_all_sites_are_equal(cloud):
    """Three sites, written to at all sides while none reaches another."""
    everywhere = "{keystone: %s, glance: Paris&Corte&Marseille}"
    sites = ("Paris", "Corte", "Marseille")
    tokens = {site: await cloud.token(everywhere % site, site) for site in sites}
    for one, other in (("Paris", "Corte"), ("Paris", "Marseille"), ("Corte", "Marseille")):
        cloud.emulated.links.cut(one, other)
    names = []
    for site in sites:
        for number in range(3):
            names.append(f"{site}-{number}")
            made = await create(cloud, tokens[site], names[-1], everywhere % site, site)
            assert made.status == 201, made
            assert sorted(made.sites.values()) == ["201", "queued", "queued"]
    cloud.emulated.links.heal()
    began = asyncio.get_running_loop().time()
    for site in sites:
        await until(lambda site=site: empty(cloud, site))
    took = asyncio.get_running_loop().time() - began
    for site in sites:
        assert [name for name in images(cloud, site) if name in names] == sorted(names)
    assert took < 10, f"equal after {took:.1f} s"


async def test_a_client_that_leaves_does_not_stop_what_was_sent_or_queued(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    call = asyncio.create_task(create(cloud, token, "left"))
    while not cloud.seen(mark, "glance"):
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait((call,))
    await until(lambda: only(cloud, "Paris", "left") == only(cloud, "Corte", "left") == ["left"])

    def recorded():
        return [one.sites for one in cloud.apps["Paris"].lasting.records.last(9) if one.path == "/v2/images"]

    await until(lambda: {"Paris": "201", "Corte": "201"} in recorded())
    await until(lambda: empty(cloud))
