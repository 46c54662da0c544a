"""What is killed or cut off, and what goes on without it."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import ACTIVE, Cloud


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
