"""One provider, and what is allocated of it."""

from __future__ import annotations


async def test_version(nobody):
    _, body, _ = await nobody("GET", "placement", "/")
    assert body["versions"][0]["max_version"] == "1.39"
    assert body["versions"][0]["links"] == [{"rel": "self", "href": ""}]


async def test_candidates_and_allocations(admin, site):
    query = "/allocation_candidates?resources=VCPU:2,MEMORY_MB:512"
    _, body, _ = await admin("GET", "placement", query)
    (candidate,) = body["allocation_requests"]
    site.placement.inventory["VCPU"] = 3
    path = "/allocations/11111111-2222-4333-8444-555555555555"
    assert (await admin("PUT", "placement", path, candidate))[0] == 204
    assert (await admin("GET", "placement", path))[1]["allocations"] == candidate["allocations"]
    assert (await admin("GET", "placement", query))[1]["allocation_requests"] == []
    provider = f"/resource_providers/{site.placement.provider}"
    assert (await admin("GET", "placement", f"{provider}/usages"))[1]["usages"]["VCPU"] == 2
    assert (await admin("GET", "placement", f"{provider}/inventories"))[1]["inventories"]["VCPU"]["total"] == 3
    assert len((await admin("GET", "placement", f"{provider}/allocations"))[1]["allocations"]) == 1
    assert (await admin("DELETE", "placement", path))[0] == 204
    assert (await admin("DELETE", "placement", path))[0] == 404


async def test_providers(admin, site):
    _, body, _ = await admin("GET", "placement", "/resource_providers")
    assert body["resource_providers"][0]["name"] == "paris-compute"
    assert (await admin("GET", "placement", f"/resource_providers/{site.placement.provider}"))[0] == 200


async def test_faults(admin, alice):
    status, body, _ = await alice("GET", "placement", "/resource_providers")
    assert (status, body["errors"][0]["title"]) == (403, "Forbidden")
    assert (await admin("GET", "placement", "/resource_providers/none"))[0] == 404
    assert (await admin("GET", "placement", "/allocation_candidates"))[0] == 400
