"""What is killed or cut off, and what goes on without it."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import ACTIVE, Cloud

pytestmark = pytest.mark.core

EITHER = "{nova: Paris, glance: Corte|Marseille}"
PARTIAL = "scope: the result is partial: nothing came from Corte"


def test_or_moves_on_from_a_glance_that_was_killed(cloud: Cloud, name: str) -> None:
    with cloud.service_killed("Corte", "glance"):
        done = cloud.boot(name, image="Debian", scope=EITHER)
        assert done.code == 0, done.stderr
        assert cloud.servers(name) == {"Paris": ACTIVE}


def test_or_moves_on_from_a_proxy_that_was_killed(cloud: Cloud, name: str) -> None:
    with cloud.proxy_killed("Corte"):
        done = cloud.boot(name, image="Debian", scope=EITHER)
        assert done.code == 0, done.stderr
        assert PARTIAL in done.stderr
    assert cloud.servers(name) == {"Paris": ACTIVE}


@pytest.mark.parametrize("how", ["refuse", "drop"])
def test_a_partition_is_told_and_forgotten_once_it_is_healed(cloud: Cloud, name: str, how: str) -> None:
    assert cloud.boot(name).code == 0
    both = "{nova: Paris&Corte}"
    with cloud.cut_off("Corte", how):
        listed = cloud.openstack("server", "list", "-f", "json", scope=both)
        token = cloud.token(scope=both)
        answer = cloud.call("GET", "nova:/v2.1/servers", token=token, scope=both)
        assert cloud.openstack("server", "list", "-f", "json", at="Marseille", scope="{nova: Paris}").code == 0
    assert name in [row["Name"] for row in listed.json]
    assert PARTIAL in listed.stderr
    assert (answer.status, answer.headers["X-Scope-Partial"]) == (200, "Corte")
    after = cloud.openstack("server", "list", "-f", "json", scope=both)
    assert (after.code, after.stderr) == (0, "")
