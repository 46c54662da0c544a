"""Ids on their way to another site: by replica set and by name, on real sockets; what has no counterpart is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scopeproxy.errors import CallerError
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.translating import Asker, Translating
from scopeproxy.lang.scope import Scope
from scopeproxy.model.messages import Request, json_reply
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Work
from scopeproxy.planning.references import Reference

SCOPE = "{glance: Paris&Corte}"
BODY = {"name": "twin", "disk_format": "raw", "container_format": "bare"}


async def twin(cloud, token, scope=SCOPE, site="Paris", **fields):
    """A replicated image: site to id."""
    made = await cloud.call(site, "image", "POST", "/v2/images", scope=scope, token=token, body={**BODY, **fields})
    assert made.status == 201, made
    return told(made)


def told(answer) -> dict[str, str]:
    return dict(part.split("=") for part in answer.headers["x-scope-replicas"].split(", "))


def paths(cloud, since: int, service: str, site: str) -> list[str]:
    return [record.path for record in cloud.seen(since, service, site)]


@pytest.mark.parametrize("asked", ["Paris", "Corte"])
async def test_with_the_id_of_any_member_each_site_is_asked_for_its_own(cloud, asked):
    token = await cloud.token(SCOPE)
    ids = await twin(cloud, token)
    mark = cloud.mark()
    shown = await cloud.call("Paris", "image", "GET", f"/v2/images/{ids[asked]}", scope=SCOPE, token=token)
    assert (shown.status, shown.sites, told(shown)) == (200, {"Paris": "200", "Corte": "200"}, ids)
    for site, id_ in ids.items():
        assert paths(cloud, mark, "glance", site) == [f"/v2/images/{id_}"]
    patch = [{"op": "replace", "path": "/name", "value": "renamed"}]
    headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    changed = await cloud.call(
        *("Paris", "image", "PATCH", f"/v2/images/{ids[asked]}"),
        scope=SCOPE,
        token=token,
        data=json.dumps(patch),
        headers=headers,
    )
    assert (changed.status, changed.sites) == (200, {"Paris": "200", "Corte": "200"})
    gone = await cloud.call("Paris", "image", "DELETE", f"/v2/images/{ids[asked]}", scope=SCOPE, token=token)
    assert (gone.status, gone.sites) == (204, {"Paris": "204", "Corte": "204"})


async def test_one_other_site_is_asked_for_its_own_id_too(cloud):
    token = await cloud.token(SCOPE)
    ids = await twin(cloud, token)
    mark = cloud.mark()
    shown = await cloud.call(
        "Paris", "image", "GET", f"/v2/images/{ids['Paris']}", scope="{glance: Corte}", token=token
    )
    assert (shown.status, shown.json["id"]) == (200, ids["Corte"])
    assert paths(cloud, mark, "glance", "Corte") == [f"/v2/images/{ids['Corte']}"]


async def test_what_is_at_one_site_only_is_changed_there(cloud):
    token = await cloud.token(SCOPE)
    made = await cloud.call("Paris", "image", "POST", "/v2/images", scope="{glance: Corte}", token=token, body=BODY)
    gone = await cloud.call("Paris", "image", "DELETE", f"/v2/images/{made.json['id']}", scope=SCOPE, token=token)
    assert (gone.status, gone.sites) == (204, {"Paris": "404", "Corte": "204"})
    assert "x-scope-replicas" not in gone.headers


@pytest.mark.parametrize("query", ["", "?limit=1", "?limit=2", "?sort=created_at:desc&limit=3"])
async def test_a_list_shows_a_set_once_whatever_the_pages(cloud, query):
    token = await cloud.token(SCOPE)
    sets = [await twin(cloud, token, name=f"twin-{number}") for number in range(3)]
    shown: list[str] = []
    target: str | None = f"/v2/images{query}"
    while target:
        page = await cloud.call("Paris", "image", "GET", target, scope=SCOPE, token=token)
        assert page.status == 200, page
        shown += [image["id"] for image in page.json["images"]]
        target = page.json.get("next")
    assert len(shown) == len(set(shown))
    for members in sets:
        assert len({*members.values()} & {*shown}) == 1
    assert {cloud.image("OnlyParis"), cloud.image("OnlyCorte")} <= set(shown)


async def test_a_member_that_was_deleted_behind_our_back_hides_no_other(cloud):
    token = await cloud.token(SCOPE)
    ids = await twin(cloud, token)
    assert (await cloud.call("Paris", "image", "DELETE", f"/v2/images/{ids['Paris']}", token=token)).status == 204
    listed = await cloud.call("Paris", "image", "GET", "/v2/images?limit=50", scope=SCOPE, token=token)
    assert ids["Corte"] in [image["id"] for image in listed.json["images"]]


# ---- references


def flavor(cloud, site: str, name: str = "m1.tiny") -> str:
    flavors = cloud.emulated.site(site).nova.flavors.items
    return next(id_ for id_, one in flavors.items() if one["name"] == name)


async def boot(cloud, scope, token, **fields: Any):
    server = {"name": "vm", "flavorRef": flavor(cloud, "Paris"), "imageRef": cloud.image("OnlyParis"), **fields}
    body = {"server": {"networks": "auto", **server}}
    return await cloud.call("Paris", "compute", "POST", "/v2.1/servers", scope=scope, token=token, body=body)


async def test_references_are_translated_by_name_where_the_set_does_not_tell(cloud):
    assert flavor(cloud, "Paris") != flavor(cloud, "Corte")
    scope = "{nova: Paris&Corte, glance: Paris}"
    token = await cloud.token(scope)
    made = await boot(cloud, scope, token)
    assert (made.status, made.sites) == (202, {"Paris": "202", "Corte": "202"}), made
    ids = told(made)
    for site in ("Paris", "Corte"):
        server = cloud.emulated.site(site).nova.servers.items[ids[site]]
        assert server["flavor"]["id"] == flavor(cloud, site)


async def test_references_are_translated_by_set(cloud):
    token = await cloud.token("{*: Paris&Corte}")
    ids = {"Paris": cloud.image("OnlyParis"), "Corte": cloud.image("OnlyCorte")}
    assert await Replicas(cloud.apps["Paris"].lasting.ledger).learn("image", "images", ids)
    made = await boot(cloud, "{nova: Corte}", token, flavorRef=flavor(cloud, "Corte"))
    assert made.status == 202, made
    path = f"/v2.1/servers/{made.json['server']['id']}"
    shown = await cloud.call("Paris", "compute", "GET", path, scope="{nova: Corte}", token=token)
    assert shown.json["server"]["image"]["id"] == ids["Corte"]


async def test_an_id_of_the_other_site_itself_stays(cloud):
    token = await cloud.token("{nova: Corte}")
    made = await boot(
        cloud, "{nova: Corte}", token, imageRef=cloud.image("OnlyCorte"), flavorRef=flavor(cloud, "Corte")
    )
    assert made.status == 202, made


@pytest.mark.parametrize("scope", ["{nova: Corte}", "{nova: Paris&Corte}", "{nova: Corte|Marseille}"])
async def test_without_a_counterpart_nothing_is_created_and_the_reference_is_named(cloud, scope):
    token = await cloud.token("{*: Paris&Corte&Marseille}")
    mark = cloud.mark()
    made = await boot(cloud, scope, token)
    assert made.status == 400
    message = made.json["badRequest"]["message"]
    assert all(part in message for part in ("server.imageRef", "'OnlyParis'", "none at Corte", "*: Corte")), message
    assert not [record for record in cloud.seen(mark, "nova") if record.method == "POST"]


async def test_a_name_that_several_have_is_no_counterpart(cloud):
    for _ in range(2):
        cloud.emulated.site("Corte").seed_image("OnlyParis")
    token = await cloud.token("{*: Paris&Corte}")
    made = await boot(cloud, "{nova: Corte}", token)
    assert made.status == 400
    assert "of that name there are 2 at Corte" in made.json["badRequest"]["message"]


async def test_who_cannot_be_asked_is_told(cloud):
    token = await cloud.token("{nova: Corte}")
    await cloud.emulated.site("Paris").misbehave("glance", "500")
    made = await boot(cloud, "{nova: Corte}", token)
    assert (made.status, made.sites) == (503, {"Corte": "not-asked"})
    message = made.json["serviceUnavailable"]["message"]
    assert "Corte: what server.imageRef names cannot be asked: Paris: HTTP 500" in message
    assert "POST /v2.1/servers was not sent" in message


async def test_a_site_that_does_not_tell_what_it_calls_a_thing_was_not_asked(cloud):
    cloud.emulated.site("Corte").seed_image("OnlyParis")
    token = await cloud.token("{nova: Corte}")
    await cloud.emulated.site("Corte").misbehave("glance", "refuse")
    mark = cloud.mark()
    made = await boot(cloud, "{nova: Corte}", token, flavorRef=flavor(cloud, "Corte"))
    assert (made.status, made.sites) == (503, {"Corte": "not-asked"})
    told = f"Corte: what server.imageRef ({cloud.image('OnlyParis')}) is called there cannot be asked"
    assert told in made.json["serviceUnavailable"]["message"]
    assert not cloud.seen(mark, "nova", "Corte")


async def test_here_or_there_asks_only_for_the_site_that_is_tried(cloud):
    token = await cloud.token("{nova: Paris|Corte}")
    mark = cloud.mark()
    made = await boot(cloud, "{nova: Paris|Corte}", token)
    assert (made.status, made.sites) == (202, {"Paris": "202"})
    assert not cloud.seen(mark, site="Corte")


async def test_roles_are_granted_between_the_ids_of_each_site(cloud):
    scope = "{keystone: Paris&Corte}"
    token = await cloud.token(scope, user="admin", project="admin", password="secret")
    user = await cloud.call(
        *("Paris", "identity", "POST", "/v3/users"), scope=scope, token=token, body={"user": {"name": "robert"}}
    )
    assert user.status == 201, user
    users = told(user)
    directories = {site: cloud.emulated.site(site).keystone.directory for site in users}
    projects = {site: directory.named("projects", "demo")["id"] for site, directory in directories.items()}
    roles = {site: directory.named("roles", "member")["id"] for site, directory in directories.items()}
    path = f"/v3/projects/{projects['Paris']}/users/{users['Paris']}/roles/{roles['Paris']}"
    mark = cloud.mark()
    granted = await cloud.call("Paris", "identity", "PUT", path, scope=scope, token=token)
    assert (granted.status, granted.sites) == (204, {"Paris": "204", "Corte": "204"}), granted
    asked = [record.path for record in cloud.seen(mark, "keystone", "Corte") if record.method == "PUT"]
    assert asked == [f"/v3/projects/{projects['Corte']}/users/{users['Corte']}/roles/{roles['Corte']}"]


# ---- ids that count at each site for itself


AGGREGATES = "{nova: Paris&Corte}"


async def numbered(cloud, **members: str) -> None:
    """A set of things whose ids are numbers, as nova's aggregates have them."""
    assert await Replicas(cloud.apps["Paris"].lasting.ledger).learn("compute", "os-aggregates", members)


@pytest.mark.parametrize(
    ("scope", "asked", "expected"),
    [
        # Corte's own 4 is another thing than Paris's, and than the replica of Paris's 1.
        ("{nova: Corte}", "4", {"Corte": "4"}),
        ("{nova: Corte}", "7", {"Corte": "7"}),
        ("{nova: Paris&Corte}", "4", {"Paris": "4", "Corte": "7"}),
        ("{nova: Corte&Paris}", "4", {"Paris": "1", "Corte": "4"}),
        ("{nova: Paris&Corte}", "1", {"Paris": "1", "Corte": "4"}),
    ],
)
async def test_a_number_is_that_of_the_first_site_of_the_scope_which_has_it(cloud, scope, asked, expected):
    await numbered(cloud, Paris="1", Corte="4")
    await numbered(cloud, Paris="4", Corte="7")
    token, mark = await cloud.token(AGGREGATES), cloud.mark()
    await cloud.call("Paris", "compute", "DELETE", f"/v2.1/os-aggregates/{asked}", scope=scope, token=token)
    for site in ("Paris", "Corte"):
        wanted = [f"/v2.1/os-aggregates/{expected[site]}"] if site in expected else []
        assert [path for path in paths(cloud, mark, "nova", site) if "aggregates" in path] == wanted


async def test_a_number_of_a_site_outside_the_scope_is_no_replica(cloud):
    await numbered(cloud, Paris="1", Corte="7")
    token, mark = await cloud.token("{nova: Corte}"), cloud.mark()
    await cloud.call("Paris", "compute", "DELETE", "/v2.1/os-aggregates/1", scope="{nova: Corte}", token=token)
    assert [path for path in paths(cloud, mark, "nova", "Corte") if "aggregates" in path] == ["/v2.1/os-aggregates/1"]


async def test_the_first_page_of_a_list_does_not_tell_that_a_name_is_there_just_once():
    flavor = {"id": "p", "name": "m1.tiny"}
    page = {"flavors": [{"id": "c", "name": "m1.tiny"}], "flavors_links": [{"rel": "next", "href": "/v2.1/x?marker=c"}]}

    async def ask(call):
        return json_reply(call.site, 200, {"flavor": flavor} if call.site == "Paris" else page)

    request = Request("compute", "POST", "/v2.1/servers")
    work = Work(request, classify(request), Scope(), "Paris")
    call = Call("Corte", request, missing=(Reference("compute", "flavors", "server.flavorRef", "p", ("Paris",)),))
    with pytest.raises(CallerError, match="lists too many"):
        await Translating(None, None).resolved(call, work, Asker(ask, ""))


# ---- what is said and undone in each site's own words


async def test_a_refusal_names_the_id_that_the_client_sent(cloud):
    token = await cloud.token(SCOPE)
    ids = await twin(cloud, token)
    assert (await cloud.call("Corte", "image", "DELETE", f"/v2/images/{ids['Corte']}", token=token)).status == 401
    own = await cloud.token(site="Corte")
    assert (await cloud.call("Corte", "image", "DELETE", f"/v2/images/{ids['Corte']}", token=own)).status == 204
    shown = await cloud.call(
        "Paris", "image", "GET", f"/v2/images/{ids['Paris']}", scope="{glance: Corte}", token=token
    )
    assert shown.status == 404
    assert ids["Paris"].encode() in shown.body
    assert ids["Corte"].encode() not in shown.body


async def test_the_key_pair_of_another_user_is_undone_as_theirs(cloud):
    scope = "{nova: Paris&Corte&Marseille}"
    token = await cloud.token("{*: Paris&Corte&Marseille}", user="admin", project="admin", password="secret")
    bobs = {
        site: cloud.emulated.site(site).keystone.directory.named("users", "bob")["id"] for site in ("Paris", "Corte")
    }
    await cloud.emulated.site("Marseille").misbehave("nova", "500")
    mark = cloud.mark()
    made = await cloud.call(
        *("Paris", "compute", "POST", "/v2.1/os-keypairs"),
        scope=scope,
        token=token,
        body={"keypair": {"name": "k", "public_key": "ssh-ed25519 AAAA k", "user_id": bobs["Paris"]}},
        headers={"X-OpenStack-Nova-API-Version": "2.10"},
    )
    assert made.sites == {"Paris": "201", "Corte": "201", "Marseille": "500"}, made
    for site, bob in bobs.items():
        undone = [record.target for record in cloud.seen(mark, "nova", site) if record.method == "DELETE"]
        assert undone == [f"/v2.1/os-keypairs/k?user_id={bob}"]


@pytest.mark.parametrize(
    ("device", "status"), [("dhcp-of-my-own", 201), ("an id of nobody", 201), ("a server of Paris", 400)]
)
async def test_what_may_be_no_id_at_all_stays_where_nobody_knows_it(cloud, device, status):
    token = await cloud.token("{*: Paris&Corte}")
    if device.startswith("a server"):
        body = {"server": {"name": "alone", "flavorRef": flavor(cloud, "Paris"), "imageRef": cloud.image("OnlyParis")}}
        body["server"]["networks"] = "auto"
        device = (await cloud.call("Paris", "compute", "POST", "/v2.1/servers", token=token, body=body)).json["server"][
            "id"
        ]
    networks = await cloud.call("Paris", "network", "GET", "/v2.0/networks", scope="{neutron: Corte}", token=token)
    port = {"network_id": networks.json["networks"][0]["id"], "device_id": device}
    made = await cloud.call(
        "Paris", "network", "POST", "/v2.0/ports", scope="{neutron: Corte}", token=token, body={"port": port}
    )
    assert made.status == status, made
    if status == 400:
        assert (
            "it is 'alone' at Paris, and of that name there are none at Corte" in made.json["NeutronError"]["message"]
        )
