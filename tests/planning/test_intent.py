"""What requests do: a table of real ones, and the general rule for applications of one's own."""

from __future__ import annotations

import json

import pytest

from scopeproxy.model.messages import Held, Request
from scopeproxy.planning.intent import Intent, Kind, classify

P = "0123456789abcdef0123456789abcdef"
U = "11111111-2222-3333-4444-555555555555"

REQUESTS = [
    # service, request, kind, collection, id, beneath
    ("compute", "GET /", "discovery", "", None, ""),
    ("compute", "GET /v2.1", "discovery", "", None, ""),
    ("compute", "GET /v2.1/", "discovery", "", None, ""),
    ("identity", "GET /v3/", "discovery", "", None, ""),
    ("network", "GET /v2.0/", "discovery", "", None, ""),
    ("image", "GET /versions", "discovery", "versions", None, ""),
    ("object-store", "GET /info", "show", "info", None, ""),
    ("compute", "GET /v2.1/servers", "list", "servers", None, ""),
    ("compute", "GET /v2.1/servers/detail", "list", "servers", None, ""),
    ("compute", f"GET /v2/{P}/servers/detail", "list", "servers", None, ""),
    ("compute", "GET /v2.1/flavors/detail", "list", "flavors", None, ""),
    ("compute", "GET /v2.1/flavors/m1.tiny", "show", "flavors", "m1.tiny", ""),
    ("compute", "POST /v2.1/servers", "create", "servers", None, ""),
    ("compute", f"PUT /v2.1/servers/{U}", "update", "servers", U, ""),
    ("compute", f"DELETE /v2.1/servers/{U}", "delete", "servers", U, ""),
    ("compute", f"POST /v2.1/servers/{U}/action", "action", "servers", U, "action"),
    ("compute", f"POST /v2.1/servers/{U}/remote-consoles", "console", "servers", U, "remote-consoles"),
    ("compute", f"GET /v2.1/servers/{U}/os-interface", "list", "servers", U, "os-interface"),
    ("compute", f"POST /v2.1/servers/{U}/os-volume_attachments", "update", "servers", U, "os-volume_attachments"),
    ("compute", f"DELETE /v2.1/servers/{U}/os-volume_attachments/v", "delete", "servers", U, "os-volume_attachments/v"),
    ("compute", "POST /v2.1/os-keypairs", "create", "os-keypairs", None, ""),
    ("compute", "GET /v2.1/os-keypairs/my%20key", "show", "os-keypairs", "my key", ""),
    ("compute", "GET /v2.1/limits", "totals", "limits", None, ""),
    ("compute", f"GET /v2.1/os-quota-sets/{P}/detail", "totals", "os-quota-sets", P, "detail"),
    ("compute", f"PUT /v2.1/os-quota-sets/{P}", "update", "os-quota-sets", P, ""),
    ("compute", "GET /v2.1/os-simple-tenant-usage", "totals", "os-simple-tenant-usage", None, ""),
    ("compute", "GET /v2.1/os-hypervisors/detail", "list", "os-hypervisors", None, ""),
    ("block-storage", f"GET /v3/{P}/volumes/detail", "list", "volumes", None, ""),
    ("block-storage", f"GET /v3/{P}/limits", "totals", "limits", None, ""),
    ("block-storage", f"POST /v3/{P}/volumes/{U}/action", "action", "volumes", U, "action"),
    ("block-storage", f"POST /v3/{P}/backups/{U}/restore", "action", "backups", U, "restore"),
    ("image", "GET /v2/images", "list", "images", None, ""),
    ("image", f"GET /v2/images/{U}/file", "download", "images", U, "file"),
    ("image", f"PUT /v2/images/{U}/file", "upload", "images", U, "file"),
    ("image", f"PUT /v2/images/{U}/stage", "upload", "images", U, "stage"),
    ("image", f"POST /v2/images/{U}/import", "action", "images", U, "import"),
    ("image", f"GET /v2/images/{U}/members", "list", "images", U, "members"),
    ("image", f"POST /v2/images/{U}/members", "update", "images", U, "members"),
    ("image", f"PATCH /v2/images/{U}", "update", "images", U, ""),
    ("image", "GET /v2/schemas/image", "show", "schemas", "image", ""),
    ("image", "GET /v2/metadefs/namespaces", "list", "namespaces", None, ""),
    ("identity", "POST /v3/auth/tokens", "login", "auth", "tokens", ""),
    ("identity", "GET /v3/auth/tokens", "token", "auth", "tokens", ""),
    ("identity", "DELETE /v3/auth/tokens", "token", "auth", "tokens", ""),
    ("identity", "GET /v3/auth/projects", "token", "auth", "projects", ""),
    ("identity", "POST /v2.0/tokens", "token", "tokens", None, ""),
    ("identity", "GET /v3/limits", "list", "limits", None, ""),
    ("identity", "POST /v3/users", "create", "users", None, ""),
    ("identity", f"PUT /v3/projects/{P}/users/{P}/roles/{P}", "update", "projects", P, f"users/{P}/roles/{P}"),
    ("identity", f"GET /v3/OS-TRUST/trusts/{P}", "show", "trusts", P, ""),
    ("identity", f"GET /v3/system/users/{P}/roles", "list", "users", P, "roles"),
    ("network", f"PUT /v2.0/networks/{U}/tags/red", "update", "networks", U, "tags/red"),
    ("network", "GET /v2.0/networks.json", "list", "networks", None, ""),
    ("network", f"PUT /v2.0/routers/{U}/add_router_interface", "action", "routers", U, "add_router_interface"),
    ("network", f"GET /v2.0/qos/policies/{U}", "show", "policies", U, ""),
    ("network", f"GET /v2.0/quotas/{P}/details.json", "totals", "quotas", P, "details"),
    ("placement", f"GET /resource_providers/{U}/usages", "totals", "resource_providers", U, "usages"),
    ("placement", "GET /allocation_candidates?resources=VCPU:1", "list", "allocation_candidates", None, ""),
    ("placement", f"PUT /allocations/{U}", "update", "allocations", U, ""),
    ("load-balancer", f"GET /v2/lbaas/loadbalancers/{U}", "show", "loadbalancers", U, ""),
    ("load-balancer", "POST /v2.0/lbaas/pools", "create", "pools", None, ""),
    ("orchestration", f"GET /v1/{P}/stacks/web/{U}", "show", "stacks", f"web/{U}", ""),
    ("orchestration", f"POST /v1/{P}/stacks/web/{U}/actions", "action", "stacks", f"web/{U}", "actions"),
    ("object-store", f"GET /v1/AUTH_{P}", "list", "containers", None, ""),
    ("object-store", f"GET /v1/AUTH_{P}/box", "list", "containers", "box", ""),
    ("object-store", f"HEAD /v1/AUTH_{P}/box", "show", "containers", "box", ""),
    ("object-store", f"PUT /v1/AUTH_{P}/box/a/b", "upload", "objects", "box/a/b", ""),
    ("object-store", f"GET /v1/AUTH_{P}/box/a/b", "download", "objects", "box/a/b", ""),
    ("docs", "GET /", "show", "", None, ""),
    ("docs", "GET /pages", "list", "pages", None, ""),
    ("docs", "GET /pages/1", "show", "pages", "1", ""),
    ("docs", "POST /pages", "create", "pages", None, ""),
    ("docs", "POST /pages/1/notes", "update", "pages", "1", "notes"),
    ("docs", "BREW /pages/1", "action", "pages", "1", ""),
]


def read(service: str, line: str, body: object = None, *headers: tuple[str, str]) -> Intent:
    method, target = line.split(" ")
    held = Held(b"" if body is None else json.dumps(body).encode())
    return classify(Request(service, method, target, headers, held))


@pytest.mark.parametrize(("service", "line", "kind", "collection", "id_", "beneath"), REQUESTS)
def test_what_requests_do(service: str, line: str, kind: str, collection: str, id_: str | None, beneath: str) -> None:
    intent = read(service, line)
    assert (intent.kind, intent.collection, intent.id, intent.beneath) == (Kind(kind), collection, id_, beneath)


@pytest.mark.parametrize(
    ("query", "filtered", "paged"),
    [
        ("", False, False),
        ("?name=cirros", True, False),
        ("?limit=2&marker=a&sort_key=name&sort_dir=asc&sort=x", False, True),
        ("?page_reverse=True", False, True),
        ("?fields=id&with_count=true&deleted=False&all_tenants=1", False, False),
        ("?name=", True, False),
    ],
)
def test_a_filter_is_any_query_that_does_not_only_page_or_sort(query: str, filtered: bool, paged: bool) -> None:
    intent = read("image", f"GET /v2/images{query}")
    assert (intent.filtered, intent.paged) == (filtered, paged)


def test_consoles_are_known_by_the_action_and_by_the_upgrade() -> None:
    assert read("compute", f"POST /v2.1/servers/{U}/action", {"os-getVNCConsole": {}}).kind is Kind.CONSOLE
    assert read("compute", f"POST /v2.1/servers/{U}/action", {"os-getConsoleOutput": {}}).kind is Kind.ACTION
    assert read("docs", "GET /socket", None, ("Upgrade", "WebSocket")).kind is Kind.CONSOLE


def test_reads_and_deletes_may_be_repeated_and_creates_may_not() -> None:
    assert {kind for kind in Kind if Intent(kind).repeatable} == {
        *(kind for kind in Kind if not Intent(kind).writes),
        Kind.DELETE,
    }
    assert Intent(Kind.CREATE).writes


def test_a_name_in_the_place_of_an_id_is_told_from_a_uuid() -> None:
    assert read("compute", "GET /v2.1/flavors/m1.tiny").by_name
    assert not read("compute", f"GET /v2.1/servers/{U}").by_name
    assert not read("identity", f"GET /v3/users/{P}").by_name
    assert not read("compute", "GET /v2.1/servers").by_name
