"""Clients that cannot add a header: openstacksdk without our hook, `openstack` without its option, and curl.

The scope is in the path of auth_url, by name or as an expression, or it is the region that the client chooses.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.openstack import clients
from tests.openstack.cloud import ACTIVE, Cloud

SCOPES = {
    "mixed": {"scope": "{nova: Paris, glance: Corte}", "region": "Mixed"},
    "everywhere": {"scope": "nova: all(*)", "region": "Everywhere"},
}
# The same scopes, in each of the ways.
MIXED = {"name": "mixed", "expression": "{nova: Paris, glance: Corte}", "short": "nova:Paris,glance:Corte"}
EVERYWHERE = {"name": "everywhere", "expression": "{nova: Paris & Corte & Marseille}", "short": "nova:all(*)"}
WAYS = [*MIXED, "region"]
BOOT: dict[str, Any] = {"flavor": "m1.tiny", "network": "private", "wait": True}


@pytest.fixture(scope="module")
def others(cloud: Cloud) -> Iterator[Cloud]:
    """The cloud, with named scopes that its catalogs offer as regions."""

    def named(topology: dict[str, Any]) -> dict[str, Any]:
        return {**topology, "scopes": SCOPES}

    with cloud.served_by(named):
        yield cloud


@pytest.fixture
def server_each(others: Cloud, name: str) -> str:
    """A server of this name at Paris and at Corte."""
    for site in ("Paris", "Corte"):
        others.launch(name, at=site)
    assert others.servers(name) == {"Paris": ACTIVE, "Corte": ACTIVE}
    return name


def prefix(cloud: Cloud, scope: str, service: str = "keystone") -> str:
    """By the front of any service at Paris."""
    return f"{cloud.front('Paris', service)}/scope/{quote(scope, safe='')}"


def connect(cloud: Cloud, scope: str, user: str = "alice", service: str = "keystone") -> Any:
    auth = {**auth_of(user), "auth_url": f"{prefix(cloud, scope, service)}/identity/v3"}
    return cloud.connect(auth=auth)


def connect_by(cloud: Cloud, way: str, scopes: dict[str, str]) -> Any:
    if way == "region":
        return cloud.connect(region_name=scopes["name"].capitalize())
    return connect(cloud, scopes[way])


def auth_of(user: str) -> dict[str, str]:
    named = {"username": user, "password": clients.PASSWORD, "project_name": clients.PROJECTS[user]}
    return named | {"user_domain_id": "default", "project_domain_id": "default"}


def asked(cloud: Cloud, since: frozenset[str], service: str) -> set[tuple[str, str]]:
    """Of the calls to a service that Paris's proxy has had: whence the scope was known, and the sites asked."""
    rows = (row for row in cloud.calls("Paris", since) if row["service"] == service)
    return {(row["source"], site) for row in rows for site in row["sites"]}


@pytest.mark.parametrize("way", WAYS)
def test_a_server_from_an_image_of_another_site(others: Cloud, name: str, way: str) -> None:
    conn, mark = connect_by(others, way, MIXED), others.mark()
    server = conn.create_server(name, image=others.image("Corte"), **BOOT)
    assert server.status == ACTIVE
    assert others.servers(name) == {"Paris": ACTIVE}
    assert asked(others, mark, "image") >= {("header", "Corte")}
    # What nova asks glance for is found by what it carries, not by a path.
    assert {site for _, site in asked(others, mark, "image")} == {"Corte"}
    assert {source for source, _ in asked(others, mark, "image")} & {"request id", "tag"}
    assert conn.delete_server(server.id, wait=True)


@pytest.mark.parametrize("way", WAYS)
def test_a_list_over_sites(others: Cloud, server_each: str, way: str) -> None:
    servers = [one for one in connect_by(others, way, EVERYWHERE).compute.servers() if one.name == server_each]
    assert len(servers) == 2
    prefixes = {
        link["href"].partition("/compute/")[0] for one in servers for link in one.links if link["rel"] == "self"
    }
    assert all("/scope/" in one and "%" not in one for one in prefixes)
    assert len(prefixes) == 1


@pytest.mark.parametrize("service", ["glance", "nova", "neutron"])
def test_the_front_of_any_service_will_do(others: Cloud, service: str) -> None:
    conn = connect(others, "Corte", service=service)
    assert others.image("Corte") in [image.name for image in conn.image.images()]
    for type_ in ("identity", "image", "compute", "network", "placement"):
        endpoint = conn.session.get_endpoint(service_type=type_, interface="public", region_name="Paris")
        assert endpoint.startswith(f"{others.front('Paris', service)}/scope/Corte/{type_}"), endpoint


def test_discovery_stays_under_the_scope(others: Cloud) -> None:
    root = prefix(others, "Corte")
    for service in ("identity", "compute", "image", "network"):
        answer = others.call("GET", f"{root}/{service}/")
        versions = answer.json["versions"]
        versions = versions["values"] if isinstance(versions, dict) else versions
        links = [link["href"] for version in versions for link in version["links"] if link["rel"] == "self"]
        assert links
        assert all(link.startswith(f"{root}/{service}/v") for link in links), links
        assert answer.headers["X-Scope-Sites"].startswith("Corte=")


def test_links_to_the_next_page_are_followed_under_the_scope(others: Cloud, server_each: str) -> None:
    conn, mark = connect(others, "Corte"), others.mark()
    conn.create_server(f"{server_each}-too", image="cirros", **BOOT)
    names = [server.name for server in conn.compute.servers(limit=1)]
    assert {server_each, f"{server_each}-too"} <= set(names)
    images = [image.name for image in conn.image.images(limit=1)]
    assert {"cirros", others.image("Corte")} <= set(images)
    for service in ("compute", "image"):
        assert {site for _, site in asked(others, mark, service)} == {"Corte"}


def test_an_image_is_uploaded_and_downloaded(others: Cloud, name: str) -> None:
    conn, data = connect(others, "Corte"), os.urandom(3_000_000)
    image = conn.image.create_image(
        name=name, data=io.BytesIO(data), disk_format="raw", container_format="bare", validate_checksum=False
    )
    got = conn.image.download_image(image, stream=False).content
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
    assert others.connect().image.find_image(name) is None
    assert others.connect("Corte").image.find_image(name) is not None


def test_keystone_is_called_and_a_token_revoked_under_the_scope(others: Cloud, name: str) -> None:
    conn = connect(others, "keystone:Corte,nova:Corte", user="admin")
    assert conn.identity.create_user(name=name, password="secret").name == name
    assert name in {user.name for user in conn.identity.users()}
    assert others.connect("Corte", "admin").identity.find_user(name) is not None
    assert others.connect("Paris", "admin").identity.find_user(name) is None
    conn.identity.delete_user(conn.identity.find_user(name))
    token = conn.auth_token
    tokens = f"{prefix(others, 'keystone:Corte,nova:Corte')}/identity/v3/auth/tokens"
    gone = others.call("DELETE", tokens, token=token, headers={"X-Subject-Token": token})
    assert gone.status == 204
    assert others.call("GET", tokens, token=token, headers={"X-Subject-Token": token}).status in (401, 404)


def test_the_command_needs_no_more_than_its_auth_url(others: Cloud, server_each: str) -> None:
    def run(*words: str, scope: str) -> clients.Done:
        said = {f"OS_{key.upper()}": value for key, value in auth_of("alice").items()}
        url = f"{prefix(others, scope)}/identity/v3"
        patience = 3 * others.patience
        return clients.command(others.clouds_path, None, (*words, "-f", "json"), patience, OS_AUTH_URL=url, **said)

    rows = run("server", "list", scope="{nova: Paris & Corte}").json
    assert [row["Name"] for row in rows].count(server_each) == 2
    image = others.image("Marseille")
    assert run("image", "show", image, scope="{glance: Corte|Marseille}").json["name"] == image
    endpoints = [row["Endpoint"] for row in run("versions", "show", scope="Corte").json]
    assert endpoints
    assert all("/scope/Corte/" in endpoint for endpoint in endpoints), endpoints
    wrong = run("server", "list", scope="nova: Lyon")
    assert wrong.code != 0
    assert "unknown site 'Lyon'" in wrong.stderr


def curl(*words: str) -> clients.Answer:
    done = subprocess.run(["curl", "-s", "-g", "-i", *words], capture_output=True, timeout=60, check=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}
    return clients.Answer(int(first.split()[1]), headers, body)


@pytest.mark.parametrize("way", ["path", "region"])
def test_curl(others: Cloud, server_each: str, way: str) -> None:
    root = prefix(others, "everywhere") + "/identity" if way == "path" else others.front("Paris", "keystone")
    login = json.dumps({"auth": clients.password("alice")})
    answer = curl("-H", "Content-Type: application/json", "-d", login, f"{root}/v3/auth/tokens")
    assert answer.status == 201
    token = f"X-Auth-Token: {answer.headers['x-subject-token']}"
    region = "Paris" if way == "path" else "Everywhere"
    (nova,) = (
        endpoint["url"]
        for entry in answer.json["token"]["catalog"]
        for endpoint in entry["endpoints"]
        if (entry["type"], endpoint["interface"], endpoint["region"]) == ("compute", "public", region)
    )
    answer = curl("-H", token, f"{nova}/servers/detail")
    assert answer.headers["x-scope-sites"] == "Paris=200, Corte=200, Marseille=200"
    servers = [server for server in answer.json["servers"] if server["name"] == server_each]
    assert {server["scope_site"] for server in servers} == {"Paris", "Corte"}
    for link in (link["href"] for server in servers for link in server["links"] if link["rel"] == "self"):
        assert link.startswith(f"{nova}/servers/")
        assert curl("-H", token, link).json["server"]["name"] == server_each
    away = curl(f"{nova}/servers")
    assert away.status == 401


def test_services_take_no_notice_of_regions(others: Cloud, name: str) -> None:
    """They are told of their own region alone, when they log in and when they validate."""
    mark = others.mark()
    assert others.connect().create_server(name, image="cirros", **BOOT).status == ACTIVE
    assert [row for row in others.calls("Paris", mark) if row["source"] == "header"] == []
    regions = {region.name for region in others.connect(user="admin").identity.regions()} or {"Paris"}
    assert "Everywhere" not in regions
