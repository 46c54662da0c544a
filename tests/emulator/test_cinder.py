"""Volumes, with the project in the path."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
def root(site):
    return f"/v3/{site.project('demo')}"


async def make(client, root, **values):
    return await client("POST", "block-storage", f"{root}/volumes", {"volume": {"size": 1, **values}})


async def settled(client, root, id_):
    async with asyncio.timeout(20):
        while True:
            _, body, _ = await client("GET", "block-storage", f"{root}/volumes/{id_}")
            if body["volume"]["status"] != "creating":
                return body["volume"]


async def gone(client, path):
    """The fault in its place, when it is not there any more."""
    async with asyncio.timeout(20):
        while True:
            status, body, _ = await client("GET", "block-storage", path)
            if status != 200:
                return body
            (item,) = body.values()
            assert item["status"] == "deleting"


async def test_versions(nobody, alice):
    status, body, _ = await nobody("GET", "block-storage", "/", Host="cloud.example")
    assert status == 300
    assert body["versions"][0]["links"][1]["href"] == "http://cloud.example/v3/"
    for path in ("/v3", "/v3/"):
        assert (await nobody("GET", "block-storage", path))[0] == 401
    assert (await alice("GET", "block-storage", "/v3/"))[1]["versions"][0]["version"] == "3.71"
    status, _, headers = await alice("GET", "block-storage", "/v3", Host="cloud.example")
    assert (status, headers["location"]) == (302, "http://cloud.example/v3/")


async def test_a_volume(alice, root):
    status, body, _ = await make(alice, root, name="v")
    assert (status, body["volume"]["status"]) == (202, "creating")
    volume = await settled(alice, root, body["volume"]["id"])
    assert (volume["status"], volume["name"], volume["bootable"]) == ("available", "v", "false")
    path = f"{root}/volumes/{volume['id']}"
    assert (await alice("PUT", "block-storage", path, {"volume": {"name": "w"}}))[1]["volume"]["name"] == "w"
    assert (await alice("DELETE", "block-storage", path))[0] == 202
    body = await gone(alice, path)
    assert body == {"itemNotFound": {"code": 404, "message": f"Volume {volume['id']} could not be found."}}


async def test_another_project_in_the_path_is_400(alice, site):
    status, body, _ = await alice("GET", "block-storage", f"/v3/{site.project('admin')}/volumes")
    assert (status, body["badRequest"]["message"]) == (400, "Malformed request url")
    assert (await alice("GET", "block-storage", "/v3/volumes"))[0] == 200


@pytest.mark.parametrize("size", ["big", 0, None])
async def test_a_size_that_is_none(alice, root, size):
    assert (await make(alice, root, size=size))[0] == 400


async def test_a_type_that_is_none(alice, root):
    assert (await make(alice, root, volume_type="none"))[0] == 404


async def test_metadata(alice, root):
    volume = (await make(alice, root))[1]["volume"]["id"]
    path = f"{root}/volumes/{volume}"
    assert (await alice("POST", "block-storage", f"{path}/metadata", {"metadata": {"a": "b"}}))[0] == 200
    assert (await alice("GET", "block-storage", path))[1]["volume"]["metadata"] == {"a": "b"}


async def test_from_an_image_with_the_users_token(alice, root, site):
    cirros = next(iter(site.glance.images))
    mark = len(site.recorder)
    _, body, _ = await make(alice, root, imageRef=cirros)
    volume = await settled(alice, root, body["volume"]["id"])
    assert volume["volume_image_metadata"]["image_name"] == "cirros"
    (call,) = [c for c in site.recorder.since(mark) if c.service == "glance"]
    assert (call.caller, call.user, call.path) == ("cinder", "alice", f"/v2/images/{cirros}")
    assert "x-service-token" in call.headers
    status, body, _ = await make(alice, root, imageRef="none")
    assert (status, list(body)) == (400, ["badRequest"])
    await site.misbehave("glance", "refuse")
    assert (await make(alice, root, imageRef=cirros))[0] == 500


async def test_lists_and_pages(alice, root):
    for name in "abc":
        await make(alice, root, name=name)
    _, body, _ = await alice(
        "GET", "block-storage", f"{root}/volumes/detail?limit=2&sort=name:asc", Host="cloud.example"
    )
    assert [volume["name"] for volume in body["volumes"]] == ["a", "b"]
    href = body["volumes_links"][0]["href"]
    assert href.startswith(f"http://cloud.example{root}/volumes/detail?")
    _, body, _ = await alice("GET", "block-storage", href.removeprefix("http://cloud.example"))
    assert [volume["name"] for volume in body["volumes"]] == ["c"]
    _, body, _ = await alice("GET", "block-storage", f"{root}/volumes?name=b")
    assert [set(volume) for volume in body["volumes"]] == [{"id", "name", "links"}]
    _, body, _ = await alice("GET", "block-storage", f"{root}/limits")
    assert body["limits"]["absolute"]["totalVolumesUsed"] == 3
    _, body, _ = await alice("GET", "block-storage", f"{root}/os-quota-sets/{root.rpartition('/')[2]}")
    assert body["quota_set"]["volumes"] == 10


async def test_snapshots(alice, root):
    volume = (await make(alice, root))[1]["volume"]["id"]
    new = {"snapshot": {"volume_id": volume, "name": "s"}}
    status, body, _ = await alice("POST", "block-storage", f"{root}/snapshots", new)
    assert (status, body["snapshot"]["volume_id"], body["snapshot"]["status"]) == (202, volume, "creating")
    assert (await alice("DELETE", "block-storage", f"{root}/volumes/{volume}"))[0] == 400
    path = f"{root}/snapshots/{body['snapshot']['id']}"
    _, body, _ = await alice("GET", "block-storage", path)
    assert body["snapshot"]["os-extended-snapshot-attributes:project_id"] == root.rpartition("/")[2]
    assert [s["volume_id"] for s in (await alice("GET", "block-storage", f"{root}/snapshots"))[1]["snapshots"]] == [
        volume
    ]
    assert (await alice("DELETE", "block-storage", path))[0] == 202
    await gone(alice, path)
    assert (await alice("DELETE", "block-storage", f"{root}/volumes/{volume}"))[0] == 202
    assert (await alice("POST", "block-storage", f"{root}/snapshots", {"snapshot": {"volume_id": "none"}}))[0] == 404
