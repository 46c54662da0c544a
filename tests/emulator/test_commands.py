"""Whole commands: the real `openstack` against a site without proxies."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scopeproxy.emulator.cloud import EmulatedCloud

OPENSTACK = Path(sys.executable).with_name("openstack")
pytestmark = pytest.mark.skipif(not OPENSTACK.exists(), reason="python-openstackclient is not installed")


@pytest.fixture
async def cloud(tmp_path, request) -> AsyncIterator[EmulatedCloud]:
    async with EmulatedCloud(["Paris"], tmp_path, proxied=False, paths=getattr(request, "param", False)) as cloud:
        yield cloud


@pytest.fixture
def openstack(cloud):
    async def run(command: str, who: str = "Paris-alice"):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        environment = {**kept, "OS_CLIENT_CONFIG_FILE": str(cloud.clouds_path), "OS_CLOUD": who}
        process = await asyncio.create_subprocess_exec(
            OPENSTACK,
            *command.split(),
            "-f",
            "json",
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return json.loads(out)

    return run


@pytest.mark.parametrize("cloud", [False, True], ids=["ports", "paths"], indirect=True)
async def test_server_create_and_list(openstack, cloud):
    server = await openstack("server create --image cirros --flavor m1.tiny --network private --wait vm1")
    assert server["status"] == "ACTIVE"
    (row,) = await openstack("server list")
    assert (row["Name"], row["Image"], row["Flavor"]) == ("vm1", "cirros", "m1.tiny")
    assert row["Networks"]["private"]
    assert not [record for record in cloud.recorder if record.status >= 500]


async def test_image_and_network_list(openstack):
    assert [image["Name"] for image in await openstack("image list")] == ["cirros"]
    assert [network["Name"] for network in await openstack("network list")] == ["private"]


async def test_token_issue_and_user_create(openstack, cloud):
    token = await openstack("token issue")
    assert cloud.site("Paris").keystone.issued.find(token["id"]) is not None
    user = await openstack("user create --project demo carol", who="Paris")
    assert user["name"] == "carol"
    assert user["default_project_id"] == cloud.site("Paris").project("demo")


async def test_volume_create(openstack):
    volume = await openstack("volume create --size 1 --image cirros v1")
    assert (volume["name"], volume["size"]) == ("v1", 1)
    assert [row["Status"] for row in await openstack("volume list")] == ["available"]
