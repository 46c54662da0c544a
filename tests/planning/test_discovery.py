"""Version documents of several sites, as real services give them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scopeproxy.errors import BadCollaboration
from scopeproxy.planning.discovery import intersect, rewrite_link, rewrite_links, tells_versions


def nova(lowest: str, highest: str) -> dict[str, Any]:
    def version(id_: str, low: str, high: str) -> dict[str, Any]:
        return {"id": id_, "status": "CURRENT", "version": high, "min_version": low, "links": []}

    return {"versions": [version("v2.0", "", ""), version("v2.1", lowest, highest)]}


def test_novas_range_is_what_all_sites_have() -> None:
    document = intersect(
        [("Paris", nova("2.1", "2.100")), ("Corte", nova("2.4", "2.96")), ("Lyon", nova("2.1", "2.99"))]
    )
    assert document["versions"][0] == nova("", "")["versions"][0]
    assert (document["versions"][1]["min_version"], document["versions"][1]["version"]) == ("2.4", "2.96")


def test_one_version_is_intersected_as_a_list_of_them_is() -> None:
    one, other = ({"version": nova("2.1", high)["versions"][1]} for high in ("2.9", "2.10"))
    assert intersect([("Paris", one), ("Corte", other)])["version"]["version"] == "2.9"
    assert intersect([("Corte", other), ("Paris", one)])["version"]["version"] == "2.9"


def test_placement_calls_its_top_max_version() -> None:
    one, other = (
        {"versions": [{"id": "v1.0", "min_version": "1.0", "max_version": high}]} for high in ("1.39", "1.30")
    )
    assert intersect([("Paris", one), ("Corte", other)])["versions"][0]["max_version"] == "1.30"


def test_ranges_that_do_not_meet_are_refused_as_not_acceptable() -> None:
    with pytest.raises(BadCollaboration, match=r"Paris.*Corte") as raised:
        intersect([("Paris", nova("2.50", "2.100")), ("Corte", nova("2.1", "2.49"))])
    assert raised.value.status == 406


def test_a_site_without_microversions_leaves_none() -> None:
    document = intersect([("Paris", nova("2.1", "2.96")), ("Corte", nova("", ""))])
    assert document["versions"][1]["version"] == ""


def test_glance_keeps_the_versions_that_all_sites_have() -> None:
    one = {"versions": [{"id": id_} for id_ in ("v2.15", "v2.14", "v2.13")]}
    other = {"versions": [{"id": id_} for id_ in ("v2.14", "v2.13", "v2.2")]}
    assert [entry["id"] for entry in intersect([("P", one), ("C", other)])["versions"]] == ["v2.14", "v2.13"]


def test_keystones_minor_version_is_the_lower_one() -> None:
    one, other = ({"versions": {"values": [{"id": id_, "media-types": []}]}} for id_ in ("v3.14", "v3.9"))
    assert intersect([("P", one), ("C", other)])["versions"]["values"][0]["id"] == "v3.9"
    one, other = ({"version": {"id": id_}} for id_ in ("v3.9", "v3.14"))
    assert intersect([("P", one), ("C", other)])["version"]["id"] == "v3.9"


def test_no_version_in_common_is_refused() -> None:
    with pytest.raises(BadCollaboration, match="no version"):
        intersect([("P", {"versions": [{"id": "v1.0"}]}), ("C", {"versions": [{"id": "v2.0"}]})])


@pytest.mark.parametrize("odd", [{}, {"versions": None}, {"versions": [None, 3]}, {"versions": "x"}, {"versions": 1}])
def test_an_odd_document_is_refused_and_never_a_traceback(odd: dict[str, Any]) -> None:
    with pytest.raises(BadCollaboration):
        intersect([("P", nova("2.1", "2.9")), ("C", odd)])
    assert not tells_versions(odd)


def test_links_name_the_other_root_and_nothing_else_changes() -> None:
    body = b'{"links": [{"rel": "self",  "href": "http://p:8774/v2.1/"}, {"href": "http:\\/\\/p:8774"}], "about": "http://p:8774/"}'
    expected = body.replace(b'"http://p:8774/v2.1/"', b'"http://q/compute/v2.1/"').replace(
        b'"http:\\/\\/p:8774"', b'"http://q/compute"'
    )
    assert rewrite_links(body, "http://p:8774", "http://q/compute") == expected


def test_a_port_that_only_begins_alike_is_another() -> None:
    body = json.dumps({"href": "http://p:87741/"}).encode()
    assert rewrite_links(body, "http://p:8774", "http://q") == body
    assert rewrite_link("http://p:87741/x", "http://p:8774", "http://q") == "http://p:87741/x"
    assert rewrite_link("http://p:8774/x", "http://p:8774", "http://q") == "http://q/x"
    assert rewrite_link("/x", "http://p:8774", "http://q") == "/x"
