"""Users and projects of two sites."""

from __future__ import annotations

import pytest
from openstack.exceptions import HttpException

from tests.openstack.cloud import Cloud


@pytest.mark.core
@pytest.mark.row("Users and projects made here and there", home="refused: *login* would do")
@pytest.mark.parametrize(("kind", "more"), [("user", {"password": "secret"}), ("project", {})])
def test_a_user_and_a_project_are_made_here_and_there(
    cloud: Cloud, name: str, kind: str, more: dict[str, str], instead: str | None
) -> None:
    both = cloud.connect(user="admin", scope=f"{{keystone: Paris&{cloud.partner}}}").identity
    create = getattr(both, f"create_{kind}")
    if instead:
        with pytest.raises(HttpException, match=f"no token for {cloud.partner}.*login would do"):
            create(name=name, **more)
    else:
        assert create(name=name, **more).name == name
        listed = [one.name for one in getattr(both, f"{kind}s")(name=name)]
        assert listed.count(name) == 1
    found = {site: getattr(cloud.connect(site, "admin").identity, f"find_{kind}")(name) for site in cloud.served}
    assert tuple(site for site, one in found.items() if one is not None) == (
        () if instead else ("Paris", cloud.partner)
    )


def test_the_command_makes_a_user_here_and_there(cloud: Cloud, name: str) -> None:
    done = cloud.openstack("user", "create", name, "-f", "json", user="admin", scope="{keystone: Paris&Corte}")
    assert done.json["name"] == name
    for site in cloud.served:
        found = cloud.connect(site, "admin").identity.find_user(name)
        assert (found is not None) is (site in ("Paris", "Corte"))


def test_the_service_of_each_endpoint_is_listed(cloud: Cloud) -> None:
    """python-openstackclient 6 looks for it there, and fails where it is missing."""
    scope = "{keystone: Paris&Corte}"
    token = cloud.token(user="admin", scope=scope)
    endpoints, services = (
        cloud.call("GET", f"keystone:/v3/{what}", token=token, scope=scope).json[what]
        for what in ("endpoints", "services")
    )
    assert {one["scope_site"] for one in endpoints} == {"Paris", "Corte"}
    assert {one["service_id"] for one in endpoints} <= {one["id"] for one in services}
    typed = cloud.call("GET", "keystone:/v3/services?type=image", token=token, scope=scope).json["services"]
    assert [one["name"] for one in typed] == ["glance"]
