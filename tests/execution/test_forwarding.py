"""The one door out, against servers that are scripts of bytes: what leaves is what was given, and every failure is a
value that says whether anything was sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

from scopeproxy.execution.bodies import Kept, Once
from scopeproxy.execution.forwarding import Forwarder
from scopeproxy.execution.passthrough import sending
from scopeproxy.execution.passthrough.outgoing import Outgoing
from scopeproxy.execution.passthrough.pool import Pool
from scopeproxy.execution.reading import collect, discard
from scopeproxy.model.messages import NOTHING, Held, Reply, Unreached
from scopeproxy.model.topology import Address, Timeouts, Url

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each connection by a script: an async function of reader and writer.  `heads`: what it was sent."""

    def __init__(self, script):
        self._script, self.heads, self.connections = script, [], 0
        self.dropped = asyncio.Event()
        self._open = {}

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 16)
        self.address = Address(*self._server.sockets[0].getsockname()[:2])
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task, writer in self._open.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.sleep(0)  # the transports hear of it
        await self._server.wait_closed()

    async def head(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head

    async def _serve(self, reader, writer):
        self.connections += 1
        self._open[asyncio.current_task()] = writer
        try:
            await self._script(self, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.dropped.set()


@pytest.fixture
async def pool():
    pool = pool_of()
    yield pool
    pool.close()


def pool_of(routes=None, most=0):
    return Pool(routes or {}, None, 2.0, time.monotonic, most)


@pytest.fixture
def forwarder(pool):
    return Forwarder(pool)


def outgoing(address, method="GET", target="/v2/images", headers=(), body=NOTHING, **more):
    root = Url("http", address, more.pop("path", ""))
    timeouts = more.pop("timeouts", Timeouts(20, 20, 20))
    return Outgoing("Corte", root, method, target, (("Host", "a:1"), *headers), body, timeouts, **more)


async def ask(forwarder, server, *args, **more):
    """One call, its answer read to the end."""
    return await collect(await forwarder.send(outgoing(server.address, *args, **more)), 1 << 20)


async def chunks(*parts):
    for part in parts:
        yield part


async def answering(server, reader, writer):
    while True:
        await server.head(reader)
        writer.write(OK)
        await writer.drain()


# ---- what leaves


@pytest.mark.parametrize(
    "target",
    ["/v2/a%2Fb", "//double//", "/trailing?", "/p?q=%20+&q=&&x", "/?#", "/a#b", "/%zz", "/ä".encode().decode("latin-1"),
     "/v2/;v=1/..;/./..", "/@x:y", "/?http://other/"],
)  # fmt: skip
async def test_the_target_leaves_as_it_came(forwarder, target):
    async with Server(answering) as server:
        reply = await ask(forwarder, server, target=target, path="/image")
    assert reply.status == 200
    assert server.heads[0].split(b" ")[1] == b"/image" + target.encode()


async def test_headers_keep_order_case_and_repetition_and_none_is_added(forwarder):
    headers = (("x-B", "1"), ("X-a", "2"), ("x-b", "3"), ("User-AGENT", ""), ("X-a", "ü"))
    async with Server(answering) as server:
        await ask(forwarder, server, headers=headers)
    lines = server.heads[0].decode().split("\r\n")[1:-2]
    assert lines == ["Host: a:1", "x-B: 1", "X-a: 2", "x-b: 3", "User-AGENT: ", "X-a: ü"]


async def test_an_answer_keeps_its_status_reason_and_headers(forwarder):
    async def script(server, reader, writer):
        await server.head(reader)
        writer.write(b"HTTP/1.1 299 Odd One\r\nX-b: 1\r\nx-A: \xff\r\nX-b: 2\r\nContent-Encoding: gzip\r\n")
        writer.write(b"Content-Length: 3\r\n\r\nabc")

    async with Server(script) as server:
        reply = await ask(forwarder, server)
    assert (reply.status, reply.reason, reply.body) == (299, "Odd One", b"abc")
    assert [(n, v.encode("utf-8", "surrogateescape")) for n, v in reply.headers[:3]] == [
        ("X-b", b"1"), ("x-A", b"\xff"), ("X-b", b"2"),
    ]  # fmt: skip


async def test_a_route_is_where_to_connect_and_nothing_more():
    async with Server(answering) as server:
        front = Address("front.invalid", 9292)
        pool = pool_of({front: server.address})
        reply = await collect(await Forwarder(pool).send(outgoing(front)), 100)
        pool.close()
    assert reply.status == 200
    assert b"Host: a:1\r\n" in server.heads[0]


@pytest.mark.parametrize(
    ("method", "head"),
    [("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
     ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n"), ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")],
)  # fmt: skip
async def test_an_answer_without_a_body_ends_at_its_head(forwarder, method, head):
    async def script(server, reader, writer):
        while True:
            await server.head(reader)
            writer.write(head)

    async with Server(script) as server:
        for _ in range(2):
            reply = await ask(forwarder, server, method)
            assert (reply.body, reply.rest) == (b"", None)
        assert server.connections == 1


async def test_a_chunked_body_and_a_chunked_answer_are_streams(forwarder):
    async def script(server, reader, writer):
        head = await server.head(reader)
        assert b"transfer-encoding: chunked" in head.lower()
        data = await reader.readuntil(b"0\r\n\r\n")
        assert data == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")

    async with Server(script) as server:
        reply = await ask(forwarder, server, "PUT", body=Once(chunks(b"ab", b"c"), None))
    assert reply.body == b"hi"


async def test_a_large_body_at_hand_leaves_whole(forwarder):
    data = b"x" * 3_000_000

    async def script(server, reader, writer):
        await server.head(reader)
        assert await reader.readexactly(len(data)) == data
        writer.write(OK)

    async with Server(script) as server:
        headers = (("Content-Length", str(len(data))),)
        assert (await ask(forwarder, server, "POST", headers=headers, body=Held(data))).status == 200


async def test_a_body_waits_for_100_continue(forwarder):
    taken = []

    async def body():
        taken.append(len(server.heads))
        yield b"abc"

    async def script(server, reader, writer):
        await server.head(reader)
        assert not taken
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(3) == b"abc"
        writer.write(OK)

    async with Server(script) as server:
        headers = (("Content-Length", "3"), ("Expect", "100-continue"))
        reply = await ask(forwarder, server, "PUT", headers=headers, body=Once(body(), 3))
    assert (reply.status, taken) == (200, [1])


async def test_a_refusal_instead_of_100_continue_is_the_answer_and_no_body_is_taken(forwarder):
    async def script(server, reader, writer):
        await server.head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")

    body = Once(chunks(b"abc"), 3)
    async with Server(script) as server:
        headers = (("Content-Length", "3"), ("Expect", "100-continue"))
        reply = await ask(forwarder, server, "PUT", headers=headers, body=body)
    assert (reply.status, reply.body) == (413, b"no")
    assert body.replayable


async def test_a_service_that_never_says_100_continue_gets_the_body_all_the_same(forwarder, monkeypatch):
    """Seen as "no answer within 60 s", where the same client did well without a proxy."""
    monkeypatch.setattr(sending, "_EXPECTING", 0.02)

    async def script(server, reader, writer):
        await server.head(reader)
        assert await reader.readexactly(3) == b"abc"
        writer.write(OK)

    async with Server(script) as server:
        headers = (("Content-Length", "3"), ("Expect", "100-continue"))
        reply = await ask(forwarder, server, "PUT", headers=headers, body=Once(chunks(b"abc"), 3))
    assert reply.status == 200


async def test_an_answer_may_begin_before_the_body_has_ended(forwarder):
    """Seen as "the connection was closed in the middle of the answer" whenever a service answered while it read."""
    begun, more = asyncio.Event(), asyncio.Event()

    async def body():
        yield b"a"
        begun.set()
        await more.wait()
        yield b"b"

    async def script(server, reader, writer):
        await server.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + await reader.readexactly(1))
        writer.write(await reader.readexactly(1))

    async with Server(script) as server:
        headers = (("Content-Length", "2"),)
        outcome = await forwarder.send(outgoing(server.address, "PUT", headers=headers, body=Once(body(), 2)))
        await begun.wait()
        more.set()
        reply = await collect(outcome, 100)
    assert isinstance(reply, Reply)
    assert reply.body == b"ab"


# ---- what goes wrong


async def test_nobody_listens(forwarder):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = Address(*sock.getsockname())
        outcome = await forwarder.send(outgoing(address))
    assert isinstance(outcome, Unreached)
    assert not outcome.sent
    assert str(address.port) in outcome.why


async def test_a_name_that_is_not_known(forwarder):
    outcome = await forwarder.send(outgoing(Address("corte.invalid", 80)))
    assert outcome == Unreached("Corte", False, "its name corte.invalid is not known")


async def test_a_connection_that_does_not_come_about_in_time(forwarder):
    with socket.socket() as full, socket.socket() as filler, socket.socket() as another:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for sock in (filler, another):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        address = Address(*full.getsockname())
        outcome = await forwarder.send(outgoing(address, timeouts=Timeouts(0.05, 5, 5)))
    assert outcome == Unreached("Corte", False, "no connection in time")


async def silent(server, reader, writer):
    await server.head(reader)
    await reader.read()


async def reset(server, reader, writer):
    await server.head(reader)
    writer.transport.abort()


async def garbage(server, reader, writer):
    await server.head(reader)
    writer.write(b"\x00\x01 not HTTP\r\n\r\n")


async def closing(server, reader, writer):
    await server.head(reader)


@pytest.mark.parametrize(
    ("script", "patience", "why"),
    [(silent, 0.05, "no answer within 0.05 s"), (garbage, 20, "what it answered is not HTTP"),
     (closing, 20, "the connection was closed before an answer")],
)  # fmt: skip
async def test_what_went_wrong_after_sending_may_have_happened(forwarder, script, patience, why):
    async with Server(script) as server:
        outcome = await forwarder.send(outgoing(server.address, "POST", timeouts=Timeouts(20, patience, 20)))
        await server.dropped.wait()
    assert outcome == Unreached("Corte", True, why)


async def test_a_reset_after_sending_may_have_happened(forwarder):
    async with Server(reset) as server:
        outcome = await forwarder.send(outgoing(server.address, "POST"))
    assert isinstance(outcome, Unreached)
    assert outcome.sent


@pytest.mark.parametrize("framing", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
async def test_an_answer_cut_in_its_body_is_a_connection_error(forwarder, framing):
    async def script(server, reader, writer):
        await server.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n5\r\nhello")

    async with Server(script) as server:
        outcome = await forwarder.send(outgoing(server.address))
        assert isinstance(outcome, Reply)
        with pytest.raises(ConnectionError):
            [chunk async for chunk in outcome.rest]
        await discard(outcome)


async def test_the_deadline_of_a_call_ends_it_and_is_told(forwarder):
    async with Server(silent) as server:
        deadline = asyncio.get_running_loop().time() + 0.05
        outcome = await forwarder.send(outgoing(server.address, deadline=deadline))
    assert outcome == Unreached("Corte", True, "no answer within the time that the call was given")


async def test_a_call_whose_time_is_over_is_not_sent(forwarder):
    outcome = await forwarder.send(outgoing(Address("127.0.0.1", 9), deadline=asyncio.get_running_loop().time() - 1))
    assert isinstance(outcome, Unreached)
    assert not outcome.sent


async def test_a_client_that_breaks_off_in_its_body_is_told_as_that(forwarder):
    async def body():
        yield b"half"
        raise ConnectionError("the client broke off in its body")

    async def script(server, reader, writer):
        await server.head(reader)
        await reader.read()

    async with Server(script) as server:
        headers = (("Content-Length", "8"),)
        outcome = await forwarder.send(outgoing(server.address, "PUT", headers=headers, body=Once(body(), 8)))
    assert outcome == Unreached("Corte", True, "the client broke off in its body")


async def test_a_cancelled_call_closes_its_connection(forwarder):
    async with Server(silent) as server:
        task = asyncio.create_task(forwarder.send(outgoing(server.address)))
        while not server.heads:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.dropped.wait()


# ---- pooled connections


async def closes_after_one(server, reader, writer):
    await server.head(reader)
    writer.write(OK)


async def test_a_pooled_connection_that_was_closed_is_not_used(forwarder, pool):
    async with Server(closes_after_one) as server:
        for _ in range(3):
            assert (await ask(forwarder, server, "POST")).status == 200
            # The kernel may take its time to tell of the end.
            async with asyncio.timeout(20):
                while pool.counts()["idle"]:
                    await asyncio.sleep(0)


async def test_calls_one_after_the_other_go_by_one_connection(forwarder, pool):
    async with Server(answering) as server:
        for _ in range(3):
            assert (await ask(forwarder, server)).status == 200
        assert server.connections == 1
        assert pool.counts() == {"in_use": 0, "idle": 1, "waiting": 0}


async def test_a_name_is_looked_up_once_for_all_connections(forwarder, monkeypatch):
    loop, asked = asyncio.get_running_loop(), []
    look_up = loop.getaddrinfo

    async def counted(host, *args, **more):
        asked.append(host)
        return await look_up(host, *args, **more)

    monkeypatch.setattr(loop, "getaddrinfo", counted)
    async with Server(closes_after_one) as server:
        named = Address("localhost", server.address.port)
        for _ in range(3):
            assert (await collect(await forwarder.send(outgoing(named)), 1 << 20)).status == 200
        assert (server.connections, asked) == (3, ["localhost"])


async def test_beyond_the_limit_of_a_site_calls_wait_in_the_order_in_which_they_came():
    go_on = asyncio.Event()

    async def answers_when_told(server, reader, writer):
        while True:
            await server.head(reader)
            await go_on.wait()
            writer.write(OK)
            await writer.drain()

    pool = pool_of(most=2)
    forwarder = Forwarder(pool)
    async with Server(answers_when_told) as server, Server(answering) as other:
        calls = [asyncio.create_task(ask(forwarder, server, target=f"/{number}")) for number in range(6)]
        async with asyncio.timeout(20):
            while len(server.heads) < 2:
                await asyncio.sleep(0)
        assert pool.counts() == {"in_use": 2, "idle": 0, "waiting": 4}
        # Nobody waits in another site's line.
        assert (await ask(forwarder, other)).status == 200
        go_on.set()
        assert [reply.status for reply in await asyncio.gather(*calls)] == [200] * 6
        assert server.connections == 2
        targets = [head.split()[1] for head in server.heads]
        # Which of two new connections comes about first is nobody's choice.
        assert [*sorted(targets[:2]), *targets[2:]] == [b"/%d" % number for number in range(6)]
    pool.close()


async def turns_stale(server, reader, writer):
    """Takes a second request on its first connection and closes that without an answer."""
    first = server.connections == 1
    while True:
        head = await server.head(reader)
        if first and len(server.heads) == 2:
            return
        if b"transfer-encoding" in head.lower():
            server.body = await reader.readuntil(b"0\r\n\r\n")
        writer.write(OK)


async def test_a_read_is_repeated_when_its_pooled_connection_turns_stale(forwarder):
    async with Server(turns_stale) as server:
        await ask(forwarder, server)
        assert (await ask(forwarder, server)).status == 200
    assert server.connections == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_is_not(forwarder, method):
    """A delete that was done was repeated, got 404, and `|` deleted at the next site as well."""
    async with Server(turns_stale) as server:
        await ask(forwarder, server)
        outcome = await ask(forwarder, server, method)
    assert outcome == Unreached("Corte", True, "the connection was closed before an answer")
    assert (server.connections, len(server.heads)) == (1, 2)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("keep", [True, False])
async def test_half_a_body_never_passes_for_a_whole_one(forwarder, keep, method):
    """A chunked PUT was repeated with what was left of its body, and glance would have taken that for the image."""
    async with Server(turns_stale) as server:
        await ask(forwarder, server)
        body = Once(chunks(b"ab", b"cd"), None)
        kept = Kept(body, 100, 100)
        outcome = await ask(forwarder, server, method, body=kept if keep else body)
        kept.close()
        whole = getattr(server, "body", b"").replace(b"4\r\nabcd", b"2\r\nab\r\n2\r\ncd")
        assert isinstance(outcome, Unreached) or (keep and whole == b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")


# ---- big streams


async def test_an_answer_is_read_no_faster_than_it_is_taken(forwarder):
    written, blocked = 0, asyncio.Event()

    async def script(server, reader, writer):
        nonlocal written
        await server.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            written += 65536
            draining = asyncio.ensure_future(writer.drain())
            await asyncio.wait((draining,), timeout=0.2)
            if not draining.done():
                blocked.set()
            await draining

    async with Server(script) as server:
        outcome = await forwarder.send(outgoing(server.address))
        await blocked.wait()
        assert written < 64 * 1024 * 1024
        await discard(outcome)
        await server.dropped.wait()


async def test_a_body_is_taken_no_faster_than_it_is_sent(forwarder):
    taken, blocked = 0, asyncio.Event()

    async def body():
        nonlocal taken
        while True:
            taken += 65536
            asyncio.get_running_loop().call_later(0.2, check, taken)
            yield b"x" * 65536

    def check(then):
        if then == taken:
            blocked.set()

    async with Server(silent_in_body) as server:
        headers = (("Content-Length", "1000000000"),)
        large = outgoing(server.address, "PUT", headers=headers, body=Once(body(), 1000000000))
        task = asyncio.create_task(forwarder.send(large))
        await blocked.wait()
        assert taken < 64 * 1024 * 1024
        task.cancel()
        await asyncio.wait((task,))


async def silent_in_body(server, reader, writer):
    await server.head(reader)
    await asyncio.Event().wait() if not reader.at_eof() else None
