"""The table of services: whom each calls, and how its paths begin."""

from __future__ import annotations

import pytest

from scopeproxy.lang.vocabulary import openstack_services
from scopeproxy.model.services import SERVICES, Service, needs, row, segments

PROJECT = "0123456789abcdef0123456789abcdef"
DASHED = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.type)
def test_rows_speak_of_official_service_types(service: Service) -> None:
    official = set(openstack_services().values())
    assert {service.type, *(service.calls or ())} <= official


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_not_list_itself(service: str) -> None:
    assert service not in (row(service).calls or ())


def test_a_service_without_a_row_is_plain_and_may_call_any() -> None:
    assert row("docs") == Service("docs", "plain", None, False)
    assert needs("docs") is None


@pytest.mark.parametrize(
    ("service", "all_of_them"),
    [
        ("identity", {"identity"}),
        ("placement", {"placement", "identity"}),
        ("image", {"image", "identity", "object-store", "key-manager"}),
        ("key-manager", {"key-manager", "identity"}),
    ],
)
def test_what_a_call_can_still_need(service: str, all_of_them: set[str]) -> None:
    assert needs(service) == all_of_them


def test_orchestration_may_call_any_service() -> None:
    assert needs("orchestration") is None


@pytest.mark.parametrize(
    ("path", "service", "parts"),
    [
        ("/", "image", ()),
        ("/v2/images/x", "image", ("images", "x")),
        ("/v2.1/servers/detail", "compute", ("servers", "detail")),
        (f"/v2.1/{PROJECT}/servers", "compute", ("servers",)),
        (f"/v3/{PROJECT}/volumes/x", "block-storage", ("volumes", "x")),
        (f"/v3/{DASHED}/volumes", "block-storage", ("volumes",)),
        (f"/v1/AUTH_{PROJECT}/box/thing", "object-store", ("box", "thing")),
        (f"/v2/images/{DASHED}", "image", ("images", DASHED)),
        (f"/v2/{PROJECT}", "image", (PROJECT,)),
        ("/resource_providers", "placement", ("resource_providers",)),
        ("/v2.0//networks/", "network", ("networks",)),
        ("/v3x/volumes", "block-storage", ("v3x", "volumes")),
    ],
)
def test_a_path_is_known_below_version_and_project(path: str, service: str, parts: tuple[str, ...]) -> None:
    assert segments(path, service) == parts
