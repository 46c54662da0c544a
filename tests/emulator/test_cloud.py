"""Several sites: their files, and that every call passes the fronts."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from scopeproxy.emulator.cloud import EmulatedCloud, loopback
from scopeproxy.model.topology import LinkConstraint


async def copy(reader, writer):
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def address(url):
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    return host, int(port)


@asynccontextmanager
async def proxies(site):
    """Byte relays at the fronts of a site, each of which counts its connections."""
    seen = dict.fromkeys(site.fronts, 0)
    async with AsyncExitStack() as stack:
        for type_, front in site.fronts.items():

            async def serve(reader, writer, type_=type_):
                seen[type_] += 1
                back_reader, back_writer = await asyncio.open_connection(*address(site.backs[type_]))
                await asyncio.gather(copy(reader, back_writer), copy(back_reader, writer))

            server = await asyncio.start_server(serve, *address(front))
            stack.callback(server.close)
        yield seen


@pytest.mark.parametrize("paths", [False, True])
async def test_the_topology_is_one_that_proxies_can_read(tmp_path, paths):
    constraints = [LinkConstraint("Paris", "Corte", delay=0.015)]
    labels = {"Paris": {"country": "France"}}
    async with EmulatedCloud(
        ["Paris", "Corte"], tmp_path, constraints=constraints, paths=paths, labels=labels
    ) as cloud:
        topology = yaml.safe_load(cloud.topology_path.read_text())
        paris, corte = topology["sites"]["Paris"], topology["sites"]["Corte"]
        assert set(paris["services"]) == {"keystone", "placement", "glance", "nova", "neutron", "cinder"}
        assert paris["services"]["glance"]["back"] == cloud.site("Paris").backs["image"]
        assert paris["services"]["glance"]["front"] == cloud.site("Paris").fronts["image"]
        assert paris["labels"] == {"country": "France"}
        assert topology["network_constraints"][0]["delay"] == "15ms"
        fronts = {row["front"].removeprefix("http://").partition("/")[0] for row in corte["services"].values()}
        assert set(paris["proxy"]["routes"]) == fronts
        assert len(fronts) == (1 if paths else 6)
        assert paris["proxy"]["admin"] != corte["proxy"]["admin"]
        clouds = yaml.safe_load(cloud.clouds_path.read_text())["clouds"]
        assert clouds["Corte-alice"]["auth"]["auth_url"] == f"{cloud.site('Corte').fronts['identity']}/v3"


async def test_sites_are_independent(tmp_path):
    async with EmulatedCloud(["Paris", "Corte"], tmp_path, images={"Corte": ["Debian"]}) as cloud:
        paris, corte = cloud.sites
        assert paris.project("demo") != corte.project("demo")
        assert {image["name"] for image in corte.glance.images.values()} == {"cirros", "Debian"}
        assert {image["name"] for image in paris.glance.images.values()} == {"cirros"}
        assert not set(paris.nova.flavors.items) & set(corte.nova.flavors.items)
        assert paris.recorder is corte.recorder is cloud.recorder


async def test_each_site_has_an_address_of_its_own(tmp_path):
    if loopback(2) == "127.0.0.1":
        pytest.skip("this system has one loopback address only")
    async with EmulatedCloud(["Paris", "Corte"], tmp_path) as cloud:
        assert [site.host for site in cloud.sites] == ["127.0.1.1", "127.0.2.1"]


async def test_every_call_of_a_boot_passes_the_fronts(tmp_path, log_in):
    async with EmulatedCloud(["Paris"], tmp_path) as cloud:
        site = cloud.site("Paris")
        async with proxies(site) as seen:
            alice = await log_in(at=site)
            tiny, network = next(iter(site.nova.flavors.items)), next(iter(site.neutron.items["networks"]))
            server = {"name": "vm", "flavorRef": tiny, "imageRef": next(iter(site.glance.images))}
            server["networks"] = [{"uuid": network}]
            status, body, _ = await alice("POST", "compute", "/v2.1/servers", {"server": server})
            assert status == 202
            row = site.nova.servers.items[body["server"]["id"]]
            async with asyncio.timeout(20):
                while row["status"] == "BUILD":
                    await alice("GET", "compute", "/v2.1/limits")
            assert row["status"] == "ACTIVE"
            assert all(seen[type_] for type_ in ("identity", "image", "placement", "network"))


async def test_a_link_leads_to_the_front(tmp_path, session):
    async with EmulatedCloud(["Paris", "Corte"], tmp_path) as cloud, proxies(cloud.site("Corte")):
        routes = {str(there): str(link) for there, link in cloud.links.routes("Paris").items()}
        front = cloud.site("Corte").fronts["image"].removeprefix("http://")
        async with session.get(f"http://{routes[front]}/", headers={"Host": front}) as reply:
            body = await reply.json()
        assert body["versions"][0]["links"][0]["href"] == f"http://{front}/v2/"


async def test_without_proxies_the_fronts_are_the_services(tmp_path):
    async with EmulatedCloud(["Paris"], tmp_path, proxied=False) as cloud:
        assert cloud.site("Paris").fronts == cloud.site("Paris").backs
        assert "proxy" not in yaml.safe_load(cloud.topology_path.read_text())["sites"]["Paris"]


async def test_what_was_started_is_stopped_when_the_rest_fails(tmp_path):
    constraints = [LinkConstraint("Paris", "Atlantis")]
    with pytest.raises(KeyError):
        async with EmulatedCloud(["Paris"], tmp_path, constraints=constraints):
            pass


async def test_the_example_of_the_documentation_runs(tmp_path):
    text = (Path(__file__).parents[2] / "docs/embedded-cloud.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    command = (sys.executable, "-W", "error", "-X", "dev", "-c", example)
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=-1, stderr=-2)
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert "sites.yaml" in told.decode()
    assert "Warning" not in told.decode()


async def test_a_site_may_have_a_copy_of_anothers_keystone(tmp_path, log_in):
    async with EmulatedCloud(["Paris", "Nice"], tmp_path, proxied=False, identity_of={"Nice": "Paris"}) as cloud:
        paris, nice = cloud.sites
        assert paris.project("demo") == nice.project("demo")
        alice = await log_in(at=paris)
        for site in (paris, nice):
            image = {"name": f"alices at {site.name}", "visibility": "private"}
            assert (await replace(alice, site=site)("POST", "image", "/v2/images", image))[0] == 201
        topology = yaml.safe_load(cloud.topology_path.read_text())
        assert topology["sites"]["Nice"]["shares"] == {"identity": ["Paris"]}
