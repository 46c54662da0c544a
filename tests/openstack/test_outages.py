"""What is killed or cut off, and what goes on without it."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import ACTIVE, Cloud

pytestmark = pytest.mark.core


def either(cloud: Cloud) -> str:
    return f"{{nova: Paris, glance: {cloud.partner}|Marseille}}"


@pytest.mark.row("The third site's image while the other's glance is down")
def test_or_moves_on_from_a_glance_that_was_killed(cloud: Cloud, name: str) -> None:
    with cloud.service_killed(cloud.partner, "glance"):
        cloud.launch(name, "Debian", scope=either(cloud))
        assert cloud.servers(name) == {"Paris": ACTIVE}


@pytest.mark.row("The third site's image while the other's proxy is down")
def test_or_moves_on_from_a_proxy_that_was_killed(cloud: Cloud, name: str) -> None:
    with cloud.proxy_killed(cloud.partner):
        cloud.launch(name, "Debian", scope=either(cloud))
    assert cloud.servers(name) == {"Paris": ACTIVE}


@pytest.mark.row("A partition is told, and forgotten once healed")
@pytest.mark.parametrize("how", ["refuse", "drop"])
def test_a_partition_is_told_and_forgotten_once_it_is_healed(cloud: Cloud, name: str, how: str) -> None:
    away, both = cloud.partner, f"{{nova: Paris&{cloud.partner}}}"
    here, there = f"{name}-here", f"{name}-there"
    cloud.launch(here)
    cloud.launch(there, at=away)
    known = cloud.token(scope=both)
    with cloud.cut_off(away, how):
        for token in (known, cloud.token(scope=both)):
            assert listed(cloud, token, both, here, there) == ({here}, away)
        done = cloud.openstack("server", "list", "-f", "json", scope=both)
        for site in ("Paris", "Marseille"):
            other = "Marseille" if site == "Paris" else "Paris"
            names = {server.name for server in cloud.connect(site, scope=f"{{nova: {other}}}").compute.servers()}
            assert (here in names) is (other == "Paris")
        cloud.launch(f"{name}-meanwhile", "Debian", scope="{nova: Paris, glance: Marseille}")
    assert here in {row["Name"] for row in done.json}
    assert done.stderr.startswith(f"scope: the result is partial: nothing came from {away}")
    assert listed(cloud, known, both, here, there) == ({here, there}, None)
    assert cloud.servers(f"{name}-meanwhile") == {"Paris": ACTIVE}


def listed(cloud: Cloud, token: str, scope: str, *names: str) -> tuple[set[str], str | None]:
    """Which of the servers a list has, and the site that it says it lacks."""
    answer = cloud.call("GET", "nova:/v2.1/servers", token=token, scope=scope)
    assert answer.status == 200, answer.text
    return {server["name"] for server in answer.json["servers"]} & set(names), answer.headers.get("X-Scope-Partial")
