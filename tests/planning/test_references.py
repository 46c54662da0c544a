"""Ids that are right at one site only: who is asked to translate them, and who is not."""

from __future__ import annotations

import json

import pytest

from scopeproxy.lang.scope import At, Location, Scope, all_of, any_of
from scopeproxy.model.messages import Held, Request
from scopeproxy.planning.references import advice, foreign_references, home

P, C = At("Paris"), At("Corte")
BOTH, EITHER = all_of([P, C]), any_of([P, C])

BOOT = {
    "server": {
        "name": "vm",
        "flavorRef": "1",
        "imageRef": "i",
        "networks": [{"uuid": "n"}, {"port": "p"}],
        "block_device_mapping_v2": [{"uuid": "v", "source_type": "volume"}, {"uuid": "i", "source_type": "image"}],
    }
}


def call(service: str, line: str, body: object = None) -> Request:
    method, target = line.split(" ")
    return Request(service, method, target, (), Held(b"" if body is None else json.dumps(body).encode()))


SERVERS = call("compute", "POST /v2.1/servers", BOOT)


def fields(request: Request, scope: dict[str, Location], site: str, own: frozenset[str] = frozenset()) -> set[str]:
    return {one.field for one in foreign_references(request, Scope(tuple(scope.items())), "Paris", site, own)}


def test_at_the_entry_every_id_is_at_home() -> None:
    assert fields(SERVERS, {}, "Paris") == set()
    assert fields(SERVERS, {"compute": P, "image": EITHER}, "Paris") == set()


def test_at_another_site_the_ids_of_unbound_services_are_foreign() -> None:
    assert fields(SERVERS, {"compute": C}, "Corte") == {
        "server.imageRef",
        "server.networks[0].uuid",
        "server.networks[1].port",
        "server.block_device_mapping_v2[0].uuid",
        "server.block_device_mapping_v2[1].uuid",
    }


def test_a_bound_service_is_the_same_for_all_branches() -> None:
    assert "server.imageRef" not in fields(SERVERS, {"compute": C, "image": C}, "Corte")
    assert "server.imageRef" not in fields(SERVERS, {"compute": BOTH, "image": BOTH}, "Corte")
    assert fields(SERVERS, {"*": C}, "Corte") == set()
    assert fields(SERVERS, {"*": EITHER}, "Corte") == set()


@pytest.mark.parametrize("site", ["Paris", "Corte"])
def test_here_and_there_at_once_the_called_services_own_ids_are_of_one_site(site: str) -> None:
    assert "server.flavorRef" in fields(SERVERS, {"compute": BOTH, "*": P}, site)
    assert "server.flavorRef" not in fields(SERVERS, {"compute": EITHER, "*": P}, site)


def test_substrates_that_each_branch_has_of_its_own_are_of_one_site_too() -> None:
    found = fields(SERVERS, {"*": BOTH}, "Corte")
    assert {"server.networks[0].uuid", "server.block_device_mapping_v2[0].uuid"} <= found
    assert "server.imageRef" not in found


def test_own_ids_and_the_default_domain_are_no_references() -> None:
    user = call("identity", "POST /v3/users", {"user": {"domain_id": "default", "default_project_id": "mine"}})
    assert fields(user, {"identity": BOTH}, "Corte", frozenset({"mine"})) == set()
    assert fields(user, {"identity": BOTH}, "Corte") == {"user.default_project_id"}


@pytest.mark.parametrize(
    ("service", "line", "body", "field"),
    [
        ("block-storage", "POST /v3/volumes", {"volume": {"imageRef": "i", "size": 1}}, "volume.imageRef"),
        ("compute", "POST /v2.1/servers/s/action", {"rebuild": {"imageRef": "i"}}, "rebuild.imageRef"),
        (
            "compute",
            "POST /v2.1/servers/s/os-interface",
            {"interfaceAttachment": {"net_id": "n"}},
            "interfaceAttachment.net_id",
        ),
        (
            "compute",
            "POST /v2.1/servers/s/os-volume_attachments",
            {"volumeAttachment": {"volumeId": "v"}},
            "volumeAttachment.volumeId",
        ),
        ("image", "POST /v2/images/i/members", {"member": "p"}, "member"),
        ("network", "POST /v2.0/ports", {"port": {"device_id": "s", "network_id": "n"}}, "port.device_id"),
        (
            "load-balancer",
            "POST /v2/lbaas/loadbalancers",
            {"loadbalancer": {"vip_subnet_id": "s"}},
            "loadbalancer.vip_subnet_id",
        ),
        ("network", "POST /v2.0/networks", {"network": {"project_id": "p"}}, "network.project_id"),
        ("network", "POST /v2.0/ports", {"ports": [{}, {"device_id": "s"}]}, "ports[1].device_id"),
        ("compute", "GET /v2.1/servers/detail?image=i", None, "image"),
        ("compute", "GET /v2.1/os-quota-sets/p", None, "os-quota-sets"),
        ("compute", "DELETE /v2.1/servers/s/os-volume_attachments/v", None, "os-volume_attachments"),
        ("compute", "GET /v2.1/servers/detail?project_id=p&all_tenants=1", None, "project_id"),
        ("image", "DELETE /v2/images/i/members/p", None, "members"),
    ],
)
def test_references_to_other_services_by_place(service: str, line: str, body: object, field: str) -> None:
    assert fields(call(service, line, body), {service: C}, "Corte") == {field}


def test_filters_of_a_list_here_and_there_are_right_at_one_site_and_empty_at_others() -> None:
    assert fields(call("network", "GET /v2.0/ports?network_id=n"), {"network": BOTH}, "Corte") == set()


@pytest.mark.parametrize("body", [None, [], "x", {"server": None}, {"server": {"networks": "auto", "imageRef": ""}}])
def test_bodies_of_another_shape_hold_none(body: object) -> None:
    assert fields(call("compute", "POST /v2.1/servers", body), {"compute": C}, "Corte") == set()


def test_what_a_field_means_in_an_application_of_ones_own_is_not_guessed() -> None:
    assert fields(call("docs", "POST /pages", {"page": {"project_id": "p"}}), {"docs": BOTH}, "Corte") == set()


def test_the_advice_names_the_reference_the_site_and_the_way_out() -> None:
    (first, *_) = foreign_references(SERVERS, Scope((("compute", C),)), "Paris", "Corte")
    text = advice(first, "Corte", "no images there are called 'Debian'")
    assert all(part in text for part in ("server.imageRef", "Paris", "Corte", "'Debian'", "bind image", "*: Corte"))


def test_of_a_relation_all_ends_are_ids_of_one_site() -> None:
    granted = call("identity", "PUT /v3/projects/p/users/u/roles/r")
    assert fields(granted, {"identity": BOTH}, "Corte") == {"projects", "users", "roles"}
    assert fields(call("identity", "PATCH /v3/projects/p", {"project": {}}), {"identity": BOTH}, "Corte") == set()


def test_what_a_list_is_filtered_by_is_looked_for_only_where_catalogues_are_alike() -> None:
    listed = call("identity", "GET /v3/role_assignments?role.id=r&user.id=u")
    (only,) = foreign_references(listed, Scope((("identity", BOTH),)), "Paris", "Corte")
    assert (only.field, only.known_at, only.required) == ("role.id", ("Paris", "Corte"), False)


@pytest.mark.parametrize(
    ("service", "scope", "expected"),
    [
        ("image", {"compute": BOTH}, "Corte"),
        ("compute", {"compute": BOTH}, "Corte"),
        ("image", {"compute": BOTH, "image": P}, "Paris"),
        ("image", {"compute": BOTH, "image": EITHER}, None),
        ("network", {"*": BOTH}, "Corte"),
        ("identity", {"*": BOTH}, "Corte"),
        ("image", {"*": BOTH}, None),
    ],
)
def test_whose_ids_a_branch_must_have(service: str, scope: dict[str, Location], expected: str | None) -> None:
    assert home(service, "compute", Scope(tuple(scope.items())), "Corte") == expected
