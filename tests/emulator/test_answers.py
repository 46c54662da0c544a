"""Bodies that are not what they should be, in each service's own words."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("service", "path", "shape"),
    [
        ("identity", "/v3/users", "error"),
        ("compute", "/v2.1/servers", "badRequest"),
        ("network", "/v2.0/networks", "NeutronError"),
        ("image", "/v2/images", "message"),
    ],
)
@pytest.mark.parametrize("data", [b"{", b"[]", b""])
async def test_a_body_that_is_no_object_is_400(admin, service, path, shape, data):
    status, body, _ = await admin("POST", service, path, data=data, Accept="application/json")
    assert status == 400
    assert shape in body


async def test_facts_do_not_outlive_their_request(alice):
    from scopeproxy.emulator import answers

    await alice("GET", "image", "/v2/images")
    assert answers._FACTS == {}


@pytest.mark.parametrize(
    ("service", "path", "body"),
    [
        ("compute", "/v2.1/flavors", {"flavor": {"name": "x"}}),
        ("compute", "/v2.1/os-keypairs", {"keypair": {}}),
        ("compute", "/v2.1/servers", {"server": {"name": "x"}}),
        ("identity", "/v3/users", {"user": {}}),
    ],
)
async def test_what_is_required_is_named(admin, service, path, body):
    status, told, _ = await admin("POST", service, path, body)
    assert status == 400
    assert "is a required property" in str(told)
