"""Metadata and tags of servers."""

from __future__ import annotations

import pytest

SERVERS = "/v2.1/servers"
NEW = {"OpenStack-API-Version": "compute 2.96"}


@pytest.fixture
async def server(alice, site):
    tiny = next(f["id"] for f in site.nova.flavors.items.values() if f["name"] == "m1.tiny")
    network = next(iter(site.neutron.items["networks"]))
    values = {"name": "vm", "flavorRef": tiny, "imageRef": next(iter(site.glance.images))}
    body = {"server": {**values, "networks": [{"uuid": network}], "metadata": {"a": "1"}}}
    _, made, _ = await alice("POST", "compute", SERVERS, body, **NEW)
    return f"{SERVERS}/{made['server']['id']}"


async def test_metadata(alice, server):
    status, body, _ = await alice("POST", "compute", f"{server}/metadata", {"metadata": {"b": "2"}})
    assert (status, body) == (200, {"metadata": {"a": "1", "b": "2"}})
    assert (await alice("GET", "compute", f"{server}/metadata/b"))[1] == {"meta": {"b": "2"}}
    assert (await alice("DELETE", "compute", f"{server}/metadata/b"))[0] == 204
    assert (await alice("DELETE", "compute", f"{server}/metadata/b"))[0] == 404
    assert (await alice("GET", "compute", f"{server}/metadata"))[1] == {"metadata": {"a": "1"}}


async def test_tags(alice, server):
    assert (await alice("PUT", "compute", f"{server}/tags/blue", **NEW))[0] == 201
    assert (await alice("PUT", "compute", f"{server}/tags/blue", **NEW))[0] == 204
    assert (await alice("GET", "compute", server, **NEW))[1]["server"]["tags"] == ["blue"]
    assert (await alice("PUT", "compute", f"{server}/tags", {"tags": ["red"]}, **NEW))[1] == {"tags": ["red"]}
    assert (await alice("DELETE", "compute", f"{server}/tags/red", **NEW))[0] == 204
    assert (await alice("DELETE", "compute", f"{server}/tags/red", **NEW))[0] == 404
    assert (await alice("GET", "compute", f"{server}/tags", **NEW))[1] == {"tags": []}
