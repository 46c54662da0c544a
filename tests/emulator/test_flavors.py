"""Flavors."""

from __future__ import annotations

FLAVORS = "/v2.1/flavors"


async def test_list_show_and_links(alice):
    status, body, _ = await alice("GET", "compute", FLAVORS, Host="cloud.example")
    assert status == 200
    assert {flavor["name"] for flavor in body["flavors"]} == {"m1.tiny", "m1.small"}
    one = body["flavors"][0]
    assert one["links"][0]["href"] == f"http://cloud.example{FLAVORS}/{one['id']}"
    _, body, _ = await alice("GET", "compute", f"{FLAVORS}/{one['id']}")
    assert body["flavor"]["swap"] == ""
    newest = {"OpenStack-API-Version": "compute 2.96"}
    _, body, _ = await alice("GET", "compute", f"{FLAVORS}/{one['id']}", **newest)
    assert (body["flavor"]["swap"], body["flavor"]["extra_specs"]) == (0, {})


async def test_a_name_is_not_an_id(alice):
    status, body, _ = await alice("GET", "compute", f"{FLAVORS}/m1.tiny")
    assert status == 404
    assert body["itemNotFound"]["message"] == "Flavor m1.tiny could not be found."


async def test_pages_follow_absolute_links(alice):
    _, body, _ = await alice("GET", "compute", f"{FLAVORS}/detail?limit=1", Host="cloud.example")
    (link,) = body["flavors_links"]
    prefix = "http://cloud.example"
    assert link["href"].startswith(f"{prefix}{FLAVORS}/detail?limit=1&marker={body['flavors'][0]['id']}")
    _, rest, _ = await alice("GET", "compute", link["href"].removeprefix(prefix))
    assert {body["flavors"][0]["name"], rest["flavors"][0]["name"]} == {"m1.tiny", "m1.small"}
    assert "flavors_links" not in rest


async def test_filters(alice):
    _, body, _ = await alice("GET", "compute", f"{FLAVORS}/detail?minRam=1024")
    assert [flavor["name"] for flavor in body["flavors"]] == ["m1.small"]


async def test_admins_make_and_delete_them(alice, admin):
    new = {"flavor": {"name": "big", "ram": 4096, "vcpus": 2, "disk": 40, "os-flavor-access:is_public": False}}
    assert (await alice("POST", "compute", FLAVORS, new))[0] == 403
    status, body, _ = await admin("POST", "compute", FLAVORS, new)
    assert status == 200
    assert (await admin("POST", "compute", FLAVORS, new))[0] == 409
    path = f"{FLAVORS}/{body['flavor']['id']}"
    specs = {"extra_specs": {"hw:cpu_policy": "dedicated"}}
    assert (await admin("POST", "compute", f"{path}/os-extra_specs", specs))[0] == 200
    assert (await admin("GET", "compute", f"{path}/os-extra_specs"))[1] == specs
    _, body, _ = await admin("GET", "compute", f"{FLAVORS}?is_public=None")
    assert "big" in {flavor["name"] for flavor in body["flavors"]}
    assert (await admin("DELETE", "compute", path))[0] == 202
    assert (await admin("GET", "compute", path))[0] == 404


async def test_an_admin_describes_a_flavor(admin, alice):
    _, body, _ = await alice("GET", "compute", FLAVORS)
    path, change = f"{FLAVORS}/{body['flavors'][0]['id']}", {"flavor": {"description": "small"}}
    newest = {"OpenStack-API-Version": "compute 2.96"}
    assert (await alice("PUT", "compute", path, change, **newest))[0] == 403
    status, body, _ = await admin("PUT", "compute", path, change, **newest)
    assert (status, body["flavor"]["description"]) == (200, "small")
