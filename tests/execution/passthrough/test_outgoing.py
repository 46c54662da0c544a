"""Heads to the letter, framed as their bodies are; and nothing that could become a second request."""

from __future__ import annotations

import pytest

from scopeproxy.execution.bodies import Once
from scopeproxy.execution.passthrough.outgoing import Outgoing, Unsendable, head_of
from scopeproxy.model.messages import NOTHING, Held
from scopeproxy.model.topology import Address, Timeouts, Url


async def nothing():
    return
    yield


def call(*headers, method="GET", target="/x", body=NOTHING):
    root = Url("http", Address("h", 1), "/base")
    return Outgoing("Corte", root, method, target, (("Host", "h"), *headers), body, Timeouts())


STREAM = Once(nothing(), None)
MEASURED = Once(nothing(), 5)


@pytest.mark.parametrize(
    ("headers", "body", "more", "chunked", "expects"),
    [
        ((), NOTHING, b"", False, False),
        ((("Content-Length", "0"),), NOTHING, b"Content-Length: 0\r\n", False, False),
        ((), Held(b"hello"), b"Content-Length: 5\r\n", False, False),
        ((("content-LENGTH", "5"),), Held(b"hello"), b"content-LENGTH: 5\r\n", False, False),
        ((), STREAM, b"Transfer-Encoding: chunked\r\n", True, False),
        ((("transfer-encoding", "chunked"),), STREAM, b"transfer-encoding: chunked\r\n", True, False),
        ((("Expect", "100-Continue"),), MEASURED, b"Expect: 100-Continue\r\nContent-Length: 5\r\n", False, True),
        ((("x-B", "ü\udcff"), ("X-b", "")), NOTHING, b"x-B: \xc3\xbc\xff\r\nX-b: \r\n", False, False),
    ],
)
def test_headers_go_as_they_are_and_the_body_is_framed(headers, body, more, chunked, expects):
    head = head_of(call(*headers, body=body))
    assert head == (b"GET /base/x HTTP/1.1\r\nHost: h\r\n" + more + b"\r\n", chunked, expects)


@pytest.mark.parametrize(
    "wrong",
    [
        call(("X-A", "b\r\nX-Scope: c")),
        call(("X-A", "b\n")),
        call(("X-A", "b\r")),
        call(("X-A", "b\0")),
        call(("X-A\r\nX-B", "b")),
        call(target="/x HTTP/1.1\r\nHost: other\r\n\r\n"),
        call(target="/x y"),
        call(method="GET /x"),
        call(("Content-Length", "4"), body=Held(b"hello")),
        call(("Content-Length", "+5"), body=Held(b"hello")),
        call(("Content-Length", "5"), body=STREAM),
        call(("Transfer-Encoding", "chunked"), body=Held(b"hello")),
    ],
)
def test_what_two_readers_could_understand_in_two_ways_is_not_sent(wrong):
    with pytest.raises(Unsendable) as told:
        head_of(wrong)
    assert "b" not in str(told.value).split()
