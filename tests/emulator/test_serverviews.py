"""What admins, and later microversions, see of a server."""

from __future__ import annotations

import pytest


async def shown(client, number):
    tiny = next(iter(client.site.nova.flavors.items))
    values = {"name": "vm", "flavorRef": tiny, "networks": "none"}
    version = {"OpenStack-API-Version": "compute 2.96"}
    _, body, _ = await client("POST", "compute", "/v2.1/servers", {"server": values}, **version)
    path = f"/v2.1/servers/{body['server']['id']}"
    version = {"OpenStack-API-Version": f"compute {number}"}
    return (await client("GET", "compute", path, Host="cloud.example", **version))[1]["server"]


@pytest.mark.parametrize(
    ("key", "since", "before"),
    [
        ("locked", "2.9", "2.8"),
        ("description", "2.19", "2.18"),
        ("tags", "2.26", "2.25"),
        ("server_groups", "2.71", "2.70"),
    ],
)
async def test_later_microversions_show_more(alice, key, since, before):
    assert key in await shown(alice, since)
    assert key not in await shown(alice, before)


async def test_admins_see_the_host(admin, alice):
    assert (await shown(admin, "2.96"))["OS-EXT-SRV-ATTR:host"] == "paris-compute"
    assert "OS-EXT-SRV-ATTR:host" not in await shown(alice, "2.96")


async def test_a_server_without_an_image_and_its_links(alice):
    server = await shown(alice, "2.1")
    assert server["image"] == ""
    assert [link["href"] for link in server["links"]] == [
        f"http://cloud.example/v2.1/servers/{server['id']}",
        f"http://cloud.example/servers/{server['id']}",
    ]
