"""Heads are found, validated whole, and left as they are."""

from __future__ import annotations

import pytest

from scopeproxy.execution.passthrough.head import Fields, Malformed, ReplyHead, RequestHead, check_beginning, every_line

FIELDS = b"\r\nHost: h\r\nX-Auth-Token:\tt \r\nX-A: caf\xc3\xa9\r\nContent-length:5\r\n\r\n"


def request(first=b"GET /x HTTP/1.1", fields=FIELDS):
    data = first + fields
    return RequestHead(data, 0, len(data))


def test_a_head_tells_its_first_line_and_the_lines_that_matter():
    head = request()
    assert (head.method, head.target, head.minor) == (b"GET", b"/x", b"1")
    assert [(name, value) for name, value, _, _ in head.fields.lines] == [
        (b"host", b"h"),
        (b"x-auth-token", b"t"),
        (b"content-length", b"5"),
    ]
    assert not head.fields.ascii


def test_a_line_cut_out_leaves_a_head():
    fields = request().fields
    for _, _, start, end in fields.lines:
        assert Fields(fields.raw[:start] + fields.raw[end:]).raw


def test_fields_that_come_again_are_not_read_again():
    first = request()
    data = b"\r\nPUT /y HTTP/1.1" + FIELDS
    assert RequestHead(data, 2, len(data), first.fields).fields is first.fields
    other = b"PUT /y HTTP/1.1\r\nHost: h\r\n\r\n"
    assert RequestHead(other, 0, len(other), first.fields).fields is not first.fields


@pytest.mark.parametrize(
    "first",
    [
        b"GET /x HTTP/1.2",
        b"GET /x HTTP/2.0",
        b"GET /x http/1.1",
        b"GET  /x HTTP/1.1",
        b"GET /x  HTTP/1.1",
        b"GET /x HTTP/1.1 ",
        b" GET /x HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"G(T /x HTTP/1.1",
        b"GET /x",
        b"GET HTTP/1.1",
        b"",
    ],
)
def test_a_first_line_that_is_none_is_malformed(first):
    with pytest.raises(Malformed):
        request(first)


@pytest.mark.parametrize(
    "line",
    [
        b"X-A : 1",
        b"X A: 1",
        b" X-A: 1",
        b"X-A: 1\r\n folded",
        b"X-A: 1\r\n\tfolded",
        b"X-A",
        b": 1",
        b"X-A: a\0b",
        b"X-A: a\rb",
        b"X-A: a\nb",
        b"X-A: a\x0bb",
        b"X-A: a\x7f",
        b"X(A): 1",
        b"X\xc3\xa9: 1",
    ],
)
def test_a_line_that_can_be_read_in_two_ways_is_malformed(line):
    with pytest.raises(Malformed):
        Fields(b"\r\nHost: h\r\n" + line + b"\r\n\r\n")
    data = b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n"
    with pytest.raises(Malformed):
        ReplyHead(data, len(data))


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 Fine \xc3\xa9", b"HTTP/1.1 299 a b"]
)
def test_a_status_line_may_be_without_reason(first):
    data = first + b"\r\nA: b\r\n\r\nrest"
    head = ReplyHead(data, len(data) - 4)
    assert (head.status // 100, data[: head.first]) == (2, first)
    assert head.reason == first[13:]


KEEP = b"Connection: keep-alive"
LONG = b"content-length:\t7 "


@pytest.mark.parametrize(("lines", "length", "cut"), [
    ((), None, b""),
    ((b"Content-Length: 7",), 7, b""),
    ((b"Content-Type: a/b", LONG, b"X-Scoped: no", b"Via-X: 1", b"Connections: 2"), 7, b""),
    ((LONG, b"Date: now", b"CONNECTION:Keep-Alive ", b"E: f"), 7, b"CONNECTION:Keep-Alive \r\n"),
    ((KEEP,), None, KEEP + b"\r\n"),
])  # fmt: skip
def test_most_answers_are_usual(lines, length, cut):
    head = answer(*lines)
    assert head.usual
    assert (head.status, head.minor, head.reason, head.length) == (404, b"1", b"Not Found", length)
    assert head.data[head.cut : head.after] == cut
    told = [(name, value) for name, value, _, _ in head.lines if name == b"content-length"]
    assert told == ([] if length is None else [(b"content-length", b"%d" % length)])


@pytest.mark.parametrize("lines", [
    (b"Connection: close",), (b"Connection: keep-alive, X-A",), (KEEP, KEEP), (KEEP, LONG), (LONG, LONG),
    (b"Content-Length: 7, 7",), (b"Content-Length: +7",), (b"Content-Length: ",),
    (b"Content-Length: 1234567890123456789",),
    (b"Transfer-Encoding: chunked",), (LONG, b"transfer-encoding: chunked"), (b"Keep-Alive: 5",), (b"TE: a",),
    (b"Trailer: a",), (b"Upgrade: a",), (b"Via: 1.1 fred",), (b"Proxy-Authenticate: a",), (b"Proxy-Connection: a",),
    (b"X-Auth-Token: a",), (b"x-subject-token: a",), (b"X-SCOPE-Sites: a",), (b"X-Scope-: a",), (b"X-Scope-Any: a",),
])  # fmt: skip
def test_an_answer_with_another_line_that_matters_is_not_usual(lines):
    head = answer(*lines)
    assert not head.usual
    assert len(head.lines) == len(lines)


def answer(*lines):
    data = b"\r\n".join([b"HTTP/1.1 404 Not Found", *lines, b"", b""])
    return ReplyHead(data + b"the body", len(data))


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 20", b"HTTP/1.1 2000", b"HTTP/1.1 099 x", b"HTTP/2 200 OK", b"ICY 200 OK"]
)
def test_a_status_line_that_is_none_is_malformed(first):
    data = first + b"\r\n\r\n"
    with pytest.raises(Malformed):
        ReplyHead(data, len(data))


def test_whatever_a_head_may_begin_with_is_waited_for_and_nothing_else():
    head = b"POST /x HTTP/1.1\r\nHost: h\r\nA:\tb\xff\r\n\r\n"
    for cut in range(len(head)):
        for at in range(cut):
            check_beginning(head[:cut], at)
    for wrong in (b"GET / HTTP/1.1\n", b"GET\0", b"\x16\x03\x01", b"GET / HTTP/1.1\rX"):
        with pytest.raises(Malformed):
            check_beginning(wrong)


def test_every_line_is_told_in_order():
    assert every_line(b"\r\nA: 1\r\nb:2 \r\nA:\r\n\r\n") == [(b"A", b"1"), (b"b", b"2"), (b"A", b"")]
    assert every_line(b"\r\n\r\n") == []
