"""What a service answers reaches the client byte for byte; a service that fails is told, or is broken off."""

from __future__ import annotations

import asyncio
import json

import pytest

VIA = b"Via: 1.1 Paris (scopeproxy)"
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
CUT = b"PATIENCE"


async def asked(stage, answer, request=GET, then_closes=False, **settings):
    """A client that asked, of a service that answers these bytes."""
    back = await stage.back()
    back.answers_once(answer, then_closes)
    wire = await stage.wire(await stage.docs(back, **settings))
    wire.send(request)
    return wire


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 Fine\r\nserver: S/1\r\nX-B: 1\r\nx-a: 2\r\nX-b: 3\r\nDate: M\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 299 Odd\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: a\r\nWWW-Authenticate: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://h/other?%2F#x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8bxyz",
        b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 77\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Odd: caf\xc3\xa9 \xff\xfe\ttab\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_passes_with_via_alone_added(stage, answer):
    wire = await asked(stage, answer)
    head, body = answer.split(b"\r\n\r\n", 1)
    head += b"\r\n" + VIA + b"\r\n\r\n"
    assert await wire.head() == head
    assert await wire.reader.readexactly(len(body)) == body


@pytest.mark.parametrize("length", [b"Content-Length: 1234\r\n", b""])
async def test_the_answer_to_head_keeps_its_length_and_has_no_body(stage, length):
    answer = b"HTTP/1.1 200 OK\r\n" + length + b"ETag: x\r\n\r\n"
    wire = await asked(stage, answer, b"HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert await wire.rest() == answer[:-2] + VIA + b"\r\nConnection: close\r\n\r\n"


async def test_an_answer_in_chunks_passes_in_chunks(stage):
    chunks = b"5\r\nhello\r\n3;ext\r\nabc\r\n0\r\n\r\n"
    wire = await asked(stage, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    head, _, body = (await wire.answer()).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[1:] == [VIA, b"Transfer-Encoding: chunked"]
    assert body == chunks


async def test_an_answer_in_chunks_passes_in_other_chunks_where_a_journey_has_seen_it(stage):
    wire = await asked(
        stage,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nX-Scope: {}\r\n\r\n",
    )
    body = (await wire.answer()).partition(b"\r\n\r\n")[2]
    assert body == b"8\r\nhelloabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
async def test_an_answer_that_ends_with_its_connection_passes_in_chunks(stage, version):
    wire = await asked(stage, version + b" 200 OK\r\n\r\nto the end", then_closes=True)
    assert (await wire.answer()).endswith(b"a\r\nto the end\r\n0\r\n\r\n")


async def test_an_answer_without_length_ends_with_the_connection_of_an_http_1_0_client(stage):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    wire = await asked(stage, answer, b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert await wire.rest() == b"HTTP/1.0 200 OK\r\n" + VIA + b"\r\n\r\nhi"


async def test_what_concerns_the_services_connection_or_only_proxies_say_stays_here(stage):
    wire = await asked(
        stage,
        b"HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: b\r\n"
        b"X-Scope-Sites: Paris=200\r\nVia: 1.1 fred\r\nContent-Length: 0\r\n\r\n",
    )
    assert await wire.head() == (
        b"HTTP/1.1 200 OK\r\nVia: 1.1 fred, 1.1 Paris (scopeproxy)\r\nContent-Length: 0\r\n\r\n"
    )


async def test_provisional_answers_pass_and_are_not_taken_for_the_answer(stage):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    wire = await asked(stage, hints + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    assert await wire.head() == hints
    assert (await wire.answer()).startswith(b"HTTP/1.1 200 OK\r\n")


# ---- services that fail


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what it answered is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "is not HTTP"),
        (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", "is not HTTP"),
        (b"", "the connection was closed before an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-", "the connection was closed before an answer"),
    ],
)
async def test_a_service_that_answers_no_http_is_told(stage, answer, told):
    wire = await asked(stage, answer, then_closes=True)
    head, _, body = (await wire.answer()).partition(b"\r\n\r\n")
    assert head.split()[1] in (b"502", b"504")
    assert told in json.loads(body)["error"]["message"]
    assert (await wire.ask(GET)).split()[1] in (b"502", b"504")


async def test_a_service_that_takes_too_long_is_told(stage):
    wire = await asked(stage, b"", timeouts={"answer": "100ms"})
    answer = await wire.answer()
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b"no answer within 0.1 s" in answer


async def test_a_service_that_is_not_there_is_told(stage):
    wire = await stage.wire(await stage.docs(stage.port()))
    answer = await wire.ask(GET)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"no connection to" in answer


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
    ],
)
@pytest.mark.parametrize("then_closes", [True, False])
async def test_an_answer_that_breaks_off_or_stops_breaks_off(stage, answer, then_closes):
    wire = await asked(stage, answer, then_closes=then_closes, timeouts={"answer": "1s"})
    assert (await wire.head()).startswith(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await wire.reader.readuntil(b"0\r\n\r\n")


@pytest.mark.parametrize("scope", [b"", b"X-Scope: {}\r\n"])
async def test_a_client_that_does_not_read_is_given_up(stage, scope):
    closed = asyncio.Event()

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
        except ConnectionError:
            closed.set()

    wire = await stage.wire(await stage.docs(await stage.back(script), timeouts={"answer": "200ms"}))
    wire.writer.transport.pause_reading()
    wire.send(GET[:-2] + scope + b"\r\n")
    async with asyncio.timeout(20):
        await closed.wait()


@pytest.mark.parametrize("scope", [b"", b"X-Scope: {}\r\n"])
async def test_a_read_ends_when_its_client_leaves(stage, scope):
    begun, closed = asyncio.Event(), asyncio.Event()

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await reader.read()
        closed.set()

    wire = await stage.wire(await stage.docs(await stage.back(script)))
    wire.send(GET[:-2] + scope + b"\r\n")
    await begun.wait()
    wire.leave()
    async with asyncio.timeout(20):
        await closed.wait()


async def test_a_write_is_seen_through_when_its_client_leaves(stage):
    begun, go_on, seen = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        seen.set()

    app = await stage.docs(await stage.back(script))
    wire = await stage.wire(app)
    wire.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    await begun.wait()
    wire.leave()
    await wire.writer.wait_closed()
    go_on.set()
    await seen.wait()
    await app.stop()
    counted = app.lasting.metrics.registry.get_sample_value(
        "scopeproxy_site_calls_total", {"site": "Paris", "service": "docs", "intent": "create", "outcome": "2xx"}
    )
    assert counted == 1


# ---- what we say ourselves


async def test_our_own_answers_have_a_length_and_no_headers_of_the_library(stage):
    wire = await stage.wire(await stage.docs(stage.port()))
    for path in (b"/x", b"/.well-known/scopeproxy/sites", b"/.well-known/scopeproxy/nothing"):
        head, _, body = (await wire.ask(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")).partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % len(body) in head
        assert not [line for line in head.split(b"\r\n") if line.startswith((b"Server", b"Date", b"Transfer-"))]


async def test_our_own_pages_answer_head_without_a_body(stage):
    wire = await stage.wire(await stage.docs(stage.port()))
    wire.send(b"HEAD /.well-known/scopeproxy/sites HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert (await wire.rest()).endswith(b"\r\n\r\n")
