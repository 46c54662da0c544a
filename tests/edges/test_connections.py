"""Connections that are no conversation: not HTTP, too many, too large.  Nothing of them is in the log."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from scopeproxy.edges.connections import cannot_listen
from scopeproxy.model.topology import Address

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /x HTTP/1.9\r\nHost: h\r\n\r\n",
        b"GET /x HTTP/1.1\nHost: h\n\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nX-Auth-Token: verysecret\0\r\n\r\n",
        b"GET /\xff?verysecret HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_400_and_is_not_repeated_in_the_log(stage, caplog, sent):
    caplog.set_level(logging.DEBUG)
    wire = await stage.wire(await stage.docs(await stage.back()))
    wire.send(sent)
    head, _, body = (await wire.rest()).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 400 Bad Request"
    assert b"Server" not in head
    assert json.loads(body)["error"]["status"] == 400
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_body_that_goes_wrong_once_it_was_begun_is_refused_at_once(stage):
    # It was waited for: until the time was up that an answer may take.
    begun = asyncio.Event()

    async def script(reader, writer):
        await reader.readuntil(b"abc")
        begun.set()
        await reader.read()

    wire = await stage.wire(await stage.docs(await stage.back(script)))
    wire.send(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    async with asyncio.timeout(20):
        await begun.wait()
    wire.send(b"nonsense\r\n0\r\n\r\nGET /y HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await wire.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "lines",
    [b"X-Long: " + b"a" * 5000, b"\r\n".join([b"X-Many: " + b"a" * 100] * 40)],
)
async def test_a_head_over_the_limit_is_refused(stage, lines):
    wire = await stage.wire(await stage.docs(await stage.back(), limits={"header": "4KiB"}))
    wire.send(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + lines + b"\r\n\r\n")
    assert (await wire.rest()).split()[1] == b"431"


async def test_a_large_head_below_the_limit_passes(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    lines = [b"X-%d: %s" % (number, b"a" * 400) for number in range(120)]
    await wire.ask(b"\r\n".join([b"GET /x HTTP/1.1", b"Host: h", *lines, b"", b""]))
    assert back.lines[2:122] == lines


async def test_connections_over_the_limit_are_told_and_the_others_go_on(stage):
    app = await stage.docs(await stage.back(), limits={"connections": "2"})
    first, second = await stage.wire(app), await stage.wire(app)
    for wire in (first, second):
        assert (await wire.ask(GET)).startswith(b"HTTP/1.1 200 ")
    third = await stage.wire(app)
    third.send(GET)
    answer = await third.rest()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"too many connections" in answer
    assert (await first.ask(GET)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("error", [OSError(98, "and the address once more"), OSError("Address already in use")])
def test_a_socket_that_cannot_be_opened_is_told_once(error):
    assert cannot_listen(Address("h", 1), error) == "cannot listen on h:1: Address already in use"
