"""Who calls whom when a server is created: the table of the captured calls."""

from __future__ import annotations

import asyncio

import pytest

REQUEST_ID = "req-01234567-89ab-cdef-0123-456789abcdef"
NEW = {"OpenStack-API-Version": "compute 2.96"}


async def boot(client, **headers):
    """Create a server and wait until nova is done; the calls that services made meanwhile."""
    site = client.site
    tiny = next(f["id"] for f in site.nova.flavors.items.values() if f["name"] == "m1.tiny")
    network = next(iter(site.neutron.items["networks"]))
    values = {
        "name": "vm",
        "flavorRef": tiny,
        "imageRef": next(iter(site.glance.images)),
        "networks": [{"uuid": network}],
    }
    mark = len(site.recorder)
    status, body, _ = await client("POST", "compute", "/v2.1/servers", {"server": values}, **NEW, **headers)
    if status != 202:
        return status, body, site.recorder.since(mark)
    server = site.nova.servers.items[body["server"]["id"]]
    async with asyncio.timeout(20):
        while server["status"] == "BUILD":
            await client("GET", "compute", "/v2.1/limits")
    return status, server, [record for record in site.recorder.since(mark) if record.caller != "client"]


def first_part(path):
    return next((part for part in path.split("/") if part and not part.startswith("v")), "")


async def test_the_calls_are_those_of_real_services(alice):
    _, server, calls = await boot(alice, **{"X-OpenStack-Request-ID": REQUEST_ID})
    assert server["status"] == "ACTIVE"
    drawn = [(c.caller, c.service, c.method, first_part(c.path), c.user) for c in calls if c.service != "keystone"]
    assert drawn == [
        ("nova-api", "glance", "GET", "images", "alice"),
        ("nova-api", "glance", "GET", "schemas", "alice"),
        ("nova-api", "neutron", "GET", "networks", "alice"),
        ("nova-api", "neutron", "GET", "quotas", "alice"),
        ("nova-scheduler", "placement", "GET", "allocation_candidates", "nova"),
        ("nova-scheduler", "placement", "PUT", "allocations", "nova"),
        ("nova-compute", "placement", "GET", "resource_providers", "nova"),
        ("nova-compute", "neutron", "GET", "extensions", "nova"),
        ("nova-compute", "neutron", "POST", "ports", "alice"),
        ("nova-compute", "neutron", "PUT", "ports", "nova"),
        ("nova-compute", "neutron", "GET", "subnets", "nova"),
        ("nova-compute", "neutron", "GET", "floatingips", "nova"),
        ("nova-compute", "neutron", "GET", "networks", "nova"),
        ("nova-compute", "glance", "GET", "images", "alice"),
    ]


async def test_the_request_id_goes_everywhere_but_to_keystone(alice):
    _, _, calls = await boot(alice, **{"X-OpenStack-Request-ID": REQUEST_ID})
    assert {c.request_id for c in calls if c.service != "keystone"} == {REQUEST_ID}
    assert {c.request_id for c in calls if c.service == "keystone"} == {None}


@pytest.mark.parametrize("given", [None, "mine", REQUEST_ID.upper(), REQUEST_ID + "0"])
async def test_an_ill_formed_request_id_is_replaced(alice, given):
    _, _, calls = await boot(alice, **({"X-OpenStack-Request-ID": given} if given else {}))
    (used,) = {c.request_id for c in calls if c.service != "keystone"}
    assert used.startswith("req-")
    assert used != given


async def test_nothing_else_of_the_clients_survives(alice):
    extra = {"X-Scope": "nova: Paris", "traceparent": "00-1-2-01", "baggage": "a=b", "Forwarded": "for=1.2.3.4"}
    _, _, calls = await boot(alice, **extra)
    assert calls
    for call in calls:
        assert call.scope is None
        assert not call.headers & {"x-scope", "traceparent", "baggage", "forwarded"}


async def test_the_users_token_goes_on_with_the_services_beside_it(alice, settings):
    _, _, calls = await boot(alice)
    to_glance = [call for call in calls if call.service == "glance"]
    assert all("x-service-token" in call.headers for call in to_glance)
    settings.send_service_token = False
    _, _, calls = await boot(alice)
    assert not any("x-service-token" in call.headers for call in calls)


async def test_the_user_must_have_the_service_in_their_catalog(alice, site):
    directory = site.keystone.directory
    for endpoint in directory.items["endpoints"].values():
        if endpoint["url"] == site.fronts["image"]:
            endpoint["region_id"] = "Elsewhere"
    status, body, _ = await boot(alice)
    assert status == 500
    assert "EndpointNotFound" in body["computeFault"]["message"]


@pytest.mark.parametrize(("how", "status"), [("refuse", 500), ("cut", 500), ("garbage", 500), ("500", 500)])
async def test_a_glance_that_goes_wrong(alice, site, how, status):
    await site.misbehave("glance", how)
    got, body, _ = await boot(alice)
    assert (got, list(body)) == (status, ["computeFault"])
    await site.misbehave("glance", None)
    assert (await boot(alice))[0] == 202


async def test_a_neutron_that_goes_wrong_later_is_a_fault_of_the_server(alice, site):
    await site.misbehave("placement", "refuse")
    _, server, _ = await boot(alice)
    assert server["status"] == "ERROR"
    assert server["fault"]["code"] == 500


async def test_a_service_user_logs_in_again_when_its_token_was_revoked(alice, site):
    assert (await boot(alice))[1]["status"] == "ACTIVE"
    nova = site.keystone.directory.named("users", "nova")["id"]
    site.keystone.issued.revoke_all(nova)
    site.forget_tokens()
    assert (await boot(alice))[1]["status"] == "ACTIVE"


async def test_a_tag_on_the_token_goes_on_and_meets_no_stale_validation(alice, site, monkeypatch):
    """The tag comes off at keystone, which is the work of a proxy in front of it."""
    find = site.keystone.issued.find
    monkeypatch.setattr(site.keystone.issued, "find", lambda value, **how: find(value.partition("~")[0], **how))
    plain = alice.token
    for tag in ("~one", "~two"):
        alice.token = plain + tag
        _, server, calls = await boot(alice)
        assert server["status"] == "ACTIVE"
        assert all(call.tagged for call in calls if call.user == "alice")
        assert not any(call.tagged for call in calls if call.user == "nova" and call.service != "keystone")
        validations = [c for c in calls if c.service == "keystone" and c.method == "GET" and c.tagged]
        assert {call.caller for call in validations} == {"nova-api", "glance", "neutron"}
