"""Commands under the strategies *home* and *shared*, with the released client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scopeproxy.model.topology import HomeRules
from tests.whole.conftest import Lab

SCOPE = "{nova: Paris, glance: Corte}"


@contextlib.contextmanager
def served(lab: Any, **proxy: Any) -> Iterator[None]:
    """With these settings at every site, for a while."""
    before = {name: app.house.topology for name, app in lab.apps.items()}
    try:
        for name, topology in before.items():
            sites = {site.name: replace(site, proxy=replace(site.proxy, **proxy)) for site in topology}
            lab.do(lab.apps[name].use(replace(topology, sites=sites)))
        yield
    finally:
        for name, topology in before.items():
            lab.do(lab.apps[name].use(topology))


@pytest.fixture
def home(lab: Any) -> Iterator[Any]:
    with served(lab, tokens=("home",)):
        yield lab


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    directory = tmp_path_factory.mktemp("sharing")
    with (
        Lab(directory, ("Paris", "Corte"), identity_of={"Corte": "Paris"}) as lab,
        served(lab, tokens=("shared",)),
    ):
        yield lab


def private(lab: Any, name: str) -> None:
    site = lab.cloud.site("Corte")
    site.seed_image(name, visibility="private", owner=site.project("demo"))


def test_a_server_boots_at_home_from_an_image_of_another_site(home: Any) -> None:
    done = home.boot("home-vm", "--scope", SCOPE, image="Alpine")
    assert done.code == 0, done.stderr
    assert home.servers("home-vm") == [("Paris", "ACTIVE")]
    assert "keystone@Corte" not in {f"{r.service}@{r.site}" for r in done.records if r.user == "alice"}


def test_keystone_at_another_site_is_refused_with_what_would_do(home: Any) -> None:
    done = home.openstack("role", "list", "--scope", "{keystone: Paris&Corte}", cloud="Paris")
    assert done.code == 1
    assert "no token for Corte" in done.stderr
    assert "login would do" in done.stderr


def test_a_project_is_a_stranger_until_it_has_a_row(home: Any) -> None:
    private(home, "Secret")
    show = ("image", "show", "Secret", "-f", "value", "-c", "name", "--scope", "{glance: Corte}")
    assert home.openstack(*show).code == 1
    theirs = home.cloud.site("Corte").project("demo")
    with served(home, homes={"Paris": HomeRules(projects={"demo": theirs})}):
        home.cloud.site("Corte").forget_tokens()
        assert home.openstack(*show).stdout == "Secret\n"
    home.cloud.site("Corte").forget_tokens()


def test_a_server_boots_from_a_private_image_where_identity_is_shared(sharing: Any) -> None:
    private(sharing, "Ours")
    done = sharing.boot("shared-vm", "--scope", SCOPE, image="Ours")
    assert done.code == 0, done.stderr
    assert sharing.servers("shared-vm") == [("Paris", "ACTIVE")]


def test_users_are_told_by_either_keystone_where_identity_is_shared(sharing: Any) -> None:
    done = sharing.openstack("user", "list", "-f", "json", "--scope", "{keystone: Corte|Paris}", cloud="Paris")
    assert "alice" in {row["Name"] for row in done.json}
