"""Requests and replies as values: headers of any case, queries in order, and JSON that never crashes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from scopeproxy.model.messages import (
    NOTHING,
    Body,
    Header,
    Held,
    Reply,
    Request,
    header,
    json_reply,
    with_header,
    without,
)

HEADERS: tuple[Header, ...] = (("Accept", "*/*"), ("X-Scope", "one"), ("Vary", "Accept"), ("x-scope", "two"))
# More levels than the JSON reader follows: it gives up with a RecursionError.
DEEP = b"[" * 200_000 + b"]" * 200_000


class Arriving:
    """A body that is still on its way: nothing of it is held."""

    length = None
    replayable = False

    async def open(self) -> AsyncIterator[bytes]:
        yield b"{}"


class Rest:
    """What is still to come of a reply."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"}"

    async def aclose(self) -> None:
        return


async def read(body: Body) -> list[bytes]:
    return [part async for part in body.open()]


# ---- headers


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-scope", "one"), ("X-SCOPE", "one"), ("accept", "*/*"), ("X-Scop", None), ("", None)],
)
def test_a_header_is_found_in_any_case_the_first_of_several(name: str, value: str | None) -> None:
    assert header(HEADERS, name) == value
    assert Request("compute", "GET", "/", HEADERS).header(name) == value
    assert Reply("Paris", 200, HEADERS).header(name) == value


def test_headers_are_taken_away_in_any_case_all_of_several() -> None:
    assert without(HEADERS, "X-SCOPE") == (("Accept", "*/*"), ("Vary", "Accept"))
    assert without(HEADERS, "vary", "x-Scope") == (("Accept", "*/*"),)
    assert without(HEADERS) == HEADERS
    assert without(HEADERS, "Cookie") == HEADERS


def test_a_header_is_set_once_in_the_place_of_the_first() -> None:
    assert with_header(HEADERS, "X-SCOPE", "new") == (("Accept", "*/*"), ("X-Scope", "new"), ("Vary", "Accept"))


def test_a_header_that_was_not_there_is_set_at_the_end() -> None:
    assert with_header(HEADERS, "Cookie", "c") == (*HEADERS, ("Cookie", "c"))
    assert with_header((), "Cookie", "") == (("Cookie", ""),)


def test_a_request_with_other_headers_is_another_value() -> None:
    request = Request("compute", "GET", "/servers", HEADERS, Held(b"x"))
    changed = request.with_header("Accept", "text/plain").without("X-Scope", "Vary")
    assert changed == Request("compute", "GET", "/servers", (("Accept", "text/plain"),), Held(b"x"))
    assert request.headers == HEADERS


# ---- paths and queries


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/servers", "/servers", ()),
        ("/servers?", "/servers", ()),
        ("/servers?name=a&name=b", "/servers", (("name", "a"), ("name", "b"))),
        ("/servers?b=1&a=2", "/servers", (("b", "1"), ("a", "2"))),
        ("/servers?deleted&name=", "/servers", (("deleted", ""), ("name", ""))),
        ("/servers?name=a%26b+c%3D%C3%A9", "/servers", (("name", "a&b c=é"),)),
        ("/servers?back=/x?y", "/servers", (("back", "/x?y"),)),
        # The path is not decoded: it is sent on as it came.
        ("/box/a%2Fb%3Fc", "/box/a%2Fb%3Fc", ()),
    ],
)
def test_a_target_is_a_path_and_a_query(target: str, path: str, query: tuple[tuple[str, str], ...]) -> None:
    request = Request("compute", "GET", target)
    assert (request.path, request.query) == (path, query)


# ---- bodies


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256))])
async def test_a_held_body_is_had_as_often_as_wanted(data: bytes) -> None:
    body = Held(data)
    assert (body.length, body.replayable) == (len(data), True)
    assert [b"".join(await read(body)) for _ in range(2)] == [data, data]


async def test_no_body_gives_no_part_at_all() -> None:
    assert Request("compute", "GET", "/").body is NOTHING
    assert await read(NOTHING) == []


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"server": {"name": "vm1"}}', {"server": {"name": "vm1"}}),
        (b"[]", []),
        ('{"n": "é"}'.encode(), {"n": "é"}),
        (b"", None),
        (b"<html>", None),
        (b'{"server": ', None),
        (b"\xff\xfe\xfa", None),
        (DEEP, None),
        # The digits of one number are limited as well (sys.set_int_max_str_digits).
        (b"9" * 5000, None),
    ],
    ids=["object", "list", "accents", "empty", "no JSON", "cut off", "no UTF-8", "deep", "long number"],
)
def test_what_is_not_json_is_none(data: bytes, value: Any) -> None:
    assert Request("compute", "POST", "/servers", body=Held(data)).json == value
    assert Reply("Paris", 200, body=data).json == value


def test_the_json_of_a_body_still_to_come_is_none() -> None:
    assert Request("compute", "POST", "/servers", body=Arriving()).json is None
    assert Reply("Paris", 200, body=b"{}", rest=Rest()).json is None


# ---- replies


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (300, False), (404, False), (500, False)]
)
def test_a_reply_is_well_from_200_to_299(status: int, ok: bool) -> None:
    assert Reply("Paris", status).ok is ok


def test_a_reply_of_our_own_says_that_it_is_json() -> None:
    reply = json_reply("Paris", 207, {"ids": ["é"]}, (("X-Scope-Sites", "Paris"),))
    assert (reply.site, reply.status, reply.json, reply.rest) == ("Paris", 207, {"ids": ["é"]}, None)
    assert reply.headers == (("Content-Type", "application/json"), ("X-Scope-Sites", "Paris"))
    assert json.loads(reply.body) == {"ids": ["é"]}


def test_neither_headers_nor_bodies_are_shown_for_they_hold_tokens() -> None:
    secrets = (("X-Auth-Token", "gAAAAAB-secret"),)
    request = Request("image", "GET", "/v2/images", secrets, Held(b"gAAAAAB-secret"))
    assert "gAAAAAB" not in repr(request)
    assert "gAAAAAB" not in repr(Reply("Paris", 200, secrets, b"gAAAAAB-secret"))
    assert "/v2/images" in repr(request)
