"""The calls that mend: as each service takes them, and no more than it takes."""

from __future__ import annotations

from typing import Any

import pytest

from scopeproxy.model.messages import Request
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.repairs import asked, changing, data_of, finishing, lacking, making
from scopeproxy.planning.writable import ROWS

PROJECT = "c" * 32
ID = "7717de8e-0000-4000-8000-000000000001"


@pytest.mark.parametrize("of", ROWS, ids=[" ".join(of) for of in ROWS])
def test_what_is_asked_is_one_of_the_collection(of: tuple[str, str]) -> None:
    request = asked(*of, ID, PROJECT)
    assert request is not None
    intent = classify(request)
    assert (intent.kind, intent.collection, intent.id, intent.beneath) == (Kind.SHOW, of[1], ID, "")


def test_what_nobody_knows_how_to_ask_for_is_not_asked() -> None:
    assert asked("docs", "pages", "1", PROJECT) is None
    assert asked("network", "trunks", "1", PROJECT) is None
    volume = asked("block-storage", "volumes", "a/b", PROJECT)
    assert volume is not None
    assert volume.target == f"/v3/{PROJECT}/volumes/a%2Fb"


# ---- making


def made(service: str, collection: str, **item: Any) -> Any:
    request = making(service, collection, {"id": ID, "links": [], "status": "ACTIVE", **item}, PROJECT)
    assert isinstance(request, Request), request
    assert (request.method, classify(request).kind) == ("POST", Kind.CREATE)
    return request.json


def test_an_image_with_the_fields_of_its_users_and_its_owner() -> None:
    more = {"checksum": "c", "size": 5, "os_hash_value": "h", "file": "/f", "min_ram": 0, "disk_format": None}
    assert made("image", "images", name="a", owner="o", tags=["t"], of="both", **more) == {
        "name": "a",
        "owner": "o",
        "tags": ["t"],
        "of": "both",
        "min_ram": 0,
    }
    assert (data_of("image", "images", {"size": 5}), data_of("image", "images", {"size": None})) == ("file", "")


def test_a_flavor_with_a_number_for_no_swap_and_its_specs_afterwards() -> None:
    item = {"name": "f", "ram": 1, "vcpus": 1, "disk": 0, "swap": "", "extra_specs": {"a": "b"}, "description": None}
    item["os-flavor-access:is_public"] = False
    assert made("compute", "flavors", **item) == {
        "flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 0, "swap": 0, "os-flavor-access:is_public": False}
    }
    (specs,) = finishing("compute", "flavors", item, "new", PROJECT)
    assert (specs.method, specs.target, specs.json) == (
        "POST",
        "/v2.1/flavors/new/os-extra_specs",
        {"extra_specs": {"a": "b"}},
    )
    assert specs.header("OpenStack-API-Version") == "compute 2.61"
    assert list(finishing("compute", "flavors", {"extra_specs": {}}, "new", PROJECT)) == []


def test_a_network_for_its_project_without_what_its_site_has_given_it() -> None:
    item = {"name": "n", "mtu": 1500, "provider:network_type": "vlan", "subnets": [ID], "qos_policy_id": None}
    assert made("network", "networks", **item, project_id="p2", tags=["x"]) == {
        "network": {"name": "n", "project_id": "p2"}
    }
    (tags,) = finishing("network", "networks", {"tags": ["x"]}, "new", PROJECT)
    assert (tags.method, tags.target, tags.json) == ("PUT", "/v2.0/networks/new/tags", {"tags": ["x"]})


@pytest.mark.parametrize(("parent", "sent"), [("default", False), (None, False), (ID, True)])
def test_a_project_below_another_one(parent: str | None, sent: bool) -> None:
    project = made("identity", "projects", name="p", domain_id="default", parent_id=parent, is_domain=False)
    assert ("parent_id" in project["project"]) is sent


def test_an_aggregate_with_its_zone() -> None:
    aggregate = made("compute", "os-aggregates", name="a", availability_zone="z", hosts=["h"], metadata={"x": "1"})
    assert aggregate == {"aggregate": {"name": "a", "availability_zone": "z"}}
    (metadata,) = finishing("compute", "os-aggregates", {"metadata": {"x": "1"}}, "4", PROJECT)
    assert metadata.json == {"set_metadata": {"metadata": {"x": "1"}}}


@pytest.mark.parametrize(
    "of", [("compute", "servers"), ("network", "ports"), ("block-storage", "volumes"), ("load-balancer", "listeners")]
)
def test_what_shows_less_than_it_was_made_of_is_not_made_again(of: tuple[str, str]) -> None:
    assert making(*of, {"id": ID, "name": "x"}, PROJECT) == "it cannot be made again from what is shown of it"


def test_what_a_new_one_lacks_is_told() -> None:
    assert "password" in lacking("identity", "users")
    assert lacking("docs", "pages") == ""


# ---- changing


def changed(
    service: str, collection: str, like: dict[str, Any], item: dict[str, Any]
) -> tuple[list[Any], dict[str, str]]:
    fields = tuple(dict.fromkeys((*like, *item)))
    changes = changing(service, collection, fields, like, {"id": ID, **item}, PROJECT)
    return [(call.method, call.target.rpartition(ID)[2], call.json) for call in changes.calls], dict(changes.left)


def test_an_image_by_steps() -> None:
    like = {"name": "a", "min_ram": 1, "x/y~z": "new", "tags": []}
    item = {"name": "b", "min_ram": 2, "gone": "x", "tags": ["t"]}
    steps = [
        {"op": "replace", "path": "/name", "value": "a"},
        {"op": "replace", "path": "/min_ram", "value": 1},
        {"op": "add", "path": "/x~1y~0z", "value": "new"},
        {"op": "replace", "path": "/tags", "value": []},
        {"op": "remove", "path": "/gone"},
    ]
    assert changed("image", "images", like, item) == ([("PATCH", "", steps)], {})


@pytest.mark.parametrize(
    ("service", "collection", "like", "item", "calls", "left"),
    [
        ("network", "networks", {"name": "a"}, {"name": "b"}, [("PUT", "", {"network": {"name": "a"}})], set()),
        ("identity", "users", {}, {"email": "x"}, [("PATCH", "", {"user": {"email": None}})], set()),
        ("identity", "users", {"domain_id": "a"}, {"domain_id": "b"}, [], {"domain_id"}),
        ("image", "images", {"checksum": "a"}, {"checksum": "b"}, [], {"checksum"}),
        ("image", "images", {"kernel_id": ID}, {"kernel_id": "x"}, [], {"kernel_id"}),
        ("compute", "flavors", {"ram": 1}, {"ram": 2}, [], {"ram"}),
        (
            *("compute", "flavors", {"extra_specs": {"a": "1"}}, {"extra_specs": {"b": "2"}}),
            [("POST", "/os-extra_specs", {"extra_specs": {"a": "1"}})],
            {"extra_specs"},
        ),
        (
            *("compute", "os-aggregates", {"metadata": {"a": "1"}}, {"metadata": {"b": "2"}}),
            [("POST", "/action", {"set_metadata": {"metadata": {"a": "1", "b": None}}})],
            set(),
        ),
        (
            *("compute", "servers", {"metadata": {}}, {"metadata": {"b": "2"}}),
            [("PUT", "/metadata", {"metadata": {}})],
            set(),
        ),
        ("network", "ports", {"tags": ["a"]}, {"tags": []}, [("PUT", "/tags", {"tags": ["a"]})], set()),
        (
            *("block-storage", "types", {"description": None}, {"description": "x"}),
            [("PUT", "", {"volume_type": {"description": ""}})],
            set(),
        ),
        ("network", "security-groups", {"security_group_rules": []}, {}, [], {"security_group_rules"}),
        ("load-balancer", "listeners", {"name": "a"}, {"name": "b"}, [], {"name"}),
    ],
)
def test_what_differs_is_set_where_the_service_sets_it(
    service: str, collection: str, like: Any, item: Any, calls: list[Any], left: set[str]
) -> None:
    done, stays = changed(service, collection, like, item)
    assert (done, set(stays)) == (calls, left)
    assert all(stays.values())
