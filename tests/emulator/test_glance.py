"""Images, and their data."""

from __future__ import annotations

import hashlib

import pytest

IMAGES = "/v2/images"
PATCH = "application/openstack-images-v2.1-json-patch"


async def make(client, name: str, data: bytes | None = b"data", **values: object) -> dict:
    body = {"name": name, "disk_format": "raw", "container_format": "bare", **values}
    status, image, _ = await client("POST", "image", IMAGES, body)
    assert status == 201
    if data is not None:
        path = f"{IMAGES}/{image['id']}/file"
        status, _, _ = await client("PUT", "image", path, data=data, Content_Type="application/octet-stream")
        assert status == 204
    return image


async def test_versions(nobody):
    status, body, _ = await nobody("GET", "image", "/", Host="cloud.example")
    assert status == 300
    assert {row["links"][0]["href"] for row in body["versions"]} == {"http://cloud.example/v2/"}
    assert [row["id"] for row in body["versions"] if row["status"] == "CURRENT"] == ["v2.17"]
    assert (await nobody("GET", "image", "/versions"))[0] == 200


async def test_an_image_and_its_data(alice):
    data = b"0123456789" * 100_000
    status, image, headers = await alice("POST", "image", IMAGES, {"name": "mine"}, Host="cloud.example")
    assert (status, image["status"], image["visibility"]) == (201, "queued", "shared")
    assert headers["location"] == f"http://cloud.example/v2/images/{image['id']}"
    assert image["self"] == f"/v2/images/{image['id']}"
    file = image["file"]
    assert (await alice("GET", "image", file))[0] == 204
    assert (await alice("PUT", "image", file, data=data, Content_Type="application/octet-stream"))[0] == 204
    _, image, _ = await alice("GET", "image", image["self"])
    assert image["status"] == "active"
    assert image["size"] == len(data)
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    status, got, headers = await alice("GET", "image", file)
    assert (status, got) == (200, data)
    assert headers["content-md5"] == image["checksum"]
    status, got, headers = await alice("GET", "image", file, Range="bytes=5-14")
    assert (status, got) == (206, data[5:15])
    assert headers["content-range"] == f"bytes 5-14/{len(data)}"
    again = await alice("PUT", "image", file, data=b"x", Content_Type="application/octet-stream")
    assert again[0] == 409


async def test_an_upload_may_wait_for_100_continue(alice, session):
    image = await make(alice, "slow", None)
    url = alice.site.backs["image"] + image["file"]
    headers = {"X-Auth-Token": alice.token, "Content-Type": "application/octet-stream"}
    async with session.put(url, data=b"abc", headers=headers, expect100=True) as reply:
        assert reply.status == 204
    assert (await alice("GET", "image", image["file"]))[1] == b"abc"


async def test_names_are_found_by_filter_and_not_in_the_path(alice):
    status, body, _ = await alice("GET", "image", f"{IMAGES}/cirros", Accept="application/json")
    assert status == 404
    assert body["code"] == "404 Not Found"
    assert "No image found with ID cirros" in body["message"]
    status, body, headers = await alice("GET", "image", f"{IMAGES}/cirros")
    assert headers["content-type"].startswith("text/html")
    assert b"No image found with ID cirros" in body
    _, body, _ = await alice("GET", "image", f"{IMAGES}?name=cirros")
    assert [image["name"] for image in body["images"]] == ["cirros"]
    cirros = body["images"][0]["id"]
    _, body, _ = await alice("GET", "image", f"{IMAGES}?id=in:{cirros},other")
    assert [image["id"] for image in body["images"]] == [cirros]


async def test_paging_follows_relative_links_to_the_end(alice):
    for name in "edcba":
        await make(alice, name, None)
    seen, path = [], f"{IMAGES}?limit=2&sort=name:asc&visibility=shared"
    while path:
        _, body, _ = await alice("GET", "image", path)
        seen += [image["name"] for image in body["images"]]
        path = body.get("next")
        assert path is None or path.startswith("/v2/images?")
    assert seen == list("abcde")


async def test_sort_by_keys_and_directions(alice):
    for name in "ab":
        await make(alice, name, None)
    _, body, _ = await alice("GET", "image", f"{IMAGES}?sort_key=name&sort_dir=desc")
    assert [image["name"] for image in body["images"]] == ["cirros", "b", "a"]


async def test_a_page_after_an_unknown_marker_is_400(alice):
    assert (await alice("GET", "image", f"{IMAGES}?marker=nothing"))[0] == 400


async def test_who_sees_what(alice, admin, bob, site):
    private = await make(admin, "private", visibility="private")
    assert (await alice("GET", "image", private["self"]))[0] == 404
    assert (await admin("GET", "image", private["self"]))[0] == 200
    community = await make(admin, "community", visibility="community")
    assert (await alice("GET", "image", community["self"]))[0] == 200
    _, body, _ = await alice("GET", "image", IMAGES)
    assert [image["name"] for image in body["images"]] == ["cirros"]
    _, body, _ = await alice("GET", "image", f"{IMAGES}?visibility=community")
    assert [image["name"] for image in body["images"]] == ["community"]
    status, _, _ = await alice("POST", "image", IMAGES, {"name": "no", "visibility": "public"})
    assert status == 403


async def test_patch(alice):
    image = await make(alice, "old", None)
    changes = [{"op": "replace", "path": "/name", "value": "new"}, {"op": "add", "path": "/hw", "value": "fast"}]
    status, body, _ = await alice("PATCH", "image", image["self"], changes, Content_Type=PATCH)
    assert (status, body["name"], body["hw"]) == (200, "new", "fast")
    removal = [{"op": "remove", "path": "/hw"}]
    assert "hw" not in (await alice("PATCH", "image", image["self"], removal, Content_Type=PATCH))[1]
    read_only = [{"op": "replace", "path": "/status", "value": "active"}]
    assert (await alice("PATCH", "image", image["self"], read_only, Content_Type=PATCH))[0] == 403
    assert (await alice("PATCH", "image", image["self"], changes))[0] == 415


async def test_delete_and_protection(alice):
    image = await make(alice, "kept", protected=True)
    assert (await alice("DELETE", "image", image["self"]))[0] == 403
    change = [{"op": "replace", "path": "/protected", "value": False}]
    await alice("PATCH", "image", image["self"], change, Content_Type=PATCH)
    assert (await alice("DELETE", "image", image["self"]))[0] == 204
    assert (await alice("GET", "image", image["self"]))[0] == 404


async def test_tags(alice):
    image = await make(alice, "tagged", None)
    assert (await alice("PUT", "image", f"{image['self']}/tags/blue"))[0] == 204
    assert (await alice("GET", "image", f"{IMAGES}?tag=blue"))[1]["images"][0]["name"] == "tagged"
    assert (await alice("DELETE", "image", f"{image['self']}/tags/blue"))[0] == 204
    assert (await alice("DELETE", "image", f"{image['self']}/tags/blue"))[0] == 404


@pytest.mark.parametrize("kind", ["image", "images"])
async def test_schemas(alice, kind):
    assert (await alice("GET", "image", f"/v2/schemas/{kind}"))[1]["name"] == kind


async def test_a_token_is_required_and_keystone_is_named(nobody, site):
    status, body, headers = await nobody("GET", "image", IMAGES)
    assert status == 401
    assert headers["www-authenticate"] == f'Keystone uri="{site.fronts["identity"]}"'
    assert body["error"]["title"] == "Unauthorized"


@pytest.mark.parametrize("data", [b"{", b"{}x", b'[{"op": "add"}]', b"[1]"])
async def test_a_patch_that_is_none(alice, data):
    image = await make(alice, "x", None)
    assert (await alice("PATCH", "image", image["self"], data=data, Content_Type=PATCH))[0] == 400


async def test_a_deactivated_image_gives_no_data(alice):
    image = await make(alice, "resting")
    queued = await make(alice, "empty", None)
    path = f"{IMAGES}/{image['id']}"
    assert (await alice("POST", "image", f"{path}/actions/deactivate"))[0] == 204
    assert (await alice("GET", "image", path))[1]["status"] == "deactivated"
    assert (await alice("GET", "image", f"{path}/file"))[0] == 403
    assert (await alice("POST", "image", f"{path}/actions/reactivate"))[0] == 204
    assert (await alice("GET", "image", f"{path}/file"))[:2] == (200, b"data")
    assert (await alice("POST", "image", f"{IMAGES}/{queued['id']}/actions/deactivate"))[0] == 403
