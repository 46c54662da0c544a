"""`scopeproxy check --live` on sites as they must be, and on one that is not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from scopeproxy.edges.check import check_live
from tests.openstack.clients import PASSWORD
from tests.openstack.cloud import Cloud


def findings(cloud: Cloud) -> list[dict[str, Any]]:
    environ = {
        "OS_AUTH_URL": f"{cloud.front('Paris', 'keystone')}/v3",
        "OS_USERNAME": "alice",
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "demo",
    }
    told, _ = asyncio.run(check_live(cloud.topology_path, environ, "json"))
    found: list[dict[str, Any]] = json.loads(told)["findings"]
    return found


def bad(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(row["site"], row["service"], row["told"]) for row in found if row["good"] is False]


def test_nothing_is_bad_at_sites_that_are_as_they_must_be(cloud: Cloud) -> None:
    found = findings(cloud)
    assert bad(found) == []
    good = {(row["site"], row["service"], row["told"].partition(" http")[0]) for row in found if row["good"]}
    for site in cloud.sites:
        for service in ("image", "network", "compute"):
            for told in ("its 401 names", "the catalog names", "it validates tokens at"):
                assert (site, service, told) in good


@pytest.mark.real_only("emulated services have one address of keystone, its front")
def test_a_service_that_validates_tokens_at_the_back_of_keystone_is_found(cloud: Any) -> None:
    # Services validate where the catalog of their own login says, so it must name the backs: that is Paris's.
    with cloud.validating_at_the_back("Paris", "glance"):
        ((site, service, told),) = bad(findings(cloud))
    assert (site, service) == ("Paris", "image")
    assert told.startswith("it accepts no token that carries a scope: it validates elsewhere than at ")
