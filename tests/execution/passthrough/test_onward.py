"""What is cut out of the bytes gives what the functions of planning/rewriting.py give for the headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.execution.passthrough.framing import CHUNKED, TO_THE_END
from scopeproxy.execution.passthrough.head import Fields, ReplyHead, RequestHead, every_line
from scopeproxy.execution.passthrough.onward import Client, Onward, decoded, encoded, names_headers, options_of
from scopeproxy.model.messages import Reply
from scopeproxy.planning.rewriting import to_client, to_service, with_via

HOST = "h:1"
NAMES = (
    "Accept", "Cache-Control", "Connection", "Content-Length", "Cookie", "Forwarded", "Keep-Alive",
    "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Upgrade", "Via", "X-A", "X-Forwarded-For",
    "X-Forwarded-Prefix", "X-Real-IP", "X-Auth-Token", "Proxy-Authenticate", "X-Scope-Sites", "X-Subject-Token",
    "X-Forwarded-Proto", "ETag",
)  # fmt: skip
VALUES = ("", "1", "close", "keep-alive", "X-A, close", "Keep-Alive", "a~scope1.b", "caf\u00e9", "1.1 fred")
LINES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=8)


def raw(headers):
    return b"\r\n" + encoded(tuple(headers), b"")


def lines_of(head):
    return decoded(every_line(head[head.index(b"\r\n") :]))


@given(LINES, st.sampled_from([(), ("192.0.2.0/24",)]))
def test_a_call_goes_on_with_the_headers_that_planning_gives_it(headers, trusted):
    fields = raw([("Host", HOST), *headers])
    data = b"GET /x HTTP/1.1" + fields
    head = RequestHead(data, 0, len(data))
    onward = Onward("Paris", Client("192.0.2.1", "https", trusted))
    for _ in range(2):
        sent = b"GET / HTTP/1.1\r\n" + onward.fields(head.fields, CHUNKED, HOST.encode())
        wanted = with_via(to_service(decoded(every_line(fields)), "192.0.2.1", "https", HOST, trusted), "Paris")
        assert lines_of(sent) == (*wanted, ("Transfer-Encoding", "chunked"))


@given(LINES, st.sampled_from([b"HTTP/1.0 203", b"HTTP/1.1 203", b"HTTP/1.1 404"]), st.booleans())
def test_an_answer_goes_on_with_the_headers_that_planning_gives_it(headers, first, usual):
    # Those which have none of the lines that matter are hardly ever drawn.
    headers = [pair for pair in headers if not usual or pair[0] in ("Accept", "Cookie", "X-A", "ETag", "Cache-Control")]
    data = first + b" So so" + raw([*headers, ("Content-Length", "5"), ("connection", "Keep-Alive")])
    head = ReplyHead(data, len(data))
    assert head.usual or not usual or head.minor == b"0"
    sent = Onward("Paris", Client("192.0.2.1", "http")).reply(head, 5, False, options_of(head.lines))
    assert sent.startswith(b"HTTP/1.1" + first[8:] + b" So so\r\n")
    assert lines_of(sent) == to_client(decoded(every_line(data[head.first :])), "Paris")


@pytest.mark.parametrize(("framing", "last", "more"), [
    (CHUNKED, False, b"Transfer-Encoding: chunked\r\n"),
    (TO_THE_END, True, b"Transfer-Encoding: chunked\r\nConnection: close\r\n"),
    (3, True, b"Connection: close\r\n"),
    (0, False, b""),
])  # fmt: skip
def test_an_answer_tells_how_it_ends(framing, last, more):
    data = b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"
    head = ReplyHead(data, len(data))
    sent = Onward("Paris", Client("192.0.2.1", "http")).reply(head, framing, last, frozenset())
    assert sent == b"HTTP/1.1 200 \r\nA: b\r\nVia: 1.1 Paris (scopeproxy)\r\n" + more + b"\r\n"


def test_a_204_has_no_length():
    data = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
    sent = Onward("Paris", Client("", "http")).reply(ReplyHead(data, len(data)), 0, False, frozenset())
    assert sent == b"HTTP/1.1 204 No Content\r\nVia: 1.1 Paris (scopeproxy)\r\n\r\n"


def test_an_upgrade_is_told_on_both_ways():
    data = b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    onward = Onward("Paris", Client("192.0.2.1", "http"))
    sent = onward.fields(RequestHead(data, 0, len(data)).fields, 0, b"h", True)
    assert sent.endswith(b"(scopeproxy)\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert sent.count(b"pgrade:") == 1
    data = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-A: b\r\n\r\n"
    assert onward.switching(ReplyHead(data, len(data))) == (
        b"HTTP/1.1 101 Switching Protocols\r\nSec-A: b\r\nVia: 1.1 Paris (scopeproxy)\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )


def test_what_we_say_ourselves_has_no_body_for_head():
    onward = Onward("Paris", Client("", "http"))
    reply = Reply("Paris", 404, (("Content-Length", "2"),), b"no")
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nVia: 1.1 Paris (scopeproxy)\r\n"
    assert onward.told(reply, b"GET", False) == head + b"\r\nno"
    assert onward.told(reply, b"HEAD", True) == head + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "options", "names"),
    [
        ((), set(), False),
        ((b"keep-alive",), {b"keep-alive"}, False),
        ((b"Close",), {b"close"}, False),
        ((b"Upgrade , TE",), {b"upgrade", b"te"}, False),
        ((b"close", b"X-Mine"), {b"close", b"x-mine"}, True),
    ],
)
def test_connection_says_options_and_names(said, options, names):
    fields = Fields(b"".join(b"\r\nConnection: " + value for value in said) + b"\r\n\r\n")
    assert options_of(fields.lines) == options
    assert names_headers(options_of(fields.lines)) is names
