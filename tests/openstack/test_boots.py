"""Servers whose image, or whose everything, is at another site."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import ACTIVE, Cloud

pytestmark = pytest.mark.core


def test_a_server_from_an_image_of_another_site(cloud: Cloud, name: str) -> None:
    scope = f"{{nova: Paris, glance: {cloud.partner}}}"
    done = cloud.boot(name, image=cloud.image(cloud.partner), scope=scope)
    assert done.json["image"].startswith(cloud.image(cloud.partner))
    assert cloud.servers(name) == {"Paris": ACTIVE}
