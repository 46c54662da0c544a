"""When replicas differ, and when they only look so: pure laws, and what real services show."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.messages import Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.planning.divergence import Divergence, differences, diverging, ids_in, shown
from scopeproxy.planning.intent import classify
from scopeproxy.planning.volatile import is_volatile

P, C, M = "7717de8e-0000-4000-8000-000000000001", "78914c23-0000-4000-8000-000000000002", "c" * 32
OTHER = "99999999-0000-4000-8000-000000000009"


def between(service: str, collection: str, one: dict[str, Any], other: dict[str, Any], **kin: Any) -> tuple[str, ...]:
    """The fields in which Corte's differs from Paris's."""
    found = differences(service, collection, {"Paris": {"id": P, **one}, "Corte": {"id": C, **other}}, kin)
    assert set(found) <= {"Corte"}
    return found.get("Corte", ())


# ---- laws


fields = st.dictionaries(
    st.sampled_from(["name", "min_ram", "status", "updated_at", "owner", "tags", "metadata", "rules", "links"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", P, C]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "name", "status", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
services = st.sampled_from([("image", "images"), ("network", "networks"), ("compute", "servers"), ("docs", "pages")])


@given(services, fields)
def test_what_is_the_same_differs_in_nothing(of: tuple[str, str], item: dict[str, Any]) -> None:
    assert between(*of, item, copy.deepcopy(item)) == ()


@given(services, fields, fields)
def test_what_differs_for_one_differs_for_the_other(
    of: tuple[str, str], one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert set(between(*of, one, other)) == set(between(*of, other, one))
    assert not [name for name in between(*of, one, other) if is_volatile(*of, name)]


@given(services, fields, st.randoms(use_true_random=False))
def test_the_order_of_a_list_is_no_difference(of: tuple[str, str], item: dict[str, Any], dice: random.Random) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return dice.sample([shuffled(one) for one in value], len(value))
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in dice.sample(list(value), len(value))}
        return value

    assert between(*of, item, shuffled(item)) == ()


# ---- fields


@pytest.mark.parametrize(
    ("service", "collection", "one", "other", "differs"),
    [
        ("image", "images", {"name": "a", "min_ram": 1}, {"name": "b", "min_ram": 1}, ("name",)),
        ("image", "images", {"updated_at": "1", "owner": "p"}, {"updated_at": "2", "owner": "c"}, ()),
        ("image", "images", {"tags": ["a", "b"]}, {"tags": ["b", "a"]}, ()),
        ("image", "images", {"tags": ["a"]}, {"tags": ["a", "a"]}, ("tags",)),
        # Of glance's and keystone's things users make fields of their own; elsewhere it is another release.
        ("image", "images", {"of": "both"}, {}, ("of",)),
        ("image", "images", {"of": None}, {}, ()),
        ("identity", "users", {}, {"email": "a@b"}, ("email",)),
        ("network", "networks", {"dns_domain": "x."}, {}, ()),
        # Sums of data, where they were made in the same way.
        ("image", "images", {"checksum": "1", "size": 5}, {"checksum": "2", "size": 5}, ("checksum",)),
        (
            *("image", "images"),
            {"os_hash_algo": "sha512", "os_hash_value": "1"},
            {"os_hash_algo": "sha256", "os_hash_value": "2"},
            (),
        ),
        (
            *("image", "images"),
            {"os_hash_algo": "sha512", "os_hash_value": "1"},
            {"os_hash_algo": "sha512", "os_hash_value": "2"},
            ("os_hash_value",),
        ),
        ("compute", "servers", {"metadata": {"status": "a"}}, {"metadata": {"status": "b"}}, ("metadata",)),
        ("compute", "servers", {"metadata": {"id": P}}, {"metadata": {"id": OTHER}}, ("metadata",)),
        ("compute", "servers", {"metadata": {}}, {"metadata": {"a": "b"}}, ("metadata",)),
        ("compute", "servers", {"flavor": {"vcpus": 1}}, {"flavor": {"vcpus": 2}}, ("flavor",)),
        ("compute", "servers", {"flavor": {"id": "1", "links": [1]}}, {"flavor": {"id": "7", "links": [2]}}, ()),
        ("compute", "servers", {"image": {"id": P}}, {"image": ""}, ("image",)),
    ],
)
def test_what_is_a_difference(
    service: str, collection: str, one: dict[str, Any], other: dict[str, Any], differs: tuple[str, ...]
) -> None:
    assert between(service, collection, one, other) == differs


def rule(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "direction": "egress", "security_group_id": id_, "revision_number": 0, **more}


def test_what_stands_inside_of_a_thing_is_compared_without_what_it_is_called() -> None:
    one = {"security_group_rules": [rule(P), rule(OTHER, protocol="tcp")]}
    other = {"security_group_rules": [rule(M, protocol="tcp"), rule(C)]}
    assert between("network", "security-groups", one, other) == ()
    other["security_group_rules"][0]["port_range_min"] = 22
    assert between("network", "security-groups", one, other) == ("security_group_rules",)


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (P, C, False),  # replicas of one another
        (P, OTHER, True),  # one is a replica, and the other is something else
        (OTHER, M, False),  # nobody knows of either: found by name, when they were made
        (P, None, True),
        (P, P, False),  # of a service that is bound to one site for both
    ],
)
def test_references_are_equal_when_what_they_name_are_replicas(one: Any, other: Any, differs: bool) -> None:
    kin = {P: frozenset({"set"}), C: frozenset({"set"})}
    for of, key, wrap in (
        (("network", "subnets"), "network_id", lambda id_: id_),
        (("network", "networks"), "subnets", lambda id_: [id_] if id_ else []),
        (("compute", "servers"), "image", lambda id_: {"id": id_, "links": [id_]} if id_ else ""),
    ):
        group = {"Paris": {key: wrap(one)}, "Corte": {key: wrap(other)}}
        assert bool(differences(*of, group, kin)) is differs
        assert set(ids_in(*of, group)) == ({id_ for id_ in (one, other) if id_} if one != other else set())


# ---- answers


IDS = {"Paris": P, "Corte": C, "Marseille": M}


def read(target: str, outcomes: list[Outcome], sets: Any = (), method: str = "GET", service: str = "image") -> Any:
    request = Request(service, method, target)
    return shown(request, classify(request), outcomes, IDS if target.count("/") > 2 else {}, dict(sets))


def image(site: str, **more: Any) -> Reply:
    return json_reply(site, 200, {"id": IDS[site], **more})


def test_of_one_resource_the_members_that_are_there_are_compared() -> None:
    outcomes = [image("Paris", name="a"), Unreached("Corte", False, "down"), image("Marseille", name="b")]
    (group,) = read(f"/v2/images/{P}", outcomes)
    assert diverging("image", "images", [group], {}) == {"Marseille": Divergence(("name",))}


@pytest.mark.parametrize(
    "outcomes",
    [
        [image("Paris"), json_reply("Corte", 404, {})],
        [image("Paris"), json_reply("Corte", 200, {"id": OTHER})],  # found by name, and no member
        [image("Paris"), Reply("Corte", 200, (), b"no json")],
        [image("Paris"), json_reply("Corte", 200, {"id": C, "name": "x" * 1024 * 1024})],
        [],
    ],
)
def test_what_is_alone_is_compared_with_nothing(outcomes: list[Outcome]) -> None:
    assert read(f"/v2/images/{P}", outcomes) == ()


@pytest.mark.parametrize(
    ("method", "target"),
    [("HEAD", f"/v2/images/{P}"), ("GET", f"/v2/images/{P}/members"), ("PATCH", f"/v2/images/{P}")],
)
def test_writes_and_what_is_below_a_resource_are_not_looked_at(method: str, target: str) -> None:
    assert read(target, [image("Paris"), image("Corte")], method=method) == ()


def test_out_of_whatever_envelope() -> None:
    networks = [json_reply(site, 200, {"network": {"id": IDS[site]}}) for site in ("Paris", "Corte")]
    assert read(f"/v2.0/networks/{P}", [*networks], service="network") == ({"Paris": {"id": P}, "Corte": {"id": C}},)


def test_in_a_list_the_members_of_each_set_are_compared() -> None:
    pair, pair2 = {"Paris": P, "Corte": C}, {"Paris": "p2", "Corte": "c2"}
    paris = [{"id": P, "name": "a"}, {"id": "p2", "name": "b"}, {"id": OTHER, "name": "mine"}]
    corte = [{"id": "c2", "name": "B", "min_ram": 7}, {"id": C, "name": "A"}, {"id": "x", "name": "yours"}]
    answers: list[Outcome] = [json_reply("Paris", 200, {"images": paris}), json_reply("Corte", 200, {"images": corte})]
    sets = {P: pair, C: pair, "p2": pair2, "c2": pair2}
    groups = read("/v2/images", answers, sets)
    assert len(groups) == 2
    assert diverging("image", "images", groups, {}) == {"Corte": Divergence(("name", "min_ram"), 2)}
    assert read("/v2/images", answers) == ()
