"""Which versions of an API a site is known to serve, and what is refused or explained by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scopeproxy.errors import BadCollaboration
from scopeproxy.lang.scope import At, Location, Scope, all_of, any_of
from scopeproxy.model.messages import Reply, Request
from scopeproxy.planning.discovery import Document
from scopeproxy.planning.intent import classify
from scopeproxy.planning.versions import (
    explained,
    may_need_explaining,
    microversion,
    nothing_known,
    refuse_strangers,
    refuse_unserved,
)

P, C, L = At("Paris"), At("Corte"), At("Lyon")


def nova(newest: str, oldest: str = "2.1") -> Document:
    """As the root of nova tells it: v2.0 has no microversions."""
    old = {"id": "v2.0", "version": "", "min_version": ""}
    return {"versions": [old, {"id": "v2.1", "version": newest, "min_version": oldest}]}


def of(*ids: str) -> Document:
    return {"versions": [{"id": id_} for id_ in ids]}


def call(service: str, target: str, method: str = "GET", **headers: str) -> Request:
    return Request(service, method, target, tuple((name.replace("_", "-"), text) for name, text in headers.items()))


@pytest.mark.parametrize(
    ("service", "headers", "asked"),
    [
        ("compute", {"OpenStack_API_Version": "compute 2.103"}, "2.103"),
        ("compute", {"openstack_api_version": "placement 1.39, compute 2.103"}, "2.103"),
        ("compute", {"OpenStack_API_Version": "placement 1.39"}, None),
        ("compute", {"OpenStack_API_Version": "compute latest"}, None),
        ("compute", {"X_OpenStack_Nova_API_Version": "2.90"}, "2.90"),
        ("baremetal", {"X_OpenStack_Ironic_API_Version": "1.80"}, "1.80"),
        ("block-storage", {"OpenStack_API_Version": "volume 3.60"}, "3.60"),
        ("compute", {"OpenStack_API_Version": "compute two"}, None),
        ("compute", {}, None),
    ],
)
def test_the_microversion_that_is_asked_for(service: str, headers: dict[str, str], asked: str | None) -> None:
    assert microversion(call(service, "/", **headers)) == asked


CREATE = call("compute", "/v2.1/servers", "POST", OpenStack_API_Version="compute 2.100")
KNOWN = {"Paris": nova("2.103"), "Corte": nova("2.99"), "Lyon": nova("2.100")}


@pytest.mark.parametrize(
    ("location", "refused"),
    [
        (all_of([P, C]), True),
        (all_of([P, L]), False),
        (any_of([P, C]), False),
        (all_of([P, any_of([C, L])]), False),
        (any_of([all_of([P, C]), L]), False),
        (any_of([all_of([P, C]), C]), True),
        (C, True),
    ],
)
def test_a_write_that_not_every_site_serves_is_refused(location: Location, refused: bool) -> None:
    if not refused:
        refuse_unserved(CREATE, location, KNOWN)
        return
    with pytest.raises(BadCollaboration, match=r"Corte has 2\.1 to 2\.99.*leave Corte out") as error:
        refuse_unserved(CREATE, location, KNOWN)
    assert error.value.status == 406


def test_a_microversion_that_a_site_has_no_more_is_refused_too() -> None:
    with pytest.raises(BadCollaboration, match=r"Corte has 2\.101 to 2\.110"):
        refuse_unserved(CREATE, all_of([P, C]), {"Paris": nova("2.103"), "Corte": nova("2.110", oldest="2.101")})


@pytest.mark.parametrize(
    ("request_", "known"),
    [
        (CREATE, {}),
        (CREATE, {"Corte": of("v2.1")}),
        (CREATE, {"Corte": {"versions": "none"}}),
        (call("compute", "/v2/servers", "POST", OpenStack_API_Version="compute 2.100"), KNOWN),
        (call("compute", "/v2.1/servers", "POST"), KNOWN),
    ],
)
def test_what_is_not_known_is_not_refused(request_: Request, known: dict[str, Document]) -> None:
    refuse_unserved(request_, all_of([P, C]), known)


# ---- partners


def strangers(scope: Scope, versions: dict[str, Document], method: str = "POST") -> str:
    """The refusal of a call to nova, entered at Paris; `versions`: of glance."""
    request = call("compute", "/v2.1/servers", method)

    def known(site: str, service: str) -> Document | None:
        return versions.get(site) if service == "image" else None

    try:
        refuse_strangers(request, classify(request), scope, "Paris", known)
    except BadCollaboration as error:
        return f"{error.status} {error}"
    return ""


def scope(**bindings: Location) -> Scope:
    return Scope(tuple(bindings.items()))


def test_a_partner_without_a_version_in_common_is_refused() -> None:
    versions = {"Paris": of("v2.15", "v2.17"), "Corte": of("v1.0", "v1.1"), "Lyon": of("v2.17")}
    told = strangers(scope(image=C), versions)
    assert told.startswith("400 scope: compute at Paris cannot work with image at Corte")
    assert "image is v1.0, v1.1 at Corte, and v2.15, v2.17 at Paris" in told
    assert "bind image to" in told
    assert strangers(scope(image=L), versions) == ""
    assert strangers(scope(image=any_of([C, L])), versions) == ""
    assert strangers(scope(compute=L, image=C), versions) != ""
    assert strangers(scope(compute=C, image=C), versions) == ""


def test_a_partner_is_refused_for_writes_and_when_both_are_known() -> None:
    versions = {"Paris": of("v2.17"), "Corte": of("v1.1")}
    assert strangers(scope(image=C), versions, "GET") == ""
    assert strangers(scope(compute=P), versions) == ""
    for lost in versions:
        assert strangers(scope(image=C), {site: one for site, one in versions.items() if site != lost}) == ""
    assert nothing_known("Paris", "image") is None


# ---- explained


def reply(status: int, body: Any, *headers: tuple[str, str]) -> Reply:
    return Reply("Corte", status, (("Content-Type", "x"), ("Content-Length", "9"), *headers), json.dumps(body).encode())


NOVA = {
    "computeFault": {"code": 406, "message": "Version 2.103 is not supported. Minimum is 2.1 and maximum is 2.100."}
}
PLACEMENT = {"errors": [{"status": 406, "detail": "Unacceptable: 1.99", "max_version": "1.39", "min_version": "1.0"}]}
ASKED = {
    "compute": call("compute", "/v2.1/servers", OpenStack_API_Version="compute 2.103"),
    "placement": call("placement", "/traits", OpenStack_API_Version="placement 1.99"),
}


@pytest.mark.parametrize(
    ("service", "body", "document", "range_"),
    [
        ("compute", NOVA, None, "it has 2.1 to 2.100;"),
        ("placement", PLACEMENT, None, "it has 1.0 to 1.39;"),
        ("compute", {"message": "no"}, nova("2.90"), "it has 2.1 to 2.90;"),
        ("compute", {"message": "not today"}, None, "it says: not today;"),
        ("compute", "text", None, "it says: 406;"),
    ],
)
def test_a_refused_microversion_is_explained(service: str, body: Any, document: Document | None, range_: str) -> None:
    refused, request = reply(406, body, ("Vary", "OpenStack-API-Version")), ASKED[service]
    assert may_need_explaining(refused, request, document)
    told = explained(refused, request, document)
    assert told.status == 406
    assert told.header("Vary") == "OpenStack-API-Version"
    assert told.header("Content-Length") == str(len(told.body))
    text = told.body.decode()
    assert f"scope: Corte does not serve {service} {microversion(request)}: {range_}" in text
    assert "bind" in text


def test_what_a_refusal_tells_beside_its_message_stays() -> None:
    (error,) = explained(reply(406, PLACEMENT), ASKED["placement"], None).json["errors"]
    assert (error["max_version"], error["min_version"], error["status"]) == ("1.39", "1.0", 406)


@pytest.mark.parametrize(
    ("service", "target", "status", "document", "version"),
    [
        ("identity", "/v4/users", 404, of("v3.14"), "v4"),
        ("image", "/v3/images", 300, of("v2.0", "v2.17"), "v3"),
        ("image", "/v2.99/images", 300, of("v2.0", "v2.17"), "v2.99"),
        ("network", "/v3.0/networks", 404, of("v2.0"), "v3.0"),
        ("identity", "/v3/users/x", 404, of("v3.14"), None),
        ("image", "/v2/images/x", 404, of("v2.0", "v2.17"), None),
        ("network", "/v2.0/networks/x", 404, of("v2.0"), None),
        ("compute", "/v2.1/servers/x", 404, nova("2.103"), None),
        ("placement", "/traits/x", 404, of("v1.0"), None),
        ("identity", "/v4/users", 404, None, None),
        ("identity", "/v4/users", 404, {"versions": []}, None),
        ("identity", "/v4/users", 500, of("v3.14"), None),
    ],
)
def test_a_path_of_another_version_is_explained(
    service: str, target: str, status: int, document: Document | None, version: str | None
) -> None:
    refused, request = reply(status, {}), call(service, target)
    assert may_need_explaining(refused, request, document) == (version is not None)
    if version is not None:
        told = explained(refused, request, document)
        assert told.status == status
        assert f"Corte does not serve {service} {version}: it has v" in told.body.decode()


def test_other_answers_are_left_alone() -> None:
    plain = call("compute", "/v2.1/servers")
    assert not may_need_explaining(reply(406, NOVA), plain, nova("2.100"))
    head = call("compute", "/v2.1/servers", "HEAD", OpenStack_API_Version="compute 2.103")
    assert not may_need_explaining(reply(406, NOVA), head, nova("2.100"))
    assert not may_need_explaining(reply(200, {}), ASKED["compute"], nova("2.100"))
