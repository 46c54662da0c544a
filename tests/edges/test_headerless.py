"""Scopes in paths, and named scopes as regions, on real sockets: what the back end gets, and what the client does."""

from __future__ import annotations

import gzip
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp
import pytest
import yaml

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.emulator.cloud import EmulatedCloud


def http(body, *headers, status="200 OK", kind="application/json"):
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


class Docs:
    """A site with two own applications, each on a port of its own."""

    def __init__(self, stage, back, app):
        self.stage, self.back, self.app = stage, back, app
        self.docs, self.wiki = (str(app.house.here.services[name].front) for name in ("docs", "wiki"))
        self.host = urlsplit(self.wiki).netloc

    async def get(self, target, *headers, method="GET"):
        """By the door of the other application."""
        wire = await self.stage.wire(self.app, "wiki")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", *headers, "", ""]
        head, _, body = (await wire.ask("\r\n".join(lines).encode())).partition(b"\r\n\r\n")
        return head.decode(), body


@pytest.fixture
async def docs(stage):
    async def make(**proxy):
        back = await stage.back()
        backs = {"docs": back.address, "wiki": (await stage.back()).address}
        path = stage.sites({"Paris": backs}, proxy=proxy, scopes={"here": "docs: Paris"})
        return Docs(stage, back, await stage.proxy(path, "Paris"))

    return make


async def test_a_scope_in_the_path_is_a_scope_header_at_the_services_own_front(docs):
    docs = await docs()
    head, body = await docs.get("/scope/here/docs/a%2Fb?c", "Accept: x")
    assert head.startswith("HTTP/1.1 200 ")
    assert "X-Scope-Sites: Paris=200" in head
    assert body == b"hi"
    front = docs.docs.removeprefix("http://")
    assert docs.back.lines[:3] == [b"GET /a%2Fb?c HTTP/1.1", f"Host: {front}".encode(), b"Accept: x"]
    assert f"X-Forwarded-Host: {front}".encode() in docs.back.lines
    assert not [line for line in docs.back.lines if line.lower().startswith(b"x-scope")]


async def test_a_header_says_more_than_the_path(docs):
    docs = await docs()
    head, body = await docs.get("/scope/here/docs/a", "X-Scope: docs: Rome")
    assert head.startswith("HTTP/1.1 400 ")
    assert b"unknown site 'Rome'" in body
    assert (await docs.get("/scope/nonsense/docs/a", "X-Scope: docs: Paris"))[1] == b"hi"


@pytest.mark.parametrize(
    ("target", "status", "told"),
    [
        ("/scope/hre/docs/x", 400, "no scope and no site is named 'hre'; did you mean 'here'?"),
        ("/scope/docs:Pari/docs/x", 400, "unknown site 'Pari'; did you mean 'Paris'?"),
        ("/scope/%7Bdocs/docs/x", 400, "not closed"),
        ("/scope/%F/docs/x", 400, "'%' begins a percent-encoded byte"),
    ],
)
async def test_a_mistake_in_the_path_is_one_clear_fault(docs, target, status, told):
    docs = await docs()
    head, body = await docs.get(target)
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert told in json.loads(body)["error"]["message"]
    assert docs.back.heads == []


@pytest.mark.parametrize("target", ["/scope/here/docs/../wiki/x", "/scope/here/docs/a/%2e%2e/%2E./x", "/../docs/x"])
async def test_a_path_that_leads_out_of_its_service_is_refused(stage, target):
    """Where one server is behind several services, it would be another one's, with what was meant for this one."""
    back = await stage.back()
    path = stage.sites(
        {"Paris": {"docs": f"{back.address}/docs", "wiki": f"{back.address}/wiki"}}, scopes={"here": "docs: Paris"}
    )
    docs = Docs(stage, back, await stage.proxy(path, "Paris"))
    head, body = await docs.get(target)
    assert head.startswith("HTTP/1.1 400 ")
    assert "leads out of" in json.loads(body)["error"]["message"]
    assert docs.back.heads == []
    assert (await docs.get("/scope/here/docs/a/../b"))[1] == b"hi"


async def test_links_are_followed_under_the_prefix(docs):
    docs = await docs()
    prefix = f"http://{docs.host}/scope/here/docs"
    page = {"items": [{"id": 1, "self": f"{docs.docs}/1", "name": f"{docs.docs}/1"}], "next": f"{docs.docs}/?page=2"}
    docs.back.answer = http(json.dumps(page).encode(), f"Location: {docs.docs}/1", "ETag: x")
    head, body = await docs.get("/scope/here/docs/")
    assert json.loads(body) == {
        "items": [{"id": 1, "self": f"{prefix}/1", "name": f"{docs.docs}/1"}],
        "next": f"{prefix}/?page=2",
    }
    assert f"Location: {prefix}/1" in head
    assert "ETag" not in head


async def test_links_name_what_the_client_called(docs):
    docs = await docs()
    docs.back.answer = http(json.dumps({"self": f"{docs.docs}/1"}).encode())
    docs.host = "cloud.example:5000"
    assert json.loads((await docs.get("/scope/docs%3AParis/docs/"))[1]) == {
        "self": "http://cloud.example:5000/scope/docs:Paris/docs/1"
    }
    docs.host = 'evil"host'
    assert (
        json.loads((await docs.get("/scope/here/docs/"))[1])["error"]["message"] == "the Host of the request is no host"
    )


async def test_a_proxy_in_front_that_is_trusted_tells_what_the_client_called(docs):
    docs = await docs(trusted_proxies=["127.0.0.0/8"])
    docs.back.answer = http(json.dumps({"self": f"{docs.docs}/1"}).encode())
    told = ("X-Forwarded-Host: cloud.example", "X-Forwarded-Proto: https")
    _, body = await docs.get("/scope/here/docs/", *told)
    assert json.loads(body) == {"self": "https://cloud.example/scope/here/docs/1"}
    front = docs.docs.removeprefix("http://").encode()
    assert b"X-Forwarded-Host: " + front in docs.back.lines
    assert b"X-Forwarded-Proto: http" in docs.back.lines


@pytest.mark.parametrize(
    ("kind", "status"),
    [("application/octet-stream", "200 OK"), ("text/plain", "200 OK"), ("application/json", "206 Partial Content")],
)
async def test_data_pass_as_they_are(docs, kind, status):
    docs = await docs()
    data = json.dumps({"self": f"{docs.docs}/1"}).encode()
    docs.back.answer = http(data, "ETag: x", status=status, kind=kind)
    head, body = await docs.get("/scope/here/docs/")
    assert body == data
    assert "ETag: x" in head


@pytest.mark.parametrize("body", [b'{"self": "/1" }', b"no json", b"", b'{"a": 1e999}'])
async def test_what_holds_no_absolute_link_stays_byte_for_byte(docs, body):
    docs = await docs()
    docs.back.answer = http(body)
    assert (await docs.get("/scope/here/docs/"))[1] == body


async def test_a_number_that_we_cannot_hold_is_passed_on_as_it_is(docs):
    docs = await docs()
    docs.back.answer = http(f'{{"self": "{docs.docs}/1", "a": 1e999}}'.encode())
    assert (await docs.get("/scope/here/docs/"))[1] == docs.back.answer.partition(b"\r\n\r\n")[2]


async def test_links_are_https_where_something_before_us_ends_the_tls(stage):
    back, behind = await stage.back(), stage.port()
    path = stage.sites({"Paris": {"docs": back.address}})
    document = yaml.safe_load(path.read_text())
    services = document["sites"]["Paris"]["services"]
    services["docs"] |= {"front": "https://cloud.example:8443", "listen": str(behind)}
    document["sites"]["Paris"]["services"] = services
    path.write_text(yaml.safe_dump(document))
    await stage.proxy(path, "Paris")
    # It makes links of what it sees: Host, and no TLS.
    back.answer = http(b'{"self": "http://cloud.example:8443/1"}')
    wire = await stage.wire(behind)
    answer = await wire.ask(b"GET /scope/Paris/docs/ HTTP/1.1\r\nHost: cloud.example:8443\r\n\r\n")
    assert answer.endswith(b'{"self": "https://cloud.example:8443/scope/Paris/docs/1"}')
    assert b"Host: cloud.example:8443" in back.lines
    assert b"X-Forwarded-Proto: https" in back.lines


async def test_a_compressed_answer_is_unpacked_for_its_links(docs):
    docs = await docs()
    packed = gzip.compress(json.dumps({"self": f"{docs.docs}/1"}).encode())
    docs.back.answer = http(packed, "Content-Encoding: gzip")
    head, body = await docs.get("/scope/here/docs/")
    assert json.loads(body) == {"self": f"http://{docs.host}/scope/here/docs/1"}
    assert "Content-Encoding" not in head


async def test_more_than_may_be_held_is_passed_on_as_it_is(docs):
    docs = await docs(limits={"merged_body": "1KiB"})
    data = json.dumps({"self": f"{docs.docs}/1", "more": "x" * 5000}).encode()
    docs.back.answer = http(data)
    assert (await docs.get("/scope/here/docs/"))[1] == data


async def test_an_answer_that_breaks_off_is_a_failure_and_no_half_document(docs):
    docs = await docs()
    docs.back.answers_once(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{", True)
    head, body = await docs.get("/scope/here/docs/")
    assert head.startswith("HTTP/1.1 504 ")
    assert "broke off" in json.loads(body)["error"]["message"]


async def test_our_own_pages_are_below_a_prefix_too(docs):
    docs = await docs()
    head, body = await docs.get("/scope/here/docs/.well-known/scopeproxy/sites")
    assert head.startswith("HTTP/1.1 200 ")
    assert json.loads(body)["sites"][0]["name"] == "Paris"


# ---- with a keystone


class Cloud:
    """Two sites, each with fronts that are paths on one port."""

    def __init__(self, cloud, apps, session):
        self.cloud, self.apps, self.session = cloud, apps, session

    @property
    def origin(self):
        return self.apps[0].house.here.services["identity"].front.origin

    async def log_in(self, url, user="alice", project="demo"):
        domain = {"id": "default"}
        auth = {"identity": {"methods": ["password"], "password": {}}}
        auth["identity"]["password"]["user"] = {"name": user, "password": "secret", "domain": domain}
        auth["scope"] = {"project": {"name": project, "domain": domain}}
        async with self.session.post(f"{url}/auth/tokens", json={"auth": auth}) as answer:
            assert answer.status == 201, await answer.text()
            return answer.headers["X-Subject-Token"], (await answer.json())["token"]["catalog"]

    async def get(self, url, token=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"X-Auth-Token": token} if token else {}
        async with self.session.get(url, headers=named, allow_redirects=False) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers


def urls(catalog, region=None):
    return {
        (entry["type"], endpoint["interface"]): endpoint["url"]
        for entry in catalog
        for endpoint in entry["endpoints"]
        if region in (None, endpoint["region"])
    }


@pytest.fixture
async def cloud(tmp_path):
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(EmulatedCloud(["Paris", "Corte"], tmp_path, paths=True))
        topology = load(cloud.topology_path)
        topology = replace(topology, scopes={"both": "{glance: Paris&Corte}"}, regions={"both": "Both"})
        apps = [App(topology, name) for name in ("Paris", "Corte")]
        for app in apps:
            await app.start()
            stack.push_async_callback(app.stop)
        cloud.links.heal()
        yield Cloud(cloud, apps, await stack.enter_async_context(aiohttp.ClientSession()))


async def test_the_catalog_under_a_prefix_names_every_service_there(cloud):
    prefix = f"{cloud.origin}/scope/both"
    token, catalog = await cloud.log_in(f"{prefix}/identity/v3")
    found = urls(catalog)
    assert len(found) >= 18
    assert all(
        url.startswith(f"{prefix}/{'block-storage' if 'volume' in type_ else type_}")
        for (type_, _), url in found.items()
    )
    status, told, _ = await cloud.get(f"{prefix}/keystone/v3/auth/catalog", token)
    assert (status, urls(told["catalog"])) == (200, found)
    status, listed, headers = await cloud.get(f"{found['image', 'public']}/v2/images", token)
    assert (status, headers["X-Scope-Sites"]) == (200, "Paris=200, Corte=200")
    assert {image["scope_site"] for image in listed["images"]} == {"Paris", "Corte"}


async def test_discovery_stays_under_the_prefix(cloud):
    prefix = f"{cloud.origin}/scope/Corte"
    _, told, _ = await cloud.get(f"{prefix}/identity/v3")
    assert told["version"]["links"][0]["href"] == f"{prefix}/identity/v3/"
    for service in ("compute", "image", "network"):
        _, told, headers = await cloud.get(f"{prefix}/{service}/")
        links = [link["href"] for version in told["versions"] for link in version["links"]]
        assert links
        assert all(link.startswith(f"{prefix}/{service}/v2") for link in links)
        assert headers["X-Scope-Sites"] in ("Corte=200", "Corte=300")


async def test_a_refused_client_is_sent_to_the_keystone_under_the_prefix(cloud):
    status, _, headers = await cloud.get(f"{cloud.origin}/scope/both/compute/v2.1/servers")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith(f'Keystone uri="{cloud.origin}/scope/both/identity')


async def test_a_named_scope_is_a_region_of_the_catalog(cloud):
    token, catalog = await cloud.log_in(f"{cloud.origin}/identity/v3")
    own, both = urls(catalog, "Paris"), urls(catalog, "Both")
    assert own.keys() == both.keys()
    assert both["image", "internal"] == f"{cloud.origin}/scope/both/image"
    for entry in catalog:
        regions = [endpoint["region"] for endpoint in entry["endpoints"]]
        assert regions == sorted(regions, key=lambda region: region == "Both")
    _, told, _ = await cloud.get(f"{cloud.origin}/identity/v3/auth/catalog", token)
    assert urls(told["catalog"], "Both") == both
    status, _, headers = await cloud.get(f"{both['image', 'public']}/v2/images", token)
    assert (status, headers["X-Scope-Sites"]) == (200, "Paris=200, Corte=200")


async def test_who_looks_at_its_own_token_sees_the_regions_and_who_validates_one_does_not(cloud):
    tokens = f"{cloud.origin}/identity/v3/auth/tokens"
    token, _ = await cloud.log_in(f"{cloud.origin}/identity/v3")
    admin, _ = await cloud.log_in(f"{cloud.origin}/identity/v3", "admin", "admin")
    _, own, _ = await cloud.get(tokens, token, X_Subject_Token=token)
    _, validated, _ = await cloud.get(tokens, admin, X_Subject_Token=token)
    assert urls(own["token"]["catalog"], "Both")
    assert not urls(validated["token"]["catalog"], "Both")


async def test_a_service_is_told_of_its_own_region_alone(cloud):
    nova = cloud.cloud.site("Paris").keystone.directory.named("users", "nova")
    assert nova
    _, catalog = await cloud.log_in(f"{cloud.origin}/identity/v3", "nova", "service")
    assert not urls(catalog, "Both")


async def test_the_other_sites_entry_has_the_regions_too(cloud):
    origin = cloud.apps[1].house.here.services["identity"].front.origin
    _, catalog = await cloud.log_in(f"{origin}/identity/v3")
    assert urls(catalog, "Both")["image", "public"] == f"{origin}/scope/both/image"
