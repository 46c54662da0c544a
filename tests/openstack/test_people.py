"""Users and projects of two sites."""

from __future__ import annotations

import pytest
from openstack.exceptions import HttpException

from tests.openstack.cloud import Cloud

pytestmark = pytest.mark.core


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


@pytest.mark.row("The same by the `openstack` command", home="refused: *login* would do")
def test_the_command_makes_a_user_here_and_there(cloud: Cloud, name: str, instead: str | None) -> None:
    scope = f"{{keystone: Paris&{cloud.partner}}}"
    done = cloud.openstack("user", "create", name, "-f", "json", user="admin", scope=scope)
    if instead:
        assert done.code == 1
        assert "login would do" in done.stderr
    else:
        assert done.json["name"] == name
        shown = cloud.openstack("user", "show", name, "-f", "json", at=cloud.partner, user="admin")
        assert shown.json["name"] == name
