"""Versions, microversions and the small resources of nova."""

from __future__ import annotations

import pytest

V = "OpenStack-API-Version"


async def test_versions(nobody):
    status, body, _ = await nobody("GET", "compute", "/", Host="cloud.example:8774")
    assert status == 200
    assert [row["id"] for row in body["versions"]] == ["v2.0", "v2.1"]
    status, body, _ = await nobody("GET", "compute", "/v2.1", Host="cloud.example:8774")
    assert body["version"]["links"][0]["href"] == "http://cloud.example:8774/v2.1/"
    assert (body["version"]["min_version"], body["version"]["version"]) == ("2.1", "2.96")


@pytest.mark.parametrize(
    ("asked", "told"), [(None, "2.1"), ("compute 2.79", "2.79"), ("compute latest", "2.96"), ("image 2.3", "2.1")]
)
async def test_microversions_are_told(alice, asked, told):
    headers = {V: asked} if asked else {}
    status, _, answered = await alice("GET", "compute", "/v2.1/flavors", **headers)
    assert status == 200
    assert answered["openstack-api-version"] == f"compute {told}"
    assert answered["x-openstack-nova-api-version"] == told


async def test_a_microversion_too_new_is_406(alice):
    status, body, _ = await alice("GET", "compute", "/v2.1/flavors", **{V: "compute 2.999"})
    assert status == 406
    message = "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.96."
    assert body == {"computeFault": {"code": 406, "message": message}}
    assert (await alice("GET", "compute", "/v2.1/flavors", **{V: "compute x"}))[0] == 400


async def test_request_ids_are_told_twice(alice):
    _, _, headers = await alice("GET", "compute", "/v2.1/limits")
    assert headers["x-openstack-request-id"] == headers["x-compute-request-id"]


async def test_limits_count_what_is_there(alice):
    _, body, _ = await alice("GET", "compute", "/v2.1/limits")
    assert body["limits"]["absolute"]["totalInstancesUsed"] == 0
    assert body["limits"]["absolute"]["maxTotalInstances"] == 10


async def test_key_pairs(alice, bob):
    new = {**{V: "compute 2.2"}}
    status, body, _ = await alice("POST", "compute", "/v2.1/os-keypairs", {"keypair": {"name": "k"}}, **new)
    assert status == 201
    assert "private_key" in body["keypair"]
    assert (await alice("POST", "compute", "/v2.1/os-keypairs", {"keypair": {"name": "k"}}))[0] == 409
    assert (await alice("GET", "compute", "/v2.1/os-keypairs/k"))[1]["keypair"]["name"] == "k"
    assert (await bob("GET", "compute", "/v2.1/os-keypairs"))[1] == {"keypairs": []}
    assert (await alice("DELETE", "compute", "/v2.1/os-keypairs/k", **new))[0] == 204
    assert (await alice("GET", "compute", "/v2.1/os-keypairs/k"))[0] == 404


@pytest.mark.parametrize("path", ["os-hypervisors/detail", "os-services", "os-simple-tenant-usage"])
async def test_what_admins_see_only(alice, admin, path):
    assert (await alice("GET", "compute", f"/v2.1/{path}"))[0] == 403
    assert (await admin("GET", "compute", f"/v2.1/{path}"))[0] == 200


@pytest.mark.parametrize("path", ["extensions", "os-availability-zone", "os-quota-sets/x"])
async def test_small_documents(alice, path):
    assert (await alice("GET", "compute", f"/v2.1/{path}"))[0] == 200


async def test_an_unknown_path_and_method_are_faults_of_nova(alice):
    status, body, _ = await alice("GET", "compute", "/v2.1/nothing")
    assert (status, list(body)) == (404, ["itemNotFound"])
    status, body, headers = await alice("PATCH", "compute", "/v2.1/flavors")
    assert (status, list(body)) == (405, ["badMethod"])
    assert "GET" in headers["allow"]
