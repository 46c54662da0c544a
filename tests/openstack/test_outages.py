"""What is killed or cut off, and what goes on without it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.openstack.clients import Answer
from tests.openstack.cloud import ACTIVE, Cloud

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@example"


def either(cloud: Cloud) -> str:
    return f"{{nova: Paris, glance: {cloud.partner}|Marseille}}"


@pytest.mark.core
@pytest.mark.row("The third site's image while the other's glance is down")
def test_or_moves_on_from_a_glance_that_was_killed(cloud: Cloud, name: str) -> None:
    with cloud.service_killed(cloud.partner, "glance"):
        cloud.launch(name, "Debian", scope=either(cloud))
        assert cloud.servers(name) == {"Paris": ACTIVE}


@pytest.mark.core
@pytest.mark.row("The third site's image while the other's proxy is down")
def test_or_moves_on_from_a_proxy_that_was_killed(cloud: Cloud, name: str) -> None:
    with cloud.proxy_killed(cloud.partner):
        cloud.launch(name, "Debian", scope=either(cloud))
    assert cloud.servers(name) == {"Paris": ACTIVE}


@pytest.mark.core
@pytest.mark.row("A partition is told, and forgotten once healed")
def test_a_partition_is_told_and_forgotten_once_it_is_healed(cloud: Cloud, name: str) -> None:
    partition(cloud, name, "refuse")


def test_the_same_where_packets_vanish(cloud: Cloud, name: str) -> None:
    partition(cloud, name, "drop")


def partition(cloud: Cloud, name: str, how: str) -> None:
    """The other site cannot be reached, and can again."""
    away, both = cloud.partner, f"{{nova: Paris&{cloud.partner}}}"
    here, there = f"{name}-here", f"{name}-there"
    cloud.launch(here)
    cloud.launch(there, at=away)
    known = cloud.token(scope=both)
    with cloud.cut_off(away, how):
        for token in (known, cloud.token(scope=both)):
            assert listed(cloud, token, both, here, there) == ({here}, away)
        for entry, of in (("Paris", "Marseille"), ("Marseille", "Paris")):
            names = {server.name for server in cloud.connect(entry, scope=f"{{nova: {of}}}").compute.servers()}
            assert (here in names) is (of == "Paris")
        cloud.launch(f"{name}-meanwhile", "Debian", scope="{nova: Paris, glance: Marseille}")
    assert listed(cloud, known, both, here, there) == ({here, there}, None)
    assert cloud.servers(f"{name}-meanwhile") == {"Paris": ACTIVE}


def test_the_command_warns_of_a_partition(cloud: Cloud) -> None:
    with cloud.cut_off("Corte"):
        done = cloud.openstack("server", "list", "--no-name-lookup", "-f", "json", scope="{nova: Paris&Corte}")
    assert done.code == 0
    assert done.stderr.startswith("scope: the result is partial: nothing came from Corte")


def listed(cloud: Cloud, token: str, scope: str, *names: str) -> tuple[set[str], str | None]:
    """Which of the servers a list has, and the site that it says it lacks."""
    answer = cloud.call("GET", "nova:/v2.1/servers", token=token, scope=scope)
    assert answer.status == 200, answer.text
    return {server["name"] for server in answer.json["servers"]} & set(names), answer.headers.get("X-Scope-Partial")


DATA = b"0123456789" * 50_000
QUEUE = {"X-Scope-Options": "on-partial=queue"}


def test_what_a_site_missed_is_made_there_when_it_is_back(cloud: Cloud, name: str) -> None:
    away = "Corte"
    scope = f"{{keystone: Paris, glance: Paris&{away}, neutron: Paris&{away}, nova: Paris&{away}}}"
    people = f"{{keystone: Paris&{away}}}"
    token, admin = cloud.token(scope=scope), cloud.token(user="admin", scope=people)

    def write(method: str, where: str, token: str = token, scope: str = scope, **more: Any) -> Answer:
        headers = {**QUEUE, **more.pop("headers", {})}
        answer = cloud.call(method, where, token=token, scope=scope, headers=headers, **more)
        assert answer.status < 300, answer.text
        return answer

    def make(where: str, key: str, token: str = token, scope: str = scope, **values: Any) -> Answer:
        return write("POST", where, token, scope, json={key: {"name": name, **values}})

    with cloud.proxy_killed(away):
        image = write(
            "POST", "glance:/v2/images", json={"name": name, "disk_format": "raw", "container_format": "bare"}
        )
        file = f"glance:/v2/images/{image.json['id']}/file"
        data = write("PUT", file, data=DATA, headers={"Content-Type": "application/octet-stream"})
        network = make("neutron:/v2.0/networks", "network")
        key = make("nova:/v2.1/os-keypairs", "keypair", public_key=KEY)
        user = make("keystone:/v3/users", "user", admin, people, password="correct-horse")
        for one in (image, data, network, key, user):
            assert f"{away}=queued" in one.headers["X-Scope-Sites"]
        assert len(cloud.admin("Paris", "/v1/journal")["entries"]) == 5

    def waits() -> list[Any]:
        return [] if cloud.admin("Paris", "/v1/journal")["entries"] else [True]

    cloud.wait_for(waits, "an empty journal")
    there, chief = cloud.token(away), cloud.token(away, "admin")
    (found,) = cloud.call("GET", f"glance:/v2/images?name={name}", at=away, token=there).json["images"]
    assert (found["status"], found["size"]) == ("active", len(DATA))
    assert found["checksum"] == hashlib.md5(DATA, usedforsecurity=False).hexdigest()
    for where, kinds, by in (
        ("neutron:/v2.0/networks", "networks", there),
        ("keystone:/v3/users", "users", chief),
    ):
        assert len(cloud.call("GET", f"{where}?name={name}", at=away, token=by).json[kinds]) == 1
    assert cloud.call("GET", f"nova:/v2.1/os-keypairs/{name}", at=away, token=there).status == 200
    for where, by, under in (
        (f"glance:/v2/images/{image.json['id']}", token, scope),
        (f"neutron:/v2.0/networks/{network.json['network']['id']}", token, scope),
        (f"nova:/v2.1/os-keypairs/{name}", token, scope),
        (f"keystone:/v3/users/{user.json['user']['id']}", admin, people),
    ):
        gone = write("DELETE", where, by, under)
        assert "queued" not in gone.headers["X-Scope-Sites"]
    assert not cloud.call("GET", f"glance:/v2/images?name={name}", at=away, token=there).json["images"]
