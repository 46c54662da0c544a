"""`site_of` in a program of openstacksdk's users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from scopeproxy.edges.programs import client_environment

from .conftest import SITES

pytestmark = pytest.mark.usefixtures("a_server_each")

PROGRAM = """
import json, openstack
from scopeproxy.osc import scoped, site_of

conn = openstack.connect(cloud="Paris")
LISTS = {
    "servers": lambda: conn.compute.servers(all_projects=True),
    "pages": lambda: conn.compute.servers(all_projects=True, limit=1),
    "flavors": conn.compute.flavors,
    "hypervisors": conn.compute.hypervisors,
    "images": conn.image.images,
    "subnets": conn.network.subnets,
    "security groups": conn.network.security_groups,
    "users": conn.identity.users,
    "regions": conn.identity.regions,
    "volume types": conn.block_storage.types,
    "cloud layer": lambda: conn.list_servers(all_projects=True),
}
before = {site_of(server) for server in conn.compute.servers(all_projects=True)}
with scoped(conn, "*: all(*)"):
    told = {name: [(one.id, site_of(one)) for one in listed()] for name, listed in LISTS.items()}
    ids = dict(told["servers"])
    shown = {site_of(conn.compute.get_server(id_)) == site for id_, site in ids.items()}
with scoped(conn, "nova: Corte"):
    alone = {site_of(server) for server in conn.compute.servers(all_projects=True)}
print(json.dumps([list(before), told, list(shown), list(alone)]))
"""


def test_every_resource_of_the_sdk_has_its_site(lab: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        env=client_environment(os.environ, OS_CLIENT_CONFIG_FILE=str(lab.cloud.clouds_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    before, told, shown, alone = json.loads(done.stdout)
    assert before == [None]
    servers = {id_: site.name for site in lab.cloud.sites for id_ in site.nova.servers.items}
    images = {id_: site.name for site in lab.cloud.sites for id_ in site.glance.images}
    assert dict(told["servers"]) == dict(told["pages"]) == dict(told["cloud layer"]) == servers
    assert dict(told["images"]) == images
    assert {site for _, site in told["flavors"]} == {site for _, site in told["volume types"]} == {"Paris"}
    for what in ("hypervisors", "subnets", "security groups", "users", "regions"):
        assert {site for _, site in told[what]} == set(SITES), what
    assert told["regions"] == [[site, site] for site in SITES]
    assert (shown, alone) == ([True], ["Corte"])
