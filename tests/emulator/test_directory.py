"""Domains, users, grants and the catalog, without HTTP."""

from __future__ import annotations

import pytest

from scopeproxy.emulator.directory import Directory, Duplicate


@pytest.fixture
def directory():
    return Directory()


def test_names_are_unique_in_their_domain(directory):
    directory.create("users", {"name": "alice"})
    with pytest.raises(Duplicate, match="alice"):
        directory.create("users", {"name": "alice"})
    other = directory.create("domains", {"name": "Other"})
    directory.create("users", {"name": "alice", "domain_id": other["id"]})
    assert directory.by_reference("users", {"name": "alice", "domain": {"name": "Other"}})["domain_id"] == other["id"]
    assert directory.by_reference("users", {"name": "alice", "domain": {"name": "None"}}) is None


def test_roles_imply_others_and_go_with_their_user(directory):
    for name in ("admin", "manager", "member", "reader"):
        directory.create("roles", {"name": name})
    user = directory.create("users", {"name": "alice", "password": "pw"})
    project = directory.create("projects", {"name": "demo"})
    assert "password" not in user
    target = ("project", project["id"])
    directory.grant(user["id"], directory.named("roles", "manager")["id"], target)
    assert {role["name"] for role in directory.roles(user["id"], target)} == {"manager", "member", "reader"}
    assert list(directory.targets(user["id"], "projects")) == [project]
    directory.delete("users", user["id"])
    assert not directory.grants


def test_the_catalog_fills_in_the_project(directory):
    service = directory.create("services", {"type": "volumev3", "name": "cinder"})
    row = {"service_id": service["id"], "interface": "public", "region_id": "Paris"}
    directory.create("endpoints", {**row, "url": "http://c/v3/$(project_id)s"})
    assert directory.catalog("p")[0]["endpoints"][0]["url"] == "http://c/v3/p"
    assert directory.catalog(None)[0]["endpoints"] == []


def test_a_copy_has_the_people_with_their_ids_and_no_catalog(directory):
    alice = directory.create("users", {"name": "alice", "password": "pw"})
    directory.create("regions", {"id": "Paris"})
    copy = Directory()
    copy.copy_people(directory)
    assert copy.items["users"] == directory.items["users"]
    assert copy.passwords == {alice["id"]: "pw"}
    assert copy.items["regions"] == {}
    copy.change("users", alice["id"], {"enabled": False})
    assert alice["enabled"]
