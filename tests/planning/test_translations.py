"""Ids in a call are found where they stand and replaced there, and nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.messages import Held, Request
from scopeproxy.planning.intent import classify
from scopeproxy.planning.translations import Key, Place, places, translated


def call(service: str, line: str, body: object = None) -> Request:
    method, target = line.split(" ")
    return Request(service, method, target, (), Held(b"" if body is None else json.dumps(body).encode()))


def changed(request: Request, translation: dict[Key, str]) -> tuple[str, Any]:
    made = translated(request, classify(request), translation)
    return made.target, made.json


def found(request: Request) -> list[tuple[str, str, str, bool]]:
    return [(p.service, p.collection, p.value, p.itself) for p in places(request, classify(request))]


@pytest.mark.parametrize(
    ("service", "line", "expected"),
    [
        ("image", "GET /v2/images/a", [("image", "images", "a", True)]),
        ("image", "PUT /v2/images/a/tags/b", [("image", "images", "a", True)]),
        ("image", "GET /v2/images/a/members/p", [("image", "images", "a", True), ("identity", "projects", "p", False)]),
        ("compute", "GET /v2.1/servers/detail", []),
        ("compute", "GET /v2.1/servers/a%2Fb/ips", [("compute", "servers", "a/b", True)]),
        ("block-storage", f"GET /v3/{'9' * 32}/volumes/v", [("block-storage", "volumes", "v", True)]),
        ("network", "GET /v2.0/qos/policies/p", [("network", "policies", "p", True)]),
        ("network", "GET /v2.0/networks?id=n&name=x", [("network", "networks", "n", True)]),
        ("network", "GET /v2.0/ports/p.json", [("network", "ports", "p", True)]),
        ("network", "GET /v2.0/ports.json?network_id=n", [("network", "networks", "n", False)]),
        ("network", "GET /v2.0/ports?fixed_ips=subnet_id%3Ds", [("network", "subnets", "s", False)]),
        (
            "network",
            "GET /v2.0/ports?device_id=d",
            [("compute", "servers", "d", False), ("network", "routers", "d", False)],
        ),
        ("compute", "GET /v2.1/images/i", [("image", "images", "i", False)]),
        (
            "identity",
            "GET /v3/OS-TRUST/trusts/t/roles/r",
            [("identity", "trusts", "t", True), ("identity", "roles", "r", False)],
        ),
        (
            "identity",
            "PUT /v3/roles/r/implies/s",
            [("identity", "roles", "r", False), ("identity", "roles", "s", False)],
        ),
        (
            "identity",
            "PUT /v3/projects/p/users/u/roles/r",
            [("identity", one, one[0], False) for one in ("projects", "users", "roles")],
        ),
        ("identity", "GET /v3/users?domain_id=default", []),
        ("object-store", "GET /v1/AUTH_x/box/thing/of/mine", []),
        ("docs", "GET /pages/7", [("docs", "pages", "7", True)]),
        ("docs", "GET /pages?id=7&project_id=8", []),
    ],
)
def test_the_ids_in_paths_and_filters(service: str, line: str, expected: list[tuple[str, str, str, bool]]) -> None:
    assert found(call(service, line)) == expected


def test_each_id_is_replaced_by_what_it_is_called_there_and_the_rest_stays_as_written() -> None:
    boot = {"server": {"name": "i", "imageRef": "i", "networks": [{"uuid": "n"}, {"uuid": "other"}]}}
    translation = {("image", "images", "i"): "I", ("network", "networks", "n"): "N/1", ("compute", "servers", "s"): "S"}
    target, body = changed(call("compute", "POST /v2.1/servers", boot), translation)
    assert target == "/v2.1/servers"
    assert body == {"server": {"name": "i", "imageRef": "I", "networks": [{"uuid": "N/1"}, {"uuid": "other"}]}}
    assert changed(call("compute", "GET /v2.1/servers/s?x=%7e&y=s"), translation)[0] == "/v2.1/servers/S?x=%7e&y=s"
    assert changed(call("network", "GET /v2.0/ports?network_id=n&network_id=m"), translation)[0] == (
        "/v2.0/ports?network_id=N%2F1&network_id=m"
    )


def test_an_id_of_another_collection_is_another_id() -> None:
    translation = {("compute", "flavors", "1"): "9"}
    assert changed(call("compute", "GET /v2.1/servers/1"), translation)[0] == "/v2.1/servers/1"
    assert changed(call("compute", "GET /v2.1/flavors/1"), translation)[0] == "/v2.1/flavors/9"


_ids = st.text("abcdef0123456789-", min_size=1, max_size=12)
_calls = st.one_of(
    st.builds(lambda i: call("image", f"PATCH /v2/images/{i}", {"name": i}), _ids),
    st.builds(lambda i, n: call("network", f"GET /v2.0/ports?network_id={n}&id={i}&name={i}"), _ids, _ids),
    st.builds(
        lambda i, n: call("compute", "POST /v2.1/servers", {"server": {"imageRef": i, "networks": [{"uuid": n}]}}),
        _ids,
        _ids,
    ),
    st.builds(lambda p, u, r: call("identity", f"PUT /v3/projects/{p}/users/{u}/roles/{r}"), _ids, _ids, _ids),
)


@given(_calls)
def test_without_a_translation_the_call_is_the_same(request: Request) -> None:
    intent = classify(request)
    assert translated(request, intent, {}) is request
    assert translated(request, intent, {("image", "images", "not there"): "x"}) is request


@given(_calls)
def test_there_and_back_again(request: Request) -> None:
    intent = classify(request)
    there = {place.key: f"x{number}" for number, place in enumerate(places(request, intent))}
    back = {(service, collection, new): old for (service, collection, old), new in there.items()}
    moved = translated(request, intent, there)
    assert {place.value for place in places(moved, intent)} == set(there.values())
    again = translated(moved, intent, back)
    assert (again.target, again.json) == (request.target, request.json)


@given(_calls, st.dictionaries(_ids, _ids))
def test_only_what_is_named_changes(request: Request, others: dict[str, str]) -> None:
    intent = classify(request)
    before = places(request, intent)
    translation = {place.key: others.get(place.value, place.value) for place in before}
    after = places(translated(request, intent, translation), intent)
    assert {(one.field, one.value) for one in after} == {
        (one.field, others.get(one.value, one.value)) for one in before
    }


def test_a_place_knows_its_key() -> None:
    assert Place("image", "images", "images", "a", itself=True).key == ("image", "images", "a")


@pytest.mark.parametrize(
    ("service", "line", "body"),
    [
        ("compute", "POST /v2.1/servers/s/metadata", {"metadata": {"user_id": "u", "project_id": "p"}}),
        ("compute", "PUT /v2.1/servers/s/metadata/user_id", {"meta": {"user_id": "u"}}),
        ("block-storage", "POST /v3/types/s/extra_specs", {"extra_specs": {"tenant_id": "p"}}),
        ("orchestration", "POST /v1/stacks", {"stack_name": "s", "parameters": {"project_id": "p"}}),
        ("network", "POST /v2.0/rbac-policies", {"rbac_policy": {"target_tenant": "*"}}),
        ("block-storage", "POST /v3/volumes", {"volume": {"size": 1, "volume_type": "fast"}}),
        ("image", "PATCH /v2/images/s", [{"op": "replace", "path": "/colour", "value": "p"}]),
    ],
)
def test_words_of_users_are_no_ids_whatever_they_are_called(service: str, line: str, body: object) -> None:
    assert [one for one in found(call(service, line, body)) if not one[3]] == []


@pytest.mark.parametrize(
    ("service", "line", "body"),
    [
        ("image", "POST /v2/images", {"name": "p", "owner": "p"}),
        ("network", "POST /v2.0/rbac-policies", {"rbac_policy": {"target_tenant": "p"}}),
        ("block-storage", "POST /v3/types/t/action", {"addProjectAccess": {"project": "p"}}),
        ("compute", "POST /v2.1/flavors/f/action", {"removeTenantAccess": {"tenant": "p"}}),
    ],
)
def test_whose_a_thing_is_to_be_is_a_reference_too(service: str, line: str, body: object) -> None:
    assert ("identity", "projects", "p", False) in found(call(service, line, body))


def test_a_security_group_of_a_server_is_named_by_a_name_or_by_an_id() -> None:
    groups = [{"name": "default"}, {"name": "5f64f646-d869-44d9-b434-f603198db6aa"}]
    request = call("compute", "POST /v2.1/servers", {"server": {"name": "vm", "security_groups": groups}})
    assert found(request) == [("network", "security-groups", "5f64f646-d869-44d9-b434-f603198db6aa", False)]


@pytest.mark.parametrize(
    ("service", "line", "body", "expected"),
    [
        (
            "network",
            "PUT /v2.0/routers/r",
            {"router": {"external_gateway_info": {"network_id": "n", "external_fixed_ips": [{"subnet_id": "s"}]}}},
            {"networks": "n", "subnets": "s"},
        ),
        (
            "network",
            "POST /v2.0/trunks",
            {"trunk": {"port_id": "p", "sub_ports": [{"port_id": "q", "segmentation_id": 4}]}},
            {"ports": "p q"},
        ),
        ("network", "PUT /v2.0/trunks/t/add_subports", {"sub_ports": [{"port_id": "q"}]}, {"ports": "q"}),
        (
            "network",
            "POST /v2.0/rbac-policies",
            {"rbac_policy": {"object_type": "qos_policy", "object_id": "o", "target_tenant": "*"}},
            {"policies": "o"},
        ),
        ("identity", "POST /v3/projects", {"project": {"name": "x", "parent_id": "p"}}, {"projects": "p"}),
        (
            "identity",
            "POST /v3/OS-TRUST/trusts",
            {"trust": {"trustor_user_id": "u", "trustee_user_id": "v", "project_id": "p", "roles": [{"id": "r"}]}},
            {"users": "u v", "projects": "p", "roles": "r"},
        ),
        ("image", "PATCH /v2/images/s", [{"op": "replace", "path": "/owner", "value": "p"}], {"projects": "p"}),
        (
            "compute",
            "POST /v2.1/servers",
            {"server": {}, "os:scheduler_hints": {"group": "g", "same_host": ["a", "b"], "different_host": "c"}},
            {"os-server-groups": "g", "servers": "a b c"},
        ),
        ("block-storage", "PUT /v3/groups/g", {"group": {"add_volumes": "v,w"}}, {"volumes": "v w"}),
    ],
)
def test_where_services_take_ids(service: str, line: str, body: object, expected: dict[str, str]) -> None:
    named: dict[str, set[str]] = {}
    for _, collection, value, itself in found(call(service, line, body)):
        if not itself:
            named.setdefault(collection, set()).add(value)
    assert named == {collection: set(ids.split()) for collection, ids in expected.items()}


def test_what_stands_around_an_id_stays() -> None:
    ports = {("network", "ports", "p"): "P", ("network", "routers", "d"): "D", ("network", "subnets", "s"): "S"}
    assert changed(call("network", "GET /v2.0/ports/p.json?fields=id"), ports)[0] == "/v2.0/ports/P.json?fields=id"
    assert changed(call("network", "GET /v2.0/ports?device_id=d"), ports)[0] == "/v2.0/ports?device_id=D"
    assert changed(call("network", "GET /v2.0/ports?fixed_ips=subnet_id=s"), ports)[0] == (
        "/v2.0/ports?fixed_ips=subnet_id%3DS"
    )
    volumes = {("block-storage", "volumes", "v"): "V"}
    grouped = call("block-storage", "PUT /v3/groups/g", {"group": {"add_volumes": "u,v,w"}})
    assert changed(grouped, volumes)[1] == {"group": {"add_volumes": "u,V,w"}}
