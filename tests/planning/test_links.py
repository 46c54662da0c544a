"""Absolute links move to the prefix that the client calls; relative ones, other hosts' and users' own URLs stay."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.links import Links, relink, relinked
from scopeproxy.planning.scoped_paths import Prefix

PREFIX = Prefix("http://paris:5000", "/scope/a")
ROOT = "http://paris:5000/scope/a"


def end(scheme: str, host: str, port: int, path: str = "") -> Endpoint:
    return Endpoint(Url(scheme, Address(host, port), path))


PARIS = Site(
    "Paris",
    "Paris",
    {
        "identity": end("http", "paris", 80, "/identity"),
        "object-store": end("http", "paris", 80),
        "compute": end("http", "Paris", 8774),
        "image": end("https", "paris", 443, "/image"),
    },
)
CORTE = Site("Corte", "Corte", {"compute": end("http", "corte", 80, "/compute"), "dns": end("http", "corte", 9001)})
LINKS = Links(Topology({"Paris": PARIS, "Corte": CORTE}), "Paris")


def move(link: str) -> str:
    return LINKS.moved(link, PREFIX)


@pytest.mark.parametrize(
    ("link", "moved"),
    [
        ("http://paris:8774/v2.1/servers?limit=1&marker=x", f"{ROOT}/compute/v2.1/servers?limit=1&marker=x"),
        ("http://PARIS:8774", f"{ROOT}/compute"),
        ("http://paris:8774/#f", f"{ROOT}/compute/#f"),
        ("http://paris:8774?x", f"{ROOT}/compute?x"),
        ("https://paris:8774/x", f"{ROOT}/compute/x"),
        ("http://paris/identity/v3", f"{ROOT}/identity/v3"),
        ("http://paris:80/identity/v3", f"{ROOT}/identity/v3"),
        ("http://paris/identityx/v3", f"{ROOT}/object-store/identityx/v3"),
        ("https://paris/image/v2/", f"{ROOT}/image/v2/"),
        ("https://paris:443/image/v2/", f"{ROOT}/image/v2/"),
        # Corte's nova, which is given our Host, makes links of its own path; or they were configured.
        ("http://paris:8774/compute/v2.1", f"{ROOT}/compute/v2.1"),
        ("http://corte/compute/v2.1", f"{ROOT}/compute/v2.1"),
    ],
)
def test_a_link_to_a_front_moves(link: str, moved: str) -> None:
    assert move(link) == moved


@pytest.mark.parametrize(
    "link",
    [
        "/v2.1/servers",
        "v2/images",
        "",
        "http://paris:87741/v2.1",
        "http://paris.example:8774/",
        "http://user@paris:8774/",
        "ftp://paris:8774/",
        "http://corte:9001/",
        "http://corte/computer",
        f"{ROOT}/compute/v2.1",
        "http://paris:8774/scope/a/compute/v2.1",
        "http://paris:8774/scope",
        "https://docs.openstack.org/",
        "see http://paris:8774/",
    ],
)
def test_every_other_link_stays(link: str) -> None:
    assert move(link) == link


NOVA = "http://paris:8774/v2.1/servers/1"
MOVED = f"{ROOT}/compute/v2.1/servers/1"

LINKED: list[tuple[str, Any]] = [
    ("compute", {"server": {"id": "1", "links": [{"rel": "self", "href": NOVA}, {"rel": "x", "href": "/x"}]}}),
    ("compute", {"servers": [], "servers_links": [{"rel": "next", "href": NOVA}]}),
    ("compute", {"versions": [{"id": "v2.1", "links": [{"rel": "self", "href": NOVA}]}]}),
    ("compute", {"versions": {"values": [{"id": "v3.14", "links": [{"rel": "self", "href": NOVA}]}]}}),
    ("identity", {"users": [{"id": "u", "links": {"self": NOVA}}], "links": {"next": NOVA, "previous": None}}),
    ("orchestration", {"stacks": [], "links": [{"href": NOVA, "rel": "next"}]}),
    ("baremetal", {"nodes": [{"ports": [{"href": NOVA, "rel": "self"}]}], "next": NOVA}),
    ("key-manager", {"secrets": [], "next": NOVA, "previous": NOVA, "total": 3}),
    ("object-store", {"_links": {"self": {"href": NOVA}}}),
    ("docs", {"id": 1, "self": NOVA, "parts": [{"id": 2, "href": NOVA}]}),
    ("docs", [{"id": 1, "self": NOVA}]),
]


@pytest.mark.parametrize(("service", "document"), LINKED[:8] + LINKED[9:])
def test_links_are_found_where_services_put_them(service: str, document: Any) -> None:
    expected = json.loads(json.dumps(document).replace(NOVA, MOVED))
    assert relink(document, move, service)
    assert document == expected


@pytest.mark.parametrize(
    ("service", "document"),
    [
        ("compute", {"server": {"id": "1", "name": NOVA, "metadata": {"href": NOVA, "self": NOVA, "links": NOVA}}}),
        ("compute", {"metadata": {"next": NOVA, "links": [{"href": NOVA, "rel": "self"}]}}),
        ("compute", {"meta": {"self": NOVA}}),
        ("image", {"id": "1", "next": NOVA, "self": "/v2/images/1", "description": f'{{"href": "{NOVA}", "rel": 1}}'}),
        ("identity", {"user": {"id": "u", "name": NOVA, "self": NOVA}}),
        ("compute", {"server": {"id": "1", "links": NOVA, "href": NOVA, "servers_links": [NOVA]}}),
        ("docs", {"id": 1, "name": NOVA, "metadata": {"self": NOVA}}),
        ("compute", {"links": [{"rel": "self", "href": "/v2.1"}, {"rel": "self", "href": None}, 3]}),
        ("compute", [NOVA]),
        ("compute", NOVA),
        ("compute", None),
    ],
)
def test_nothing_else_changes(service: str, document: Any) -> None:
    before = deepcopy(document)
    assert not relink(document, move, service)
    assert document == before


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(NOVA),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["links", "href", "rel", "x", "next", "id"]), inner)
    ),
)


@given(values)
def test_only_whole_links_differ_afterwards_and_a_second_time_nothing(document: Any) -> None:
    before = json.dumps(document)
    changed = relink(document, move, "compute")
    assert (json.dumps(document) != before) == changed
    assert json.dumps(document).replace(MOVED, NOVA) == before
    assert not relink(document, move, "compute")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Location", NOVA, MOVED),
        ("location", "http://elsewhere/", "http://elsewhere/"),
        ("Location", "/v2/images/1", f"{ROOT}/image/v2/images/1"),
        ("Location", "/image/v2/images/1", f"{ROOT}/image/v2/images/1"),
        ("Location", "/images", f"{ROOT}/image/images"),
        ("Location", "//elsewhere/x", "//elsewhere/x"),
        ("Location", "images/1", "images/1"),
        ("Content-Location", "/v2/x", f"{ROOT}/image/v2/x"),
        ("WWW-Authenticate", 'Keystone uri="http://paris/identity/v3"', f'Keystone uri="{ROOT}/identity/v3"'),
        ("Link", f'<{NOVA}>; rel="next", </x>; rel="self"', f'<{MOVED}>; rel="next", </x>; rel="self"'),
        ("X-Subject-Token", NOVA, NOVA),
    ],
)
def test_headers_hold_links_too(name: str, value: str, expected: str) -> None:
    assert relinked(((name, value),), move, f"{ROOT}/image", "/image") == ((name, expected),)
