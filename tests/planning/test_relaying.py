"""Which reads go to one other site as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.errors import LoopDetected
from scopeproxy.lang.scope import At, Location, Or, Scope, all_of
from scopeproxy.model.messages import Held, Request
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Refuse, Work
from scopeproxy.planning.planner import make_plan
from scopeproxy.planning.references import Reference
from scopeproxy.planning.relaying import may_be_relayed, relayed

P, C = At("Paris"), At("Corte")
U = "11111111-2222-3333-4444-555555555555"
SERVICES = ("identity", "compute", "image", "network", "placement", "block-storage", "object-store")
ENDS = {service: Endpoint(Url("http", Address("h", 80))) for service in SERVICES}
TOPOLOGY = Topology({name: Site(name, name, ENDS) for name in ("Paris", "Corte")})


def work(service: str, line: str, location: Location = C, headers: tuple[tuple[str, str], ...] = ()) -> Work:
    method, target = line.split(" ")
    body = Held(b"{}" if method in ("POST", "PUT", "PATCH") else b"")
    request = Request(service, method, target, headers, body)
    return Work(request, classify(request), Scope(((service, location),)), "Paris")


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ("image", "GET /v2/images"),
        ("image", "HEAD /v2/images?limit=5"),
        ("image", f"GET /v2/images/{U}"),
        ("image", f"GET /v2/images/{U}/file"),
        ("compute", "GET /v2.1/servers/detail"),
        ("compute", "GET /v2.1/limits"),
        ("identity", "GET /v3/users"),
        ("object-store", "GET /v1/AUTH_p/box/thing"),
    ],
)
def test_lists_things_data_and_totals_are_relayed(service: str, line: str) -> None:
    asked = work(service, line)
    assert may_be_relayed(asked)
    call = relayed(asked, make_plan(asked, TOPOLOGY))
    assert call is not None
    assert (call.site, call.request) == ("Corte", asked.request)


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ("image", "GET /"),
        ("image", "GET /v2/"),
        ("image", "POST /v2/images"),
        ("image", f"DELETE /v2/images/{U}"),
        ("image", f"PUT /v2/images/{U}/file"),
        ("identity", "GET /v3/auth/tokens"),
        ("identity", "GET /v3/auth/catalog"),
        ("identity", "GET /v3/auth/projects"),
        ("compute", f"POST /v2.1/servers/{U}/action"),
    ],
)
def test_what_writes_or_is_about_tokens_or_versions_is_not(service: str, line: str) -> None:
    assert not may_be_relayed(work(service, line))


@pytest.mark.parametrize("header", ["If-None-Match", "If-Modified-Since", "Range", "If-Match"])
def test_conditions_and_parts_are_the_journeys(header: str) -> None:
    assert not may_be_relayed(work("image", "GET /v2/images", headers=((header, "x"),)))


@pytest.mark.parametrize("location", [P, all_of((P, C)), Or((P, C)), Or((C, P))])
def test_what_stays_here_or_may_go_elsewhere_is_not(location: Location) -> None:
    asked = work("image", "GET /v2/images", location)
    assert relayed(asked, make_plan(asked, TOPOLOGY)) is None


def test_a_call_with_ids_that_are_still_to_be_looked_up_is_not() -> None:
    asked = work("compute", "GET /v2.1/servers")
    plan = make_plan(asked, TOPOLOGY)
    assert isinstance(plan, Call)
    assert relayed(asked, replace(plan, missing=(Reference("image", "image", "images", U, ("Paris",)),))) is None


def test_what_is_refused_is_not() -> None:
    assert relayed(work("image", "GET /v2/images"), Refuse(LoopDetected("round and round"))) is None
