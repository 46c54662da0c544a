"""Who one is at several sites, with the released client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def bob_with_another_password_at_corte(lab: Any) -> Iterator[None]:
    directory = lab.cloud.site("Corte").keystone.directory
    bob = directory.named("users", "bob")["id"]
    before = directory.passwords[bob]
    directory.passwords[bob] = "another"
    yield
    directory.passwords[bob] = before


def test_a_user_here_and_there(lab: Any) -> None:
    done = lab.openstack(
        *("user", "create", "zoe", "--password", "secret", "--scope", "{keystone: Paris&Corte}", "-f", "json"),
        cloud="Paris",
    )
    assert done.json["name"] == "zoe"
    assert lab.users("zoe") == ["Paris", "Corte"]
    for site in ("Paris", "Corte"):
        assert lab.openstack("user", "show", "zoe", "-f", "value", "-c", "name", cloud=site).stdout == "zoe\n"


def test_users_of_another_site(lab: Any) -> None:
    done = lab.openstack("user", "show", "alice", "-f", "json", "--scope", "{keystone: Corte}", cloud="Paris")
    assert done.json["id"] == lab.cloud.site("Corte").keystone.directory.named("users", "alice")["id"]


def test_a_login_at_another_site(lab: Any) -> None:
    done = lab.openstack("token", "issue", "-f", "json", "--scope", "{keystone: Corte}")
    assert done.json["project_id"] == lab.cloud.site("Corte").project("demo")


def test_an_openrc_with_ids(lab: Any, a_server_each: None) -> None:
    paris = lab.cloud.site("Paris")
    done = lab.openstack(
        *("server", "list", "-f", "json", "--scope", "{nova: Paris&Corte}"),
        cloud=None,
        OS_AUTH_URL=f"{paris.fronts['identity']}/v3",
        OS_USER_ID=paris.keystone.directory.named("users", "alice")["id"],
        OS_PROJECT_ID=paris.project("demo"),
        OS_PASSWORD="secret",
        OS_IDENTITY_API_VERSION="3",
    )
    assert {"each-Paris", "each-Corte"} <= {row["Name"] for row in done.json}
    assert done.stderr == ""


@pytest.mark.usefixtures("bob_with_another_password_at_corte")
def test_a_wrong_password_at_one_of_two_sites(lab: Any, a_server_each: None) -> None:
    both = ("server", "list", "--no-name-lookup", "-f", "json", "--scope", "{nova: Paris&Corte}")
    partly = lab.openstack(*both, cloud="Paris-bob")
    names = [row["Name"] for row in partly.json]
    assert "each-Paris" in names
    assert "each-Corte" not in names
    assert "nothing came from Corte" in partly.stderr
    strict = lab.openstack(*both, "--scope-strict", cloud="Paris-bob")
    assert strict.code == 1
    assert "Corte" in strict.stderr
    there = lab.openstack("image", "list", "--scope", "{glance: Corte}", cloud="Paris-bob")
    assert there.code == 1
    assert "no login at Corte" in there.stderr
    assert "another" not in partly.stderr + strict.stderr + there.stderr


def test_a_wrong_password_at_home_is_the_same_as_ever(lab: Any) -> None:
    done = lab.openstack("server", "list", "--os-password", "wrong", "--scope", "{nova: Paris&Corte}")
    assert done.code == 1
    assert "HTTP 401" in done.stderr
    assert "keystone@Corte" not in done.asked
