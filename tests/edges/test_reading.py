"""What a client sends reaches the service byte for byte; what cannot be passed on safely is refused."""

from __future__ import annotations

import asyncio
import json

import pytest

OURS = [
    b"X-Forwarded-For: 127.0.0.1",
    b"X-Forwarded-Proto: http",
    b"X-Forwarded-Host: h",
    b"Via: 1.1 Paris (scopeproxy)",
]
ASKED = b"100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    "target",
    [
        b"/a%2Fb//c;x=1/..%2f/./d",
        b"/../a/./b/",
        b"//host/x",
        b"/x?z=1&a=%20+&z=2&&",
        b"/x?a=b?c=d/e",
        b"/%",
        b'/a"<>{}|^`\\[]?"<>{}|^`',
        b"/x?",
        b"/x#y",
    ],
)
async def test_the_target_keeps_its_encoding(stage, target):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    assert (await wire.ask(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")).endswith(b"hi")
    assert back.lines[0] == b"GET " + target + b" HTTP/1.1"


async def test_headers_keep_order_case_and_repetitions(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    given = [b"Cookie: a", b"x-aBc: 1", b"Host: h", b"Cookie: b", b"Empty: ", b"Accept: z", b"Cookie: a"]
    await wire.ask(b"\r\n".join([b"GET /x HTTP/1.1", *given, b"", b""]))
    assert back.lines[1:] == [*given, *OURS]


async def test_headers_that_differ_by_case_are_all_kept(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    await wire.ask(b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
    assert back.lines[2:4] == [b"X-A: 1", b"x-a: 2"]


async def test_header_bytes_that_are_text_are_kept_and_others_are_refused(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    await wire.ask(b"GET /x HTTP/1.1\r\nHost: h\r\nX-Odd: caf\xc3\xa9\ttab\r\n\r\n")
    assert b"X-Odd: caf\xc3\xa9\ttab" in back.lines
    answer = await wire.ask(b"GET /y HTTP/1.1\r\nHost: h\r\nX-Odd: \xff\xfe\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"X-Odd holds bytes that are not UTF-8" in answer
    assert back.lines[0] == b"GET /x HTTP/1.1"


async def test_what_concerns_the_connection_or_claims_to_be_from_a_proxy_stays_here(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    await wire.ask(
        b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: X-Mine , keep-alive\r\nX-Mine: 1\r\nKeep-Alive: 3\r\n"
        b"TE: trailers\r\n"
        b"Proxy-Connection: x\r\nProxy-Authorization: x\r\nX-Forwarded-For: 9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\n"
        b"Forwarded: for=9.9.9.9\r\nX-Forwarded-Prefix: /p\r\nX-Scope-Home: Corte\r\nX-Scope-Hops: 2\r\n\r\n"
    )
    assert back.lines[1:] == [b"Host: h", *OURS]


@pytest.mark.parametrize("method", [b"OPTIONS", b"PATCH", b"REPORT", b"PROPFIND", b"PURGE"])
async def test_methods_pass_whether_we_know_them_or_not(stage, method):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    await wire.ask(method + b" /x HTTP/1.1\r\nHost: h\r\n\r\n")
    assert back.lines[0] == method + b" /x HTTP/1.1"


@pytest.mark.parametrize("passthrough", [True, False])
@pytest.mark.parametrize("start", [b"OPTIONS *", b"CONNECT h:1", b"GET http://other:1/x?y", b"GET HTTP://u@other:1?y"])
async def test_a_target_that_is_no_path_is_refused(stage, start, passthrough):
    wire = await stage.wire(await stage.docs(await stage.back(), passthrough=passthrough))
    wire.send(start + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await wire.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"must be a path" in answer


@pytest.mark.parametrize("passthrough", [True, False])
@pytest.mark.parametrize("scope", [b"", b"X-Scope: {}\r\n"])
async def test_nobody_makes_a_tunnel(stage, scope, passthrough):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back, passthrough=passthrough))
    wire.send(b"CONNECT /x HTTP/1.1\r\nHost: h\r\n" + scope + b"\r\n")
    answer = await wire.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"CONNECT is not taken" in answer
    assert back.heads == []


async def test_a_body_passes_with_its_length(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    await wire.ask(b"GET /x HTTP/1.1\r\nHost: h\r\ncontent-length: 5\r\nX-After: 1\r\n\r\nhello")
    assert back.lines[1:] == [b"Host: h", b"content-length: 5", b"X-After: 1", *OURS]
    assert back.bodies == [b"hello"]


async def test_a_compressed_body_is_not_touched(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    await wire.ask(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8bxyz")
    assert back.bodies == [b"\x1f\x8bxyz"]


async def test_chunks_pass_as_chunks(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    head = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
    await wire.ask(head + b"5;ext=1\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n")
    assert back.lines[-1] == b"Transfer-Encoding: chunked"
    assert back.bodies == [b"5;ext=1\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"]


async def test_chunks_that_a_journey_has_seen_pass_as_other_chunks(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    head = b"POST /x HTTP/1.1\r\nHost: h\r\nX-Scope: {}\r\nTransfer-Encoding: Chunked\r\n\r\n"
    await wire.ask(head + b"5;ext=1\r\nhello\r\n3\r\nabc\r\n0\r\nX-Trailer: x\r\n\r\n")
    assert back.lines[-1] == b"Transfer-Encoding: chunked"
    assert back.bodies == [b"8\r\nhelloabc\r\n0\r\n\r\n"]


async def test_requests_may_be_sent_ahead_of_answers(stage):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    wire.send(b"".join(b"PUT /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n%d" % (n, n) for n in range(9)))
    assert [(await wire.answer())[-2:] for _ in range(9)] == [b"hi"] * 9
    assert [head.split()[1] for head in back.heads] == [b"/%d" % n for n in range(9)]
    assert back.bodies == [b"%d" % n for n in range(9)]


async def test_http_1_0_is_answered_and_closed(stage):
    back = await stage.back()
    app = await stage.docs(back)
    wire = await stage.wire(app)
    wire.send(b"GET /x HTTP/1.0\r\n\r\n")
    assert await wire.rest() == b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nVia: 1.1 Paris (scopeproxy)\r\n\r\nhi"
    assert b"Host: %s" % app.house.here.services["docs"].front.authority.encode() in back.lines


async def test_http_1_0_may_keep_the_connection(stage):
    wire = await stage.wire(await stage.docs(await stage.back()))
    for _ in range(2):
        answer = await wire.ask(b"GET /x HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
        assert answer.endswith(b"Connection: keep-alive\r\n\r\nhi")


# ---- Expect


async def test_the_client_is_asked_for_a_body_when_the_service_asks(stage):
    heads, asked = asyncio.Queue(), asyncio.Event()

    async def script(reader, writer):
        heads.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        await asked.wait()
        writer.write(b"HTTP/1.1 " + ASKED)
        assert await reader.readexactly(5) == b"hello"
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    wire = await stage.wire(await stage.docs(await stage.back(script)))
    wire.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert b"\r\nExpect: 100-continue\r\n" in await heads.get()
    early = asyncio.ensure_future(wire.head())
    asked.set()
    assert await early == b"HTTP/1.1 " + ASKED
    wire.send(b"hello")
    assert (await wire.answer()).startswith(b"HTTP/1.1 201 Created\r\n")


async def test_a_service_that_refuses_at_once_does_not_get_the_body(stage):
    back = await stage.back(answer=b"HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\n\r\nno")
    back.answers_once(back.answer)
    wire = await stage.wire(await stage.docs(back))
    answer = await wire.ask(b"PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 Too Big\r\n")
    assert b"\r\nConnection: close\r\n" in answer


# ---- what might be understood in two ways


@pytest.mark.parametrize(
    "lines",
    [
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding : chunked",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length: 5, 5",
        b"Host: other",
        b"X-A: 1\r\n  folded",
        b"X-A: a\0b",
        b"X-A: a\rb",
        b"X(A): 1",
    ],
)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(stage, lines):
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    wire.send(
        b"POST /x HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    answer = await wire.rest()
    assert answer.split()[1] == b"400"
    assert b"/smuggled" not in b"".join(back.heads)


async def test_chunks_under_http_1_0_are_refused(stage):
    wire = await stage.wire(await stage.docs(await stage.back()))
    wire.send(b"POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")


async def test_after_an_upgrade_was_not_taken_the_connection_goes_on(stage):
    # RFC 9110, section 7.8: a server may ignore it, and what follows is HTTP/1.1 as before.
    back = await stage.back()
    wire = await stage.wire(await stage.docs(back))
    for _ in range(2):
        answer = await wire.ask(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nhi")
        assert back.lines[1:] == [b"Host: h", *OURS]


# ---- bodies that fail


@pytest.mark.parametrize("scope", [b"", b"X-Scope: {}\r\n"])
async def test_wrong_chunks_are_the_clients_fault(stage, scope):
    wire = await stage.wire(await stage.docs(await stage.back()))
    wire.send(b"POST /x HTTP/1.1\r\nHost: h\r\n" + scope + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    wire.send(b"nonsense\r\n")
    assert (await wire.rest()).split()[1] == b"400"


@pytest.mark.parametrize("scope", [b"", b"X-Scope: {}\r\n"])
async def test_a_client_that_stops_in_its_body_is_told(stage, scope):
    app = await stage.docs(await stage.back(), timeouts={"answer": "500ms"})
    wire = await stage.wire(app)
    head, body = (await wire.ask(b"POST /x HTTP/1.1\r\nHost: h\r\n" + scope + b"Content-Length: 5\r\n\r\nhe")).split(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["error"]["message"] == "nothing of the request's body came for 0.45 s"


async def test_a_client_that_leaves_in_its_body_leaves_half_of_it_to_nobody(stage):
    got = asyncio.Queue()

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        got.put_nowait(await reader.readexactly(2))
        try:
            got.put_nowait(await reader.read())
        except ConnectionError:
            got.put_nowait(b"")

    wire = await stage.wire(await stage.docs(await stage.back(script)))
    wire.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe")
    assert await got.get() == b"he"
    wire.leave()
    assert await got.get() == b""
