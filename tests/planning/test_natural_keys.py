"""How a thing is found by name at another site: what is asked, and which answers count."""

from __future__ import annotations

import json

import pytest

from scopeproxy.model.messages import Reply
from scopeproxy.planning.natural_keys import NAMINGS, ids_named, name_of, searched, shown
from scopeproxy.planning.reference_fields import BODIES, HOLDERS
from scopeproxy.planning.reference_targets import PATHS, QUERIES
from scopeproxy.planning.references import Reference


def reference(service: str, collection: str, value: str = "a") -> Reference:
    return Reference(service, collection, "field", value, ("Paris",))


def reply(document: object) -> Reply:
    return Reply("Paris", 200, (), json.dumps(document).encode())


@pytest.mark.parametrize(
    ("service", "collection", "show", "search"),
    [
        ("image", "images", "/v2/images/a%2Fb", "/v2/images?name=m%26m"),
        ("compute", "flavors", "/v2.1/flavors/a%2Fb", "/v2.1/flavors/detail?is_public=None"),
        ("block-storage", "volumes", "/v3/p/volumes/a%2Fb", "/v3/p/volumes/detail?name=m%26m"),
        ("identity", "users", "/v3/users/a%2Fb", "/v3/users?name=m%26m"),
        ("network", "policies", "/v2.0/qos/policies/a%2Fb", "/v2.0/qos/policies?name=m%26m"),
    ],
)
def test_the_questions(service: str, collection: str, show: str, search: str) -> None:
    asked, listed = (
        shown(reference(service, collection, "a/b"), "p"),
        searched(reference(service, collection), "m&m", "p"),
    )
    assert asked is not None
    assert listed is not None
    assert (asked.target, listed.target) == (show, search)


def test_nobody_knows_how_to_ask_for_names_of_what_has_none() -> None:
    assert shown(reference("compute", "os-volume_attachments"), "p") is None
    assert searched(reference("compute", "os-volume_attachments"), "x", "p") is None


@pytest.mark.parametrize(
    ("service", "collection", "document", "expected"),
    [
        ("image", "images", {"id": "a", "name": "Debian"}, "Debian"),
        ("image", "images", {"id": "b", "name": "Debian"}, None),
        ("image", "images", {"id": "a", "name": ""}, None),
        ("compute", "flavors", {"flavor": {"id": "a", "name": "m1.tiny"}}, "m1.tiny"),
        ("network", "ports", {"port": {"id": "a", "name": ""}}, None),
        ("identity", "projects", {"project": {"id": "a", "name": "demo", "domain_id": "default"}}, "demo"),
        ("identity", "projects", {"project": {"id": "a", "name": "demo", "domain_id": "d2"}}, None),
        ("identity", "roles", {"role": {"id": "a", "name": "member", "domain_id": None}}, "member"),
        ("image", "images", [], None),
    ],
)
def test_the_name_that_counts(service: str, collection: str, document: object, expected: str | None) -> None:
    assert name_of(reference(service, collection), reply(document)) == expected


def test_of_a_list_only_what_has_exactly_that_name() -> None:
    flavors = {"flavors": [{"id": "1", "name": "m1.tiny"}, {"id": "2", "name": "m1.tiny2"}], "flavors_links": []}
    assert ids_named(reference("compute", "flavors"), "m1.tiny", reply(flavors)) == ("1",)
    users = {
        "users": [{"id": "1", "name": "bob", "domain_id": "default"}, {"id": "2", "name": "bob", "domain_id": "x"}]
    }
    assert ids_named(reference("identity", "users"), "bob", reply(users)) == ("1",)
    assert ids_named(reference("image", "images"), "x", reply([])) == ()


# What has no name, or is not to be asked for without a microversion of its own.
NAMELESS = {
    ("block-storage", "attachments"),
    *(
        ("block-storage", one)
        for one in ("groups", "group_types", "group_snapshots", "consistencygroups", "cgsnapshots")
    ),
    *(("identity", one) for one in ("trusts", "access_rules")),
    *(("network", one) for one in ("service_profiles", "agents", "floatingips")),
    ("placement", "resource_providers"),
    ("shared-file-system", "shares"),
}


def test_what_calls_refer_to_can_be_found_by_name() -> None:
    held = {target for kinds in HOLDERS.values() for target in kinds.values()}
    named = {row[3:] for row in (*BODIES, *QUERIES) if row[3]} | {row[2:] for row in PATHS} | held
    assert named - NAMINGS.keys() == NAMELESS
