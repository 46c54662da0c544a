"""What passes between clients and services of one other site: pages, links, versions, and nothing of ours."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.openstack.cloud import ACTIVE, Cloud

_PROJECTS = {"image": "glance", "network": "neutron", "compute": "nova"}
CORTE = "{nova: Corte, glance: Corte, neutron: Corte}"


def make_image(conn: Any, name: str) -> str:
    body = {"name": name, "disk_format": "raw", "container_format": "bare"}
    return str(conn.image.post("/images", json=body).json()["id"])


def make_network(conn: Any, name: str) -> str:
    return str(conn.network.create_network(name=name).id)


def make_flavor(conn: Any, name: str) -> str:
    return str(conn.compute.create_flavor(name=name, ram=64, vcpus=1, disk=1).id)


@dataclass(frozen=True)
class Kind:
    """How one of a kind is made, and the names of the SDK's service, list and delete."""

    make: Callable[[Any, str], str]
    service: str
    list: str
    delete: str

    def listed(self, conn: Any, **query: Any) -> list[str]:
        return [one.id for one in getattr(getattr(conn, self.service), self.list)(**query)]


KINDS = {
    "images": Kind(make_image, "image", "images", "delete_image"),
    "networks": Kind(make_network, "network", "networks", "delete_network"),
    "flavors": Kind(make_flavor, "compute", "flavors", "delete_flavor"),
}


@contextmanager
def several(conn: Any, kind: Kind, name: str, how_many: int = 5) -> Iterator[list[str]]:
    """So many of a kind at the site of the connection's scope."""
    with ExitStack() as stack:
        ids = []
        for number in range(how_many):
            ids.append(kind.make(conn, f"{name}-{number}"))
            stack.callback(getattr(getattr(conn, kind.service), kind.delete), ids[-1])
        yield ids


def watched_urls(conn: Any) -> list[str]:
    """The URLs of the requests that the connection makes from now on."""
    urls: list[str] = []
    conn.session.session.hooks["response"].append(lambda reply, *_, **__: urls.append(reply.request.url))
    return urls


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_list_of_another_site_is_read_page_by_page(cloud: Cloud, name: str, kind: Kind) -> None:
    conn = cloud.connect(user="admin", scope=CORTE)
    with several(conn, kind, name) as ids:
        whole = kind.listed(conn)
        urls = watched_urls(conn)
        paged = kind.listed(conn, limit=2)
        assert len(urls) >= len(whole) / 2
        assert set(ids) <= set(paged)
        assert sorted(paged) == sorted(whole)
        assert {urlsplit(url).netloc for url in urls} == {
            urlsplit(cloud.front("Paris", _PROJECTS[kind.service])).netloc
        }


@pytest.mark.parametrize("where", ["keystone:/", "glance:/"])
def test_versions_elsewhere_are_told_by_the_entrys_own_address(cloud: Cloud, where: str) -> None:
    assert told_by_the_entry(cloud, where) == 300


@pytest.mark.real_only("a path without a version is 404 to its nova and its glance")
@pytest.mark.parametrize(("where", "status"), [("nova:/nonsense", 300), ("glance:/v2", 302)])
def test_so_are_redirections(cloud: Cloud, where: str, status: int) -> None:
    assert told_by_the_entry(cloud, where) == status


def told_by_the_entry(cloud: Cloud, where: str) -> int:
    """The status; the links in the answer, which is another site's, must name the entry's front."""
    scope = "{*: Corte}"
    answer = cloud.call("GET", where, token=cloud.token(scope=scope), scope=scope)
    ours, theirs = (cloud.front(site, where.partition(":")[0]) for site in ("Paris", "Corte"))
    links = answer.headers.get("Location", "") + answer.text
    assert ours in links
    assert theirs not in links
    return answer.status


def test_what_is_made_elsewhere_is_found_by_its_location(cloud: Cloud, name: str) -> None:
    scope = "{glance: Corte}"
    token = cloud.token(scope=scope)
    made = cloud.call("POST", "glance:/v2/images", token=token, scope=scope, json={"name": name})
    location = made.headers["Location"]
    assert location == f"{cloud.front('Paris', 'glance')}/v2/images/{made.json['id']}"
    assert cloud.call("DELETE", location, token=token, scope=scope).status == 204


@pytest.mark.parametrize(
    ("where", "asked", "status"),
    [
        ("nova:/v2.1/flavors/detail", "compute 2.79", 200),
        ("nova:/v2.1/flavors/detail", "compute 2.999", 406),
        ("placement:/resource_providers", "placement 1.30", 200),
    ],
)
def test_microversions_are_settled_with_the_other_site(cloud: Cloud, where: str, asked: str, status: int) -> None:
    scope = f"{{{where.partition(':')[0]}: Corte}}"
    token = cloud.token(user="admin", scope=scope)
    answer = cloud.call("GET", where, token=token, scope=scope, headers={"OpenStack-API-Version": asked})
    assert answer.status == status
    # The emulator's placement and its refusals name no version.
    if cloud.real or (asked, status) == ("compute 2.79", 200):
        assert answer.headers["OpenStack-API-Version"] == asked
        assert "openstack-api-version" in answer.headers["Vary"].lower()


def test_the_client_sees_nothing_of_what_proxies_tell_one_another(cloud: Cloud) -> None:
    done = cloud.openstack("--debug", "image", "list", scope="{glance: Corte}")
    assert done.code == 0
    seen = (done.stdout + done.stderr).lower()
    assert "x-scope-sites" in seen
    assert not [word for word in ("x-scope-home", "x-scope-entry", "x-scope-hops", "x-scope-signature") if word in seen]
    assert "~scope1." not in seen


def test_an_answer_to_an_unscoped_call_holds_nothing_of_ours(cloud: Cloud) -> None:
    answer = cloud.call("GET", "glance:/v2/images", token=cloud.token())
    assert not [header for header in answer.headers if header.lower().startswith("x-scope")]


def test_one_token_under_two_scopes_at_once(cloud: Cloud) -> None:
    token = cloud.token(scope="{neutron: Corte&Marseille}")
    nets = {site: network(cloud, site) for site in ("Corte", "Marseille")}

    def ask(site: str) -> list[tuple[str, list[str]]]:
        answers = []
        for _ in range(15):
            scope = f"{{neutron: {site}}}"
            answer = cloud.call("GET", "neutron:/v2.0/networks?name=private", token=token, scope=scope)
            answers.append((answer.headers["X-Scope-Sites"], [one["id"] for one in answer.json["networks"]]))
        return answers

    with ThreadPoolExecutor(4) as pool:
        sites = ["Corte", "Marseille", "Corte", "Marseille"]
        for site, answers in zip(sites, pool.map(ask, sites), strict=True):
            assert answers == [(f"{site}=200", [nets[site]])] * 15


def network(cloud: Cloud, site: str) -> str:
    listed = cloud.call("GET", "neutron:/v2.0/networks?name=private", at=site, token=cloud.token(site))
    return str(listed.json["networks"][0]["id"])


def test_two_boots_at_once_by_one_token_under_two_scopes(cloud: Cloud, name: str) -> None:
    """What nova asks glance for one of them does not go where the other's is."""
    token = cloud.token(scope="{glance: Corte&Marseille}")
    flavors = cloud.call("GET", "nova:/v2.1/flavors", token=token).json["flavors"]
    flavor = next(one["id"] for one in flavors if one["name"] == "m1.tiny")
    nic = network(cloud, "Paris")

    def boot(site: str) -> None:
        scope = f"{{nova: Paris, glance: {site}}}"
        found = cloud.call("GET", f"glance:/v2/images?name={cloud.image(site)}", token=token, scope=scope)
        server = {
            "name": f"{name}-{site}",
            "imageRef": found.json["images"][0]["id"],
            "flavorRef": flavor,
            "networks": [{"uuid": nic}],
        }
        answer = cloud.call("POST", "nova:/v2.1/servers", token=token, scope=scope, json={"server": server})
        assert answer.status == 202, answer.text

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(boot, ("Corte", "Marseille")))
    for site in ("Corte", "Marseille"):
        assert cloud.servers(f"{name}-{site}") == {"Paris": ACTIVE}


def test_a_name_that_must_be_encoded_reaches_the_other_site_whole(cloud: Cloud) -> None:
    conn = cloud.connect(scope=CORTE)
    name = f"é/ü %2F {uuid.uuid4()}"
    made = conn.network.create_network(name=name)
    assert conn.network.find_network(name).id == made.id
    assert [one.id for one in cloud.connect("Corte").network.networks(name=name)] == [made.id]
    conn.network.delete_network(made)
