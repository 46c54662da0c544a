"""What the tokens of another site are worth: by the operator's rules, and never more."""

from __future__ import annotations

import pytest

from scopeproxy.model.identity import Identity
from scopeproxy.model.topology import HomeRules
from scopeproxy.planning.homes import (
    PROJECTS,
    USERS,
    Counterparts,
    Local,
    Wanted,
    Worthless,
    catalog_for,
    mapped,
    project_of,
    user_of,
)

ALICE = Identity("u1", "p1", 0.0, frozenset({"member"}), "alice", "demo")
HEX = "8c1f" * 8


@pytest.mark.parametrize(
    ("rules", "project"),
    [
        ({}, None),
        ({"demo": "demo2"}, "demo2"),
        ({"p1": HEX}, HEX),
        ({"demo": "x", "p1": "y"}, "y"),
        ({"other": "x"}, None),
    ],
)
def test_a_project_stands_for_the_one_of_its_row_by_id_first(rules, project):
    assert project_of(ALICE, HomeRules(projects=rules)) == (Wanted(PROJECTS, project) if project else None)


def test_outside_the_default_domain_a_name_alone_means_nobody():
    """Whoever owns a domain there could call a project as they like, and be let into that of the same name here."""
    other = Identity("u1", "p1", 0.0)
    assert project_of(other, HomeRules(projects={"demo": "demo", "": "demo"})) is None
    assert user_of(other, HomeRules(users={"alice": "alice"})) is None
    assert user_of(ALICE, HomeRules(users={"alice": HEX})) == Wanted(USERS, HEX)


@pytest.mark.parametrize(
    ("text", "by_id"),
    [(HEX, True), ("8c1f8c1f-8c1f-8c1f-8c1f-8c1f8c1f8c1f", True), ("demo", False), (HEX + "0", False)],
)
def test_an_id_needs_no_look_up(text, by_id):
    assert Wanted(PROJECTS, text).by_id is by_id


def token(*roles, **more):
    return {
        "roles": [{"id": f"id-of-{name}", "name": name} for name in roles],
        "user": {"id": "u1", "name": "alice"},
        **more,
    }


@pytest.mark.parametrize(
    ("roles", "rules", "here"),
    [
        (("member", "reader"), None, ["member", "reader"]),
        (("admin", "manager", "service", "member", "reader"), None, ["member", "reader"]),
        (("admin",), {"admin": "reader"}, ["reader"]),
        (("admin",), {"admin": "admin"}, ["admin"]),
        (("member", "reader"), {"member": "reader", "reader": "reader"}, ["reader"]),
    ],
)
def test_roles_pass_by_a_row_alone(roles, rules, here):
    said = mapped(token(*roles), HomeRules() if rules is None else HomeRules(roles=rules), Counterparts())
    assert [role["name"] for role in said["roles"]] == here
    assert "id-of-admin" not in str(said)


@pytest.mark.parametrize("roles", [("admin",), ("manager", "service")])
def test_a_token_whose_roles_mean_nothing_here_is_worth_nothing(roles):
    with pytest.raises(Worthless, match=rf"\({', '.join(sorted(roles))}\) has a row"):
        mapped(token(*roles), HomeRules(), Counterparts())


def test_project_and_user_become_their_counterparts_and_strangers_keep_their_ids():
    project = {"id": "p1", "name": "demo", "domain": {"id": "default"}}
    both = mapped(token("member", project=project), HomeRules(), Counterparts(Local("P", "dev"), Local("U")))
    assert both["project"] == {"id": "P", "name": "dev", "domain": {"id": "default"}}
    assert both["user"] == {"id": "U", "name": "alice"}
    assert mapped(token("member", project=project), HomeRules(), Counterparts())["project"] == project
    assert Counterparts(Local("P"), Local("u1")).ids(ALICE) == {"p1": "P"}


def test_an_unscoped_token_has_no_roles_and_is_good_for_what_it_is():
    assert mapped({"user": {"id": "u1"}}, HomeRules(), Counterparts()) == {"user": {"id": "u1"}}


@pytest.mark.parametrize(
    ("ours", "urls"),
    [("B", ["http://h:1/v3/B", "http://h:2", "http://h:3/v1/AUTH_B"]), (None, ["http://h:2"])],
)
def test_a_catalog_has_the_project_of_its_reader(ours, urls):
    catalog = [
        {"type": str(n), "endpoints": [{"url": url}]}
        for n, url in enumerate(("http://h:1/v3/A", "http://h:2", "http://h:3/v1/AUTH_A"))
    ]
    assert [e["url"] for entry in catalog_for(catalog, "A", ours) for e in entry["endpoints"]] == urls
    assert catalog_for(catalog, None, ours) == catalog
