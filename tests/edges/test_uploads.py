"""Data that go to several sites at once, on real sockets: what the client, and each of the services, see of it."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from scopeproxy.execution.passthrough import sending
from tests.edges.conftest import read_body, read_head
from tests.kernel import WIRE

MIB = 1 << 20
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
ASKED = b"HTTP/1.1 100 Continue\r\n\r\n"
EVERYWHERE = b"X-Scope: docs: Paris&Corte&Lyon\r\n"


class Country:
    """Three sites with their proxies; a client at Paris."""

    def __init__(self, stage, backs, apps):
        self.stage, self.backs, self.apps = stage, backs, apps

    async def wire(self):
        return await self.stage.wire(self.apps["Paris"])


@pytest.fixture
def country(stage):
    async def start(**proxy):
        backs = {name: await stage.back(answer=CREATED) for name in ("Paris", "Corte", "Lyon")}
        path = stage.sites({name: {"docs": back.address} for name, back in backs.items()}, proxy=proxy)
        return Country(stage, backs, {name: await stage.proxy(path, name) for name in backs})

    return start


@pytest.fixture
def patient(monkeypatch):
    """A service that is late to ask for a body is waited for."""
    monkeypatch.setattr(sending, "_EXPECTING", 60.0)


def put(*lines, scope=EVERYWHERE):
    return b"PUT /x HTTP/1.1\r\nHost: h\r\n" + scope + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def sites(answer):
    """X-Scope-Sites of an answer."""
    line = next(line for line in answer.split(b"\r\n") if line.startswith(b"X-Scope-Sites: "))
    return dict(part.split("=") for part in line.decode().partition(": ")[2].split(", "))


def message(answer):
    return json.dumps(json.loads(answer.partition(b"\r\n\r\n")[2]))


async def test_every_site_gets_the_body_with_the_length_that_the_client_told(country):
    here = await country()
    wire = await here.wire()
    answer = await wire.ask(put(b"Content-Length: 5") + b"hello")
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert sites(answer) == {"Paris": "201", "Corte": "201", "Lyon": "201"}
    for back in here.backs.values():
        assert back.bodies == [b"hello"]
        assert b"Content-Length: 5" in back.lines
        assert not [line for line in back.lines if line.lower().startswith(b"transfer-encoding")]


async def test_every_site_gets_a_body_of_unknown_length_in_chunks(country):
    here = await country()
    wire = await here.wire()
    await wire.ask(put(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    for back in here.backs.values():
        assert b"Transfer-Encoding: chunked" in back.lines
        assert not [line for line in back.lines if line.lower().startswith(b"content-length")]
        assert back.bodies[0].endswith(b"\r\n0\r\n\r\n")


async def test_the_client_is_asked_for_the_body_when_the_last_site_asks(country, patient):
    here = await country()
    heads, may_ask = asyncio.Queue(), {name: asyncio.Event() for name in here.backs}

    def asks(name):
        async def script(reader, writer):
            head = await read_head(reader)
            heads.put_nowait(head)
            await may_ask[name].wait()
            writer.write(ASKED)
            assert await read_body(reader, head) == b"hello"
            writer.write(CREATED)

        return script

    for name, back in here.backs.items():
        back.script = asks(name)
    wire = await here.wire()
    wire.send(put(b"Expect: 100-continue", b"Content-Length: 5"))
    for _ in here.backs:
        assert b"\r\nExpect: 100-continue\r\n" in await heads.get()
    may_ask["Paris"].set()
    may_ask["Corte"].set()
    head = asyncio.ensure_future(wire.head())
    assert not (await asyncio.wait({head}, timeout=0.2))[0]
    may_ask["Lyon"].set()
    assert await head == ASKED
    wire.send(b"hello")
    assert (await wire.answer()).startswith(b"HTTP/1.1 201 ")


async def test_when_every_site_refuses_at_once_the_client_is_not_asked_for_the_body(country, patient):
    here = await country()
    for back in here.backs.values():
        back.answers_once(b"HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\n\r\nno")
    answer = await (await here.wire()).ask(put(b"Expect: 100-continue", b"Content-Length: 5"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("status", [b"404 Not Found", b"409 Conflict", b"413 Too Big"])
@pytest.mark.parametrize("then_closes", [False, True])
async def test_a_site_that_refuses_while_the_body_comes_does_not_keep_it_from_the_others(country, status, then_closes):
    here = await country()
    here.backs["Corte"].answers_once(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno", then_closes)
    wire = await here.wire()
    wire.send(put(b"Content-Length: %d" % (8 * MIB)))
    for _ in range(8):
        wire.send(bytes(MIB))
        await wire.writer.drain()
    answer = await wire.answer()
    told = sites(answer)
    assert (told["Paris"], told["Lyon"]) == ("201", "201")
    if not then_closes:
        assert told["Corte"] == status[:3].decode()
        # What is at other sites only need not be here.
        assert answer.startswith(b"HTTP/1.1 201 " if status.startswith(b"404") else b"HTTP/1.1 " + status[:3])
    assert [len(here.backs[name].bodies[0]) for name in ("Paris", "Lyon")] == [8 * MIB, 8 * MIB]


async def test_a_site_that_is_lost_halfway_is_told_and_the_others_have_all(country):
    here = await country()

    async def script(reader, writer):
        await read_head(reader)
        await reader.readexactly(MIB)
        writer.transport.abort()

    here.backs["Corte"].script = script
    wire = await here.wire()
    wire.send(put(b"Content-Length: %d" % (8 * MIB)))
    for _ in range(8):
        wire.send(bytes(MIB))
        await wire.writer.drain()
    answer = await wire.answer()
    assert answer.startswith((b"HTTP/1.1 504 ", b"HTTP/1.1 502 "))
    assert sites(answer).keys() == {"Paris", "Corte", "Lyon"}
    assert "Paris: done 201; Corte: " in message(answer)
    assert [len(here.backs[name].bodies[0]) for name in ("Paris", "Lyon")] == [8 * MIB, 8 * MIB]


async def test_a_site_that_is_down_is_told_and_the_others_have_all(country):
    here = await country()
    await here.apps["Corte"].stop()
    answer = await (await here.wire()).ask(put(b"Content-Length: 5") + b"hello")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert sites(answer) == {"Paris": "201", "Corte": "unreached", "Lyon": "201"}
    assert [here.backs[name].bodies for name in ("Paris", "Lyon")] == [[b"hello"], [b"hello"]]


async def test_a_site_that_stops_reading_is_left_behind(country):
    here = await country(timeouts={"answer": "2s"})
    # More than the kernel may hold of it between here and the site that is stuck.
    stuck, size = asyncio.Event(), 2 * WIRE + 8 * MIB

    async def script(reader, writer):
        await read_head(reader)
        await stuck.wait()

    here.backs["Corte"].script = script
    wire = await here.wire()
    wire.send(put(b"Content-Length: %d" % size))
    for start in range(0, size, MIB):
        wire.send(bytes(min(MIB, size - start)))
        await wire.writer.drain()
    answer = await wire.answer()
    stuck.set()
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert "Corte: no answer (it took nothing of the body for 1 s), it may have happened" in message(answer)
    assert [len(here.backs[name].bodies[0]) for name in ("Paris", "Lyon")] == [size, size]
    (left,) = here.apps["Paris"].lasting.metrics.uploads_left_behind.collect()
    assert [(one.labels["site"], one.value) for one in left.samples if one.name.endswith("_total")] == [("Corte", 1.0)]


async def test_a_slow_site_slows_the_upload_and_gets_all_of_it(country):
    here = await country()
    digest, taken = hashlib.sha256(), asyncio.Event()

    async def script(reader, writer):
        await read_head(reader)
        for _ in range(16):
            digest.update(await reader.readexactly(MIB))
            await taken.wait()
        writer.write(CREATED)

    here.backs["Corte"].script = script
    wire = await here.wire()
    wire.send(put(b"Content-Length: %d" % (16 * MIB)))
    whole = hashlib.sha256()

    async def pour():
        for number in range(16):
            piece = number.to_bytes(4, "big") * (MIB // 4)
            whole.update(piece)
            wire.send(piece)
            await wire.writer.drain()

    pouring = asyncio.ensure_future(pour())
    taken.set()
    await pouring
    assert (await wire.answer()).startswith(b"HTTP/1.1 201 ")
    assert digest.digest() == whole.digest()
    assert hashlib.sha256(here.backs["Lyon"].bodies[0]).digest() == whole.digest()


async def test_a_client_that_leaves_halfway_leaves_half_a_body_at_no_site(country):
    here = await country()
    begun, ends = asyncio.Queue(), asyncio.Queue()

    async def script(reader, writer):
        await read_head(reader)
        begun.put_nowait(await reader.readexactly(1000))
        try:
            await reader.readexactly(999_000)
        except (OSError, EOFError):
            ends.put_nowait("broken off")

    for back in here.backs.values():
        back.script = script
    wire = await here.wire()
    wire.send(put(b"Content-Length: 1000000") + bytes(1000))
    async with asyncio.timeout(20):
        assert [await begun.get() for _ in here.backs] == [bytes(1000)] * 3
    wire.leave()
    async with asyncio.timeout(20):
        assert [await ends.get() for _ in here.backs] == ["broken off"] * 3


async def test_a_client_that_leaves_after_the_last_byte_has_everything_done(country):
    here = await country()
    may_answer, done = asyncio.Event(), asyncio.Queue()

    async def script(reader, writer):
        head = await read_head(reader)
        body = await read_body(reader, head)
        done.put_nowait(body)
        await may_answer.wait()
        writer.write(CREATED)

    for back in here.backs.values():
        back.script = script
    wire = await here.wire()
    wire.send(put(b"Content-Length: 5") + b"hello")
    async with asyncio.timeout(20):
        assert [await done.get() for _ in here.backs] == [b"hello"] * 3
    wire.leave()
    may_answer.set()
    calls = here.apps["Paris"].lasting.metrics.calls
    async with asyncio.timeout(20):
        while not [s for s in calls.collect()[0].samples if s.labels.get("outcome") == "2xx" and s.value]:
            await asyncio.sleep(0.01)
