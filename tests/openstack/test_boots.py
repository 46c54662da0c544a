"""Servers whose image, or whose everything, is at another site."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import ACTIVE, Cloud


@pytest.mark.core
@pytest.mark.row("A server from an image of the other site")
def test_a_server_from_an_image_of_another_site(cloud: Cloud, name: str) -> None:
    cloud.launch(name, cloud.image(cloud.partner), scope=f"{{nova: Paris, glance: {cloud.partner}}}")
    assert cloud.servers(name) == {"Paris": ACTIVE}


def test_the_command_boots_from_an_image_of_another_site(cloud: Cloud, name: str) -> None:
    done = cloud.boot(name, image="Alpine", scope="{nova: Paris, glance: Corte}")
    assert done.json["image"].startswith("Alpine")
    assert cloud.servers(name) == {"Paris": ACTIVE}


@pytest.mark.core
@pytest.mark.row("A server from an image that only a third site has, by `other|third`")
def test_or_moves_on_from_a_site_that_has_no_such_image(cloud: Cloud, name: str) -> None:
    cloud.launch(name, "Debian", scope=f"{{nova: Paris, glance: {cloud.partner}|Marseille}}")
    assert cloud.servers(name) == {"Paris": ACTIVE}


@pytest.mark.core
@pytest.mark.row("A server wholly at the other site, asked for here")
def test_a_server_wholly_at_another_site(cloud: Cloud, name: str) -> None:
    cloud.launch(name, cloud.image(cloud.partner), scope=cloud.partner)
    assert cloud.servers(name) == {cloud.partner: ACTIVE}
