"""What services tell of data, and whether it is the same."""

from __future__ import annotations

import pytest

from scopeproxy.model.messages import Held, Reply, Request, json_reply
from scopeproxy.planning.checksums import difference, question, row_for
from scopeproxy.planning.intent import classify

UPLOAD = Request(
    "image",
    "PUT",
    "/v2/images/abc/file?x=1",
    (
        ("Host", "h"),
        ("Content-Type", "application/octet-stream"),
        ("Transfer-Encoding", "chunked"),
        ("X-Auth-Token", "t"),
    ),
    Held(b"data"),
)


@pytest.mark.parametrize(
    ("service", "line", "told"),
    [
        ("image", "PUT /v2/images/abc/file", True),
        ("image", "PUT /v2/images/abc/stage", False),
        ("image", "GET /v2/images/abc/file", False),
        ("image", "PATCH /v2/images/abc", False),
        ("object-store", "PUT /v1/AUTH_p/c/o", True),
        ("docs", "PUT /x", False),
    ],
)
def test_these_services_tell_what_they_have_taken_in(service: str, line: str, told: bool) -> None:
    method, target = line.split(" ")
    request = Request(service, method, target)
    assert (row_for(request, classify(request)) is not None) == told


def test_an_image_is_asked_for_with_the_headers_of_the_upload_but_for_those_of_the_data() -> None:
    row = row_for(UPLOAD, classify(UPLOAD))
    assert row is not None
    asked = question(row, UPLOAD)
    assert asked == Request("image", "GET", "/v2/images/abc", (("Host", "h"), ("X-Auth-Token", "t")))


def test_an_object_store_has_told_in_its_answer() -> None:
    upload = Request("object-store", "PUT", "/v1/AUTH_p/c/o")
    row = row_for(upload, classify(upload))
    assert row is not None
    assert question(row, upload) is None
    assert row.figures(Reply("Paris", 201, (("ETag", '"abc"'),))) == {"md5": "abc"}
    assert row.figures(Reply("Paris", 201)) == {}


def test_an_image_tells_its_size_and_checksums() -> None:
    row = row_for(UPLOAD, classify(UPLOAD))
    assert row is not None
    image = {"size": 3, "checksum": "abc", "os_hash_algo": "sha512", "os_hash_value": "def", "status": "active"}
    assert row.figures(json_reply("Paris", 200, image)) == {"size": "3", "md5": "abc", "sha512": "def"}
    assert row.figures(json_reply("Paris", 200, {"size": None, "os_hash_algo": None})) == {}
    assert row.figures(Reply("Paris", 200, (), b"no JSON")) == {}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, ""),
        ({"Paris": {"md5": "a", "size": "1"}, "Corte": {"md5": "a", "size": "1"}}, ""),
        # Of other algorithms nothing can be said, nor of a site that tells nothing.
        ({"Paris": {"sha256": "a"}, "Corte": {"sha512": "b"}, "Lyon": {}}, ""),
        (
            {"Paris": {"size": "1", "md5": "a"}, "Corte": {"size": "1", "md5": "b"}, "Lyon": {"md5": "a"}},
            "their md5s differ: Paris a, Corte b, Lyon a",
        ),
        (
            {"Paris": {"sha512": "a" * 128}, "Corte": {"sha512": "b" * 128}},
            "their sha512s differ: Paris aaaaaaaaaaaaaaaa…, Corte bbbbbbbbbbbbbbbb…",
        ),
    ],
)
def test_what_differs_is_told_site_by_site(told: dict[str, dict[str, str]], said: str) -> None:
    assert difference(told) == said
