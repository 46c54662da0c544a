"""Users and projects of two sites."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import Cloud

pytestmark = pytest.mark.core


@pytest.mark.row("Users and projects made here and there")
@pytest.mark.parametrize(("kind", "more"), [("user", {"password": "secret"}), ("project", {})])
def test_a_user_and_a_project_are_made_here_and_there(cloud: Cloud, name: str, kind: str, more: dict[str, str]) -> None:
    both = cloud.connect(user="admin", scope=f"{{keystone: Paris&{cloud.partner}}}").identity
    made = getattr(both, f"create_{kind}")(name=name, **more)
    assert made.name == name
    for site in cloud.served:
        found = getattr(cloud.connect(site, "admin").identity, f"find_{kind}")(name)
        assert (found is not None) is (site in ("Paris", cloud.partner)), site
    listed = [one.name for one in getattr(both, f"{kind}s")(name=name)]
    assert listed.count(name) == 1


def test_the_command_makes_a_user_here_and_there(cloud: Cloud, name: str) -> None:
    scope = f"{{keystone: Paris&{cloud.partner}}}"
    done = cloud.openstack(*("user", "create", name, "--password", "secret", "-f", "json"), user="admin", scope=scope)
    assert done.json["name"] == name
    for site in ("Paris", cloud.partner):
        shown = cloud.openstack("user", "show", name, "-f", "json", at=site, user="admin")
        assert shown.json["name"] == name
