"""Which requests pass, which the journey gets, and which nobody gets."""

from __future__ import annotations

import pytest

from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.passthrough.entry import entry
from scopeproxy.execution.passthrough.head import Malformed
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.passthrough.ways import Ways
from scopeproxy.model.topology import Address, Url

WAYS = Ways(lambda target: ("docs", target), {"docs": Url("http", Address("h", 1))}, Tally(Metrics("Paris"), "Paris"))


def came(*lines, first=b"GET /x HTTP/1.1", before=None):
    data = b"\r\n".join([first, *lines, b"", b""])
    return entry(data, 0, len(data), WAYS, before)


PLAIN = [
    (b"Host: h",),
    (b"Host: [::1]:8774",),
    (b"Host: h:", b"X-Auth-Token: gAAAA", b"X-Service-Token: gAAAB"),
    (b"Host: h", b"Connection: keep-alive, X-Mine", b"X-Mine: 1"),
    (b"Host: h", b"Via: 1.1 fred", b"X-Forwarded-For: 1.2.3.4"),
    (b"Host: h", b"X-OpenStack-Request-ID: req-5f2c6c1e-8a34-4d92-9f5b-2f1f6f2f7a11"),
    (b"Host: h", b"Connection: upgrade", b"Upgrade: WebSocket"),
    (b"Host: h", b"Content-Length: 3", b"Expect: 100-continue"),
]


@pytest.mark.parametrize("lines", PLAIN)
def test_what_is_plain_passes(lines):
    way = came(*lines).way
    assert way is not None
    assert (way.service, way.target) == ("docs", b"/x")


LOOKED_AT = [
    (b"Host: h", b"X-Scope: {}"),
    (b"Host: h", b"x-scope-options: strict"),
    (b"Host: h", b"X-Scope-Hops: 1"),
    (b"Host: h", b"X-Scope-Signature: v1 site=Corte"),
    (b"Host: h", b"X-Auth-Token: gAAAA~scope1.x.y"),
    (b"Host: h", b"X-Auth-Token: a", b"X-Auth-Token: b"),
    (b"Host: h", b"X-Subject-Token: gAAAA~scope1.x.y"),
    (b"Host: h", b"X-OpenStack-Request-ID: req-5c09e000-8a34-4d92-9f5b-2f1f6f2f7a11"),
    (b"Host: h", b"Via: 1.1 Corte (scopeproxy)"),
    (b"Host: h", b"X-A: caf\xc3\xa9"),
    (b"Host:",),
    (b"Host: h", b"Connection: X-Auth-Token, X-A"),
    (b"Host: h", b"Connection: Host"),
    (b"Host: h", b"Connection: Upgrade", b"Upgrade: h2c"),
    (b"Host: h", b"Upgrade: websocket"),
    (b"Host: h", b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 1"),
    (b"Host: h", b"Expect: 100-continue"),
]


@pytest.mark.parametrize("lines", LOOKED_AT)
def test_what_is_more_than_plain_is_looked_at(lines):
    assert came(*lines).way is None


def test_http_1_0_is_looked_at():
    assert came(first=b"GET /x HTTP/1.0").way is None
    assert came(b"Host: h", first=b"GET /x HTTP/1.0").way is None


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        (b"GET /x HTTP/1.1", ()),
        (b"GET /x HTTP/1.1", (b"Host: h", b"host: h")),
        (b"GET /x HTTP/1.0", (b"Host: h", b"Host: i")),
        (b"GET /x HTTP/1.1", (b"Host: h/x",)),
        (b"GET /x HTTP/1.1", (b"Host: u@h",)),
        (b"GET /x HTTP/1.1", (b"Host: h, i",)),
        (b"GET /x HTTP/1.1", (b"Host: h:x",)),
        (b"GET http://h/x HTTP/1.1", (b"Host: h",)),
        (b"CONNECT h:1 HTTP/1.1", (b"Host: h",)),
        (b"CONNECT /x HTTP/1.1", (b"Host: h",)),
        (b"CONNECT /x HTTP/1.1", (b"Host: h", b"X-Scope: {}")),
        (b"OPTIONS * HTTP/1.1", (b"Host: h",)),
        (b"POST /x HTTP/1.0", (b"Transfer-Encoding: chunked",)),
        (b"POST /x HTTP/1.1", (b"Host: h", b"Content-Length: 1", b"Transfer-Encoding: chunked")),
    ],
)
def test_what_can_be_read_in_two_ways_nobody_gets(first, lines):
    with pytest.raises(Malformed):
        came(*lines, first=first)


def test_fields_that_come_again_say_the_same_and_first_lines_are_read_each_time():
    first = came(b"Host: h", b"Connection: close")
    again = came(b"Host: h", b"Connection: close", first=b"PUT /y HTTP/1.1", before=first.said)
    assert again.said is first.said
    assert (again.way.target, again.said.closes) == (b"/y", True)
    assert came(b"Host: h", first=b"GET /x HTTP/1.0", before=came(b"Host: h").said).way is None
