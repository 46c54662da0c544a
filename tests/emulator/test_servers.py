"""Servers from creation to deletion, and lists of them."""

from __future__ import annotations

import asyncio

import pytest

SERVERS = "/v2.1/servers"
NEW = {"OpenStack-API-Version": "compute 2.96"}


async def made(client, name="vm", **more):
    site = client.site
    tiny = next(f["id"] for f in site.nova.flavors.items.values() if f["name"] == "m1.tiny")
    cirros = next(iter(site.glance.images))
    network = next(iter(site.neutron.items["networks"]))
    values = {"name": name, "flavorRef": tiny, "imageRef": cirros, "networks": [{"uuid": network}], **more}
    return await client("POST", "compute", SERVERS, {"server": values}, **NEW)


async def settled(client, id_):
    """Until nova is done with it; every look is an exchange over sockets, so the loop turns."""
    async with asyncio.timeout(20):
        while True:
            status, body, _ = await client("GET", "compute", f"{SERVERS}/{id_}", **NEW)
            if status != 200 or (body["server"]["status"] != "BUILD" and not body["server"]["OS-EXT-STS:task_state"]):
                return status, body


async def test_a_server_becomes_active(alice):
    status, body, headers = await made(alice)
    assert status == 202
    server = body["server"]
    assert headers["location"] == f"{alice.site.backs['compute']}{SERVERS}/{server['id']}"
    status, body = await settled(alice, server["id"])
    shown = body["server"]
    assert shown["status"] == "ACTIVE"
    assert shown["addresses"]["private"][0]["addr"].startswith("10.0.0.")
    assert shown["flavor"]["original_name"] == "m1.tiny"
    assert shown["image"]["id"] in alice.site.glance.images
    assert not [key for key in shown if key.startswith("OS-EXT-SRV-ATTR")]
    _, old, _ = await alice("GET", "compute", f"{SERVERS}/{server['id']}")
    assert set(old["server"]["flavor"]) == {"id", "links"}
    assert "description" not in old["server"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"imageRef": "8e1b5d3f-0000-4000-8000-000000000000"}, "Can not find requested image"),
        ({"flavorRef": "huge"}, "Flavor huge could not be found."),
        ({"networks": [{"uuid": "nowhere"}]}, "Network nowhere could not be found."),
        ({"networks": None}, None),
    ],
)
async def test_what_is_wrong_is_refused_at_once(alice, wrong, message):
    status, body, _ = await made(alice, **wrong)
    if message is None:
        assert status == 202
        return
    assert status == 400
    assert body == {"badRequest": {"code": 400, "message": message}}
    assert not alice.site.nova.servers.items


async def test_newer_clients_must_say_which_networks(alice):
    tiny = next(iter(alice.site.nova.flavors.items))
    status, _, _ = await alice("POST", "compute", SERVERS, {"server": {"name": "x", "flavorRef": tiny}}, **NEW)
    assert status == 400


async def test_no_room_is_an_error_later(alice):
    alice.site.placement.inventory["VCPU"] = 0
    _, body, _ = await made(alice)
    _, body = await settled(alice, body["server"]["id"])
    assert body["server"]["status"] == "ERROR"
    assert body["server"]["fault"]["message"].startswith("No valid host was found.")


async def test_lists_filter_sort_and_page(alice, bob, admin):
    ids = [(await made(alice, name, networks="none"))[1]["server"]["id"] for name in ("web1", "web2", "db1")]
    for id_ in ids:
        await settled(alice, id_)
    _, body, _ = await alice("GET", "compute", f"{SERVERS}?name=^web&sort_key=display_name&sort_dir=asc")
    assert [server["name"] for server in body["servers"]] == ["web1", "web2"]
    _, body, _ = await alice("GET", "compute", f"{SERVERS}/detail?status=active&limit=2", Host="cloud.example")
    assert len(body["servers"]) == 2
    (link,) = body["servers_links"]
    assert link["href"].startswith(f"http://cloud.example{SERVERS}/detail?")
    _, rest, _ = await alice("GET", "compute", link["href"].removeprefix("http://cloud.example"))
    assert {s["id"] for s in body["servers"] + rest["servers"]} == set(ids)
    assert len((await bob("GET", "compute", SERVERS))[1]["servers"]) == 3
    assert (await admin("GET", "compute", SERVERS))[1]["servers"] == []
    assert len((await admin("GET", "compute", f"{SERVERS}?all_tenants=1"))[1]["servers"]) == 3
    assert (await alice("GET", "compute", f"{SERVERS}?marker=nothing"))[0] == 400


async def test_actions(alice):
    id_ = (await made(alice))[1]["server"]["id"]
    await settled(alice, id_)
    path = f"{SERVERS}/{id_}/action"
    assert (await alice("POST", "compute", path, {"os-stop": None}))[0] == 202
    status, body, _ = await alice("POST", "compute", path, {"os-stop": None})
    assert (status, list(body)) == (409, ["conflictingRequest"])
    assert (await alice("GET", "compute", f"{SERVERS}/{id_}"))[1]["server"]["status"] == "SHUTOFF"
    assert (await alice("POST", "compute", path, {"os-start": None}))[0] == 202
    _, body, _ = await alice("POST", "compute", path, {"os-getConsoleOutput": {}})
    assert "Paris" in body["output"]
    assert (await alice("POST", "compute", path, {"dance": None}))[0] == 400


async def test_renaming_metadata_and_the_small_lists(alice):
    id_ = (await made(alice))[1]["server"]["id"]
    await settled(alice, id_)
    one = f"{SERVERS}/{id_}"
    assert (await alice("PUT", "compute", one, {"server": {"name": "new"}}))[1]["server"]["name"] == "new"
    assert (await alice("POST", "compute", f"{one}/metadata", {"metadata": {"a": "b"}}))[0] == 200
    assert (await alice("GET", "compute", f"{one}/metadata"))[1] == {"metadata": {"a": "b"}}
    (port,) = (await alice("GET", "compute", f"{one}/os-interface"))[1]["interfaceAttachments"]
    assert port["fixed_ips"]
    assert (await alice("GET", "compute", f"{one}/os-volume_attachments"))[1] == {"volumeAttachments": []}
    assert (await alice("GET", "compute", f"{one}/os-security-groups"))[1]["security_groups"][0]["name"] == "default"


async def test_a_deleted_server_leaves_nothing(alice, site):
    id_ = (await made(alice))[1]["server"]["id"]
    await settled(alice, id_)
    assert site.neutron.items["ports"]
    assert (await alice("DELETE", "compute", f"{SERVERS}/{id_}"))[0] == 204
    status, body = await settled(alice, id_)
    assert status == 404
    assert body["itemNotFound"]["message"] == f"Instance {id_} could not be found."
    assert not site.neutron.items["ports"]
    assert not site.placement.allocations


async def test_a_server_whose_ports_cannot_be_given_back_stays(alice, site):
    id_ = (await made(alice))[1]["server"]["id"]
    await settled(alice, id_)
    await site.misbehave("placement", "500")
    await alice("DELETE", "compute", f"{SERVERS}/{id_}")
    _, body = await settled(alice, id_)
    assert body["server"]["status"] == "ERROR"
    await site.misbehave("placement", None)
    await alice("DELETE", "compute", f"{SERVERS}/{id_}")
    assert (await settled(alice, id_))[0] == 404


async def test_a_server_is_locked_and_unlocked(alice):
    _, body, _ = await made(alice)
    path = f"{SERVERS}/{body['server']['id']}"
    await settled(alice, body["server"]["id"])
    for action, locked in (("lock", True), ("unlock", False)):
        assert (await alice("POST", "compute", f"{path}/action", {action: None}, **NEW))[0] == 202
        assert (await alice("GET", "compute", path, **NEW))[1]["server"]["locked"] is locked
