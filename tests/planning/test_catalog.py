"""The client sees the entry's catalog, whichever site issued the token."""

from __future__ import annotations

import json
from typing import Any

from scopeproxy.model.topology import Address, Endpoint, Site, Url
from scopeproxy.planning.catalog import backs_to_fronts, rewrite_catalog, rewrite_token_answer


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
