"""What the tokens of another site are worth: by the operator's rules, and never more."""

from __future__ import annotations

import re

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
    has_form_of_id,
    mapped,
    project_of,
    user_of,
)

ALICE = Identity("u1", "p1", 0.0, frozenset({"member"}), "alice", "demo")
HEX = "8c1f" * 8
DASHED = "8c1f8c1f-8c1f-8c1f-8c1f-8c1f8c1f8c1f"


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
    [(HEX, True), (HEX * 2, True), (HEX.upper(), True), (DASHED, True), ("demo", False), (HEX + "0", False)],
)
def test_an_id_needs_no_look_up(text, by_id):
    assert Wanted(PROJECTS, text).by_id is by_id


@pytest.mark.parametrize("id_", [HEX, HEX * 2, DASHED])
def test_an_id_has_the_form_that_keystones_give_it(id_):
    assert has_form_of_id(id_)
    for other in (id_.upper(), id_ + " ", id_ + "\n", id_[1:], f"../{id_}"):
        assert not has_form_of_id(other)


def test_a_name_that_looks_like_an_id_is_nobody_elses_row():
    """Anybody may call a project by the id of another one, for which there is a row."""
    named_so = Identity("u1", "p1", 0.0, user=HEX, project=HEX)
    rules = HomeRules(projects={HEX: "demo"}, users={HEX: "alice"})
    assert (project_of(named_so, rules), user_of(named_so, rules)) == (None, None)
    assert project_of(Identity("u1", HEX, 0.0), rules) == Wanted(PROJECTS, "demo")


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
    said = worth(token(*roles), None if rules is None else HomeRules(roles=rules))
    assert [role["name"] for role in said["roles"]] == here
    assert "id-of-admin" not in str(said)


def worth(said, rules=None, counterparts=None):
    return mapped(said, rules or HomeRules(), counterparts or Counterparts(), "Paris")


@pytest.mark.parametrize("roles", [("admin",), ("manager", "service")])
def test_a_token_whose_roles_mean_nothing_here_is_worth_nothing(roles):
    with pytest.raises(Worthless, match=rf"\({', '.join(repr(role) for role in sorted(roles))}\) has a row"):
        worth(token(*roles))


@pytest.mark.parametrize("roles", [[], None, 7, "admin", {"name": "member"}, [None, {}, {"name": 5}, "member"]])
def test_a_project_without_a_role_is_worth_nothing(roles):
    """Many a policy asks for the project alone."""
    project = {"id": "p1", "name": "demo", "domain": {"id": "default"}}
    for said in ({"project": project, "roles": roles}, {"project": project}):
        with pytest.raises(Worthless, match="none at all"):
            worth(said)


def test_of_roles_without_a_row_a_few_are_told_and_in_one_line():
    with pytest.raises(Worthless) as refused:
        worth(token(*("\nrole " + "x" * 100 + str(n) for n in range(1000))))
    assert len(str(refused.value)) < 1500
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "key", ["system", "domain", "is_domain", "OS-TRUST:trust", "OS-OAUTH1", "catalog", "bind", "something-new"]
)
def test_nothing_else_of_a_homes_word_passes(key):
    assert key not in worth(token("member", **{key: {"id": "x"}}))


def test_what_only_takes_away_passes():
    """Where nothing is said, services take every project for the admin project, and allow each call."""
    credential = {"id": "c", "name": "c", "restricted": True, "access_rules": [{"path": "/v2.1/servers"}]}
    said = worth(token("member", is_admin_project=False, application_credential=credential))
    assert said["is_admin_project"] is False
    assert said["application_credential"] == credential


DEFAULT = {"id": "default", "name": "Default"}


def test_project_and_user_become_their_counterparts_and_strangers_keep_their_ids():
    project = {"id": "p1", "name": "demo", "domain": DEFAULT}
    both = worth(token("member", project=project), None, Counterparts(Local("P", "dev"), Local("U")))
    assert both["project"] == {"id": "P", "name": "dev", "domain": DEFAULT}
    assert (both["user"]["id"], both["user"]["name"]) == ("U", "alice")
    stranger = worth(token("member", project=project))["project"]
    assert (stranger["id"], stranger["name"]) == ("p1", "demo")
    assert Counterparts(Local("P"), Local("u1")).ids(ALICE) == {"p1": "P"}


@pytest.mark.parametrize("domain", [DEFAULT, {"id": "0" * 32, "name": "corp"}, None, "default"])
@pytest.mark.parametrize("local", [None, Local(HEX)])
def test_a_name_of_the_homes_is_in_no_domain_of_this_site(domain, local):
    """Swift lets in whom a container's ACL names, where project and user are in the domain `default`."""
    who = {"id": "p1", "name": "demo", "domain": domain}
    said = worth(token("member", project=who) | {"user": who}, None, Counterparts(local, local))
    for found in (said["project"]["domain"], said["user"]["domain"]):
        assert re.fullmatch("[0-9a-f]{32}", found["id"])
        assert found["id"] != "0" * 32
        assert found["name"].endswith(" of Paris")
    elsewhere = mapped({"user": who}, HomeRules(), Counterparts(None, local), "Corte")
    assert elsewhere["user"]["domain"]["id"] != said["user"]["domain"]["id"]


def test_an_unscoped_token_has_no_roles_and_is_good_for_what_it_is():
    said = worth({"user": {"id": "u1", "name": "alice"}, "methods": ["password"]})
    assert (set(said), said["user"]["id"]) == ({"user", "methods"}, "u1")


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
