"""The client sees the entry's catalog, whichever site issued the token."""

from __future__ import annotations

import json
from typing import Any

from scopeproxy.model.topology import Address, Endpoint, Site, Url
from scopeproxy.planning.catalog import (
    backs_to_fronts,
    change_catalog,
    rewrite_catalog,
    rewrite_token_answer,
    under_prefix,
    with_regions,
)
from scopeproxy.planning.scoped_paths import Prefix


def url(host: str, port: int, path: str = "") -> Url:
    return Url("http", Address(host, port), path)


PARIS = Site(
    "Paris",
    "Paris",
    {
        "compute": Endpoint(url("127.0.1.1", 8774), url("127.0.1.1", 18774)),
        "block-storage": Endpoint(url("127.0.1.1", 80, "/volume")),
        "image": Endpoint(url("127.0.1.1", 9292)),
    },
)
CORTE = Site(
    "Corte",
    "Corsica",
    {"compute": Endpoint(url("127.0.2.1", 80, "/compute")), "block-storage": Endpoint(url("127.0.2.1", 8776))},
)


def entry(type_: str, *urls: str) -> dict[str, Any]:
    endpoints = [
        {"id": "e", "interface": "public", "region": "Paris", "region_id": "Paris", "url": one} for one in urls
    ]
    return {"type": type_, "name": type_, "id": "s", "endpoints": endpoints}


def urls(catalog: list[dict[str, Any]]) -> list[str]:
    return [endpoint["url"] for one in catalog for endpoint in one["endpoints"]]


def test_fronts_and_regions_become_the_other_sites() -> None:
    catalog = [
        entry("compute", "http://127.0.1.1:8774/v2.1"),
        entry("volumev3", "http://127.0.1.1/volume/v3/abc", "http://127.0.1.1:80/volume/v3/abc"),
    ]
    rewritten = rewrite_catalog(catalog, PARIS, CORTE)
    assert urls(rewritten) == ["http://127.0.2.1/compute/v2.1", *["http://127.0.2.1:8776/v3/abc"] * 2]
    assert {endpoint["region"] for one in rewritten for endpoint in one["endpoints"]} == {"Corsica"}
    assert {endpoint["region_id"] for one in rewritten for endpoint in one["endpoints"]} == {"Corsica"}


def test_a_prefix_counts_at_a_boundary_only() -> None:
    catalog = [entry("compute", "http://127.0.1.1:87741/v2.1", "http://127.0.1.1/volumes", "http://127.0.1.1:x/")]
    assert rewrite_catalog(catalog, PARIS, CORTE) == []


def test_what_the_other_site_lacks_is_dropped_and_kept_where_it_is_at_home() -> None:
    catalog = [entry("image", "http://127.0.1.1:9292"), entry("metering", "http://elsewhere/")]
    assert rewrite_catalog(catalog, PARIS, CORTE) == []
    assert rewrite_catalog(catalog, PARIS, PARIS) == catalog


def test_backs_become_fronts_and_the_rest_stays() -> None:
    catalog = [entry("compute", "http://127.0.1.1:18774/v2.1", "http://elsewhere/")]
    assert urls(backs_to_fronts(catalog, PARIS)) == ["http://127.0.1.1:8774/v2.1", "http://elsewhere/"]


def test_services_behind_one_port_are_told_apart_by_the_longest_path_and_then_by_type() -> None:
    shared = Site("P", "P", {"compute": Endpoint(url("h", 80)), "image": Endpoint(url("h", 80, "/image")),
                             "network": Endpoint(url("h", 80))})  # fmt: skip
    other = Site("Q", "Q", {name: Endpoint(url(name, 80)) for name in ("compute", "image", "network")})
    catalog = [
        entry("image", "http://h/image/v2"),
        entry("network", "http://h/v2.0"),
        entry("compute", "http://h/v2.1"),
    ]
    assert urls(rewrite_catalog(catalog, shared, other)) == [
        "http://image/v2",
        "http://network/v2.0",
        "http://compute/v2.1",
    ]


def test_token_and_catalog_answers_are_rewritten() -> None:
    catalog = [entry("compute", "http://127.0.1.1:8774/v2.1")]
    for document in ({"token": {"catalog": catalog, "user": {"id": "u"}}}, {"catalog": catalog, "links": {}}):
        answer = json.loads(rewrite_token_answer(json.dumps(document).encode(), PARIS, CORTE))
        assert urls(answer.get("token", answer)["catalog"]) == ["http://127.0.2.1/compute/v2.1"]


def test_other_answers_stay_byte_for_byte() -> None:
    at_home = json.dumps({"token": {"catalog": [entry("compute", "http://127.0.1.1:8774")]}}, indent=2).encode()
    assert rewrite_token_answer(at_home, PARIS, PARIS) is at_home
    for body in (
        b"",
        b"nonsense",
        b"[1]",
        b'{"token": {}}',
        b'{"token": 1}',
        b'{"token": {"catalog": [{"endpoints": 1}]}}',
    ):
        assert rewrite_token_answer(body, PARIS, CORTE) is body


# ---- for clients that cannot add a header


def test_a_catalog_is_put_under_a_prefix() -> None:
    catalog = [
        entry("compute", "http://127.0.1.1:8774/v2.1", "http://127.0.1.1:18774/v2.1"),
        entry("volumev3", "http://127.0.1.1/volume/v3/abc"),
        entry("metering", "http://elsewhere/"),
        entry("image", "http://127.0.1.1:9292/scope/other/image"),
    ]
    prefixed = under_prefix(catalog, PARIS, Prefix("http://127.0.1.1:8774", "/scope/a"))
    assert urls(prefixed) == [
        *["http://127.0.1.1:8774/scope/a/compute/v2.1"] * 2,
        "http://127.0.1.1:8774/scope/a/block-storage/v3/abc",
        "http://elsewhere/",
        "http://127.0.1.1:9292/scope/other/image",
    ]
    assert {endpoint["region"] for one in prefixed for endpoint in one["endpoints"]} == {"Paris"}


def test_regions_stand_behind_the_sites_own_endpoints() -> None:
    catalog = [entry("compute", "http://127.0.1.1:8774/v2.1"), entry("metering", "http://elsewhere/")]
    catalog[1]["endpoints"].append({"id": "f", "region": "Rome", "url": "http://127.0.1.1:8774/v2.1"})
    found = with_regions(catalog, PARIS, {"/scope/~6162": "Everywhere", "/scope/both": "Both"})
    assert [[(one["region"], one["url"]) for one in each["endpoints"]] for each in found] == [
        [
            ("Paris", "http://127.0.1.1:8774/v2.1"),
            ("Everywhere", "http://127.0.1.1:8774/scope/~6162/compute/v2.1"),
            ("Both", "http://127.0.1.1:8774/scope/both/compute/v2.1"),
        ],
        [("Paris", "http://elsewhere/"), ("Rome", "http://127.0.1.1:8774/v2.1")],
    ]
    ids = [one["id"] for one in found[0]["endpoints"]]
    assert len(set(ids)) == 3
    assert found == with_regions(catalog, PARIS, {"/scope/~6162": "Everywhere", "/scope/both": "Both"})
    assert found[0]["endpoints"][1]["region_id"] == "Everywhere"
    assert found[0]["endpoints"][1]["interface"] == "public"


def test_a_region_that_keystone_has_already_is_not_there_twice() -> None:
    catalog = [entry("compute", "http://127.0.1.1:8774/v2.1")]
    catalog[0]["endpoints"].append({"id": "f", "region": "Everywhere", "url": "http://x/"})
    assert with_regions(catalog, PARIS, {"/scope/everywhere": "Everywhere"}) == catalog


def test_what_holds_no_catalog_is_not_changed() -> None:
    for document in (None, [], {}, {"token": []}, {"catalog": 1}, {"catalog": [{"endpoints": [1]}]}, {"catalog": []}):
        assert not change_catalog(
            document, lambda catalog: [*catalog, {"type": "x", "endpoints": []}] if catalog else []
        )
    token: dict[str, Any] = {"token": {"catalog": [entry("compute", "x")]}}
    assert change_catalog(token, lambda catalog: [])
    assert token == {"token": {"catalog": []}}
