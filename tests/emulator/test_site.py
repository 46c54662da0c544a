"""A site as an installer leaves it."""

from __future__ import annotations

from scopeproxy.emulator.recorder import Recorder
from scopeproxy.emulator.site import EmulatedSite


async def test_services_have_many_names(site):
    assert site.service("nova") is site.service("compute") is site.nova
    assert site.service("volumev3") is site.service("cinder") is site.cinder
    assert {service.name for service in (site.keystone, site.glance, site.neutron, site.placement)} == {
        "keystone",
        "glance",
        "neutron",
        "placement",
    }


async def test_the_catalog_and_auth_urls_name_the_fronts(tmp_path):
    fronts = {
        type_: f"http://front.example/{type_}"
        for type_ in ("identity", "placement", "image", "compute", "network", "block-storage")
    }
    async with EmulatedSite("Paris", tmp_path, fronts=fronts) as site:
        urls = {e["url"] for e in site.keystone.directory.items["endpoints"].values()}
        assert "http://front.example/identity/v3" in urls
        assert "http://front.example/compute/v2.1" in urls
        assert site.glance.place.auth_url == "http://front.example/identity"
        assert not set(site.backs.values()) & set(site.fronts.values())


async def test_seeded_images(site, tmp_path):
    image = site.seed_image("Debian", b"bits", visibility="community")
    assert (image["status"], image["size"], image["visibility"]) == ("active", 4, "community")
    async with EmulatedSite("Corte", tmp_path) as other:
        other.seed()
        assert not set(other.glance.images) & set(site.glance.images)


async def test_a_recorder_may_be_shared_though_it_is_empty(tmp_path):
    recorder = Recorder()
    assert EmulatedSite("Paris", tmp_path, recorder=recorder).recorder is recorder


async def test_services_under_paths(tmp_path, log_in):
    async with EmulatedSite("Paris", tmp_path, paths=True) as site:
        site.seed()
        alice = await log_in(at=site)
        assert site.backs["compute"].endswith("/compute")
        status, body, _ = await alice("GET", "compute", "/v2.1/flavors?limit=1", Host="cloud.example")
        assert status == 200
        assert body["flavors_links"][0]["href"].startswith("http://cloud.example/compute/v2.1/flavors?")
        assert (await alice("GET", "identity", "/"))[1]["versions"]["values"][0]["links"][0]["href"].endswith(
            "/identity/v3/"
        )
        for root in ("", "/"):
            assert (await alice("GET", "image", root))[0] == 300
        assert (await alice("GET", "image", "/v2/images"))[1]["images"][0]["name"] == "cirros"
        assert site.recorder.calls(service="glance")[-1].path == "/v2/images"
