"""The ways to log in, each good for another site as well."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.openstack.clients import in_project, password
from tests.openstack.cloud import Cloud
from tests.openstack.credentials import application_credential

pytestmark = pytest.mark.core


def images_by(cloud: Cloud, auth: Mapping[str, object]) -> set[str]:
    """The images of the other site, as seen from Paris by a login of Paris's."""
    scope = f"{{glance: {cloud.partner}}}"
    login = cloud.log_in(auth, scope=scope)
    assert login.status == 201, login.text
    answer = cloud.call("GET", "glance:/v2/images", token=login.headers["X-Subject-Token"], scope=scope)
    assert answer.status == 200, answer.text
    return {image["name"] for image in answer.json["images"]}


@pytest.mark.row("A login by password")
def test_a_password(cloud: Cloud) -> None:
    assert cloud.image(cloud.partner) in images_by(cloud, password("alice"))


@pytest.mark.row("A login by token")
def test_a_token(cloud: Cloud) -> None:
    first = cloud.token(scope=f"{{glance: {cloud.partner}}}")
    auth = {"identity": {"methods": ["token"], "token": {"id": first}}, "scope": in_project("demo")}
    assert cloud.image(cloud.partner) in images_by(cloud, auth)


@pytest.mark.row("A login by application credential", shared="only where the keystones have one database")
def test_an_application_credential(cloud: Cloud, name: str, instead: str | None) -> None:
    auth = application_credential(cloud, name, ["Paris", cloud.partner])
    if instead:
        # In a copy it has another id.
        with pytest.raises(AssertionError, match="401"):
            images_by(cloud, auth)
    else:
        assert cloud.image(cloud.partner) in images_by(cloud, auth)


def test_a_wrong_password(cloud: Cloud) -> None:
    login = cloud.log_in(password("alice", secret="wrong"), scope=f"{{glance: {cloud.partner}}}")
    assert login.status == 401
    assert "X-Subject-Token" not in login.headers
