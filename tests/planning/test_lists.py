"""Where lists of real services have their items, and their links to what follows."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from scopeproxy.model.messages import Reply, Request, json_reply
from scopeproxy.planning.lists import DECODED, contents, envelope, flaw, has_link, linked, listing, next_page


@pytest.mark.parametrize(
    ("document", "collection", "key"),
    [
        ({"servers": [1], "servers_links": [2]}, "servers", "servers"),
        ({"images": [], "schema": "/v2/schemas/images", "first": "/v2/images"}, "images", "images"),
        ({"users": [1], "links": {"next": None, "self": "", "previous": None}}, "users", "users"),
        ({"keypairs": [{"keypair": {}}]}, "os-keypairs", "keypairs"),
        ({"availabilityZoneInfo": []}, "os-availability-zone", "availabilityZoneInfo"),
        ({"allocation_requests": [], "provider_summaries": {}}, "allocation_candidates", "allocation_requests"),
        ([1, 2], "pages", None),
        ({"pages": [], "tags": []}, "pages", "pages"),
        ({"links": [], "tags": []}, "links", "links"),
    ],
)
def test_the_items_are_found_in_every_envelope(document: Any, collection: str, key: str | None) -> None:
    found = listing("Paris", document, collection)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("document", [{}, {"a": [], "b": []}, {"id": 1}, "text", None, 3])
def test_what_holds_no_list_or_several_is_none(document: Any) -> None:
    assert listing("Paris", document, "pages") is None


def test_what_stands_beside_the_items_is_united_whatever_its_shape() -> None:
    documents: list[Any] = [
        {"pages": [1], "by": {"a": 1}, "total": 1, "note": "x"},
        {"pages": [2], "by": "odd", "total": 1},
        {"pages": [3], "by": {"a": 2, "b": 3}, "total": 1},
    ]
    found = [part for document in documents if (part := listing("Paris", document, "pages"))]
    assert envelope(found, [1, 2, 3]) == {"pages": [1, 2, 3], "by": {"a": 1, "b": 3}, "total": 3, "note": "x"}


REQUEST = Request("any", "GET", "/v2/things?name=x")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"servers_links": [{"rel": "next", "href": "http://h:1/front/v2.1/servers?marker=a"}]},
            "/v2.1/servers?marker=a",
        ),
        ({"next": "/v2/images?marker=b%2F&limit=1"}, "/v2/images?marker=b%2F&limit=1"),
        ({"links": {"next": "http://h/front/v3/users?page=2", "self": "x"}}, "/v3/users?page=2"),
        ({"networks_links": [{"rel": "previous", "href": "http://h/x"}]}, None),
        ({"next": "?page=2"}, "/v2/things?page=2"),
        # Who follows a link to the page itself sees that the list has no end.
        ({"next": "/v2/things?name=x"}, "/v2/things?name=x"),
        ({"next": "http://[bad"}, None),
        ({"next": None, "links": {"next": None}}, None),
        ({"next": "http://h/frontier?p=1"}, "/frontier?p=1"),
        # What keystone says where it is mounted below /front.
        ({"links": {"next": "http://h/front/v2/front/v2/things?marker=9"}}, "/v2/things?marker=9"),
        ({"links": [{"rel": "next", "href": "/a?b"}]}, "/a?b"),
        ([], None),
    ],
)
def test_the_next_page_is_found_in_every_style(document: Any, expected: str | None) -> None:
    assert next_page(json_reply("Paris", 200, document), REQUEST, ("", "/front")) == expected


def test_the_next_page_is_found_in_a_header_as_well() -> None:
    links = '</a?p=0>; rel="prev", <http://h/front/a?p=2>; title="x"; rel="next"'
    assert next_page(Reply("Paris", 200, (("Link", links),), b"[]"), REQUEST, ("/front",)) == "/a?p=2"


def test_a_compressed_answer_is_read_all_the_same() -> None:
    body = gzip.compress(json.dumps({"next": "/b"}).encode())
    reply = Reply("Paris", 200, (("Content-Encoding", "gzip"),), body)
    assert contents(reply) == {"next": "/b"}
    assert next_page(reply, REQUEST) == "/b"
    assert contents(Reply("Paris", 200, (("Content-Encoding", "gzip"),), b"no gzip")) is None
    assert contents(Reply("Paris", 200, (("Content-Encoding", "gzip"),), body[:-12])) is None
    assert contents(Reply("Paris", 204)) == []


def gzipped(body: bytes) -> Reply:
    return Reply("Paris", 200, (("Content-Encoding", "gzip"),), gzip.compress(body))


def test_a_bomb_is_not_unfolded() -> None:
    at_most = gzipped(b"[]" + b" " * (DECODED - 2))
    bomb = gzipped(b"[]" + b" " * (DECODED - 1))
    assert (contents(at_most), flaw(at_most)) == ([], None)
    assert (contents(bomb), flaw(bomb)) == (None, f"its compressed answer is over {DECODED} bytes")


def test_an_answer_is_unpacked_and_parsed_once() -> None:
    for reply in (gzipped(b"[]"), Reply("Paris", 200, (), b"[]")):
        assert contents(reply) is contents(reply)


@pytest.mark.parametrize("link", ["http://[bad", "/pages?marker=\ud800", "/pages\r\nX-Scope: Corte", "/a b"])
def test_a_link_that_is_no_url_is_a_flaw_of_its_page(link: str) -> None:
    assert flaw(json_reply("Paris", 200, {"pages": [], "next": link})) == "its link to the next page is no URL"


@pytest.mark.parametrize(("body", "why"), [(b"{", "answered what is not JSON"), (b"{}", None), (b"[]", None)])
def test_what_is_not_json_is_a_flaw(body: bytes, why: str | None) -> None:
    assert flaw(Reply("Paris", 200, (), body)) == why


@pytest.mark.parametrize(
    ("shape", "key", "expected"),
    [
        ({"servers": []}, "servers", {"servers": [], "servers_links": [{"rel": "next", "href": "http://h/f/v2/x?y"}]}),
        ({"images": [], "first": "/v2/images"}, "images", {"images": [], "first": "/v2/images", "next": "/v2/x?y"}),
        ({"users": [], "links": {"next": None}}, "users", {"users": [], "links": {"next": "http://h/f/v2/x?y"}}),
    ],
)
def test_a_link_to_the_next_page_is_in_the_style_of_the_service(
    shape: dict[str, Any], key: str, expected: dict[str, Any]
) -> None:
    document = linked(shape, [shape], key, "/v2/x?y", "http://h/f", "next")
    assert document == expected
    assert next_page(json_reply("Paris", 200, document), REQUEST, ("/f",)) == "/v2/x?y"
    assert has_link(json_reply("Paris", 200, document), "next")
    assert not has_link(json_reply("Paris", 200, document), "previous")


def test_an_array_has_no_place_for_a_link() -> None:
    assert linked([1], [[1]], None, "/x", "http://h", "next") == [1]


def test_of_a_page_the_sites_say_how_many_there_are_in_all() -> None:
    documents: list[Any] = [{"ports": [1], "count": 7}, {"ports": [2], "count": 5}]
    found = [part for document in documents if (part := listing("Paris", document, "ports"))]
    assert envelope(found, [1], counted=True)["count"] == 12
    assert envelope(found, [1, 2])["count"] == 2
