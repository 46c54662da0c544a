"""Servers whose image, or whose everything, is at another site."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import ACTIVE, Cloud

pytestmark = pytest.mark.core


def test_a_server_from_an_image_of_another_site(cloud: Cloud, name: str) -> None:
    image = cloud.image(cloud.partner)
    done = cloud.boot(name, image=image, scope=f"{{nova: Paris, glance: {cloud.partner}}}")
    assert done.json["image"].startswith(image)
    assert cloud.servers(name) == {"Paris": ACTIVE}


def test_or_moves_on_from_a_site_that_has_no_such_image(cloud: Cloud, name: str) -> None:
    cloud.launch(name, "Debian", scope=f"{{nova: Paris, glance: {cloud.partner}|Marseille}}")
    assert cloud.servers(name) == {"Paris": ACTIVE}


def test_a_server_wholly_at_another_site(cloud: Cloud, name: str) -> None:
    cloud.launch(name, cloud.image(cloud.partner), scope=cloud.partner)
    assert cloud.servers(name) == {cloud.partner: ACTIVE}
