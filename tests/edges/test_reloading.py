"""New topologies while clients ask: no call fails, no client's connection ends, and the services' old ones do."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import pytest

from tests.edges.served import GET, front, rewrite, serving
from tests.loops import LOOPS

SCOPED = b"GET /x HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Paris\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
TIMES, KINDS, EACH = 10, (GET, SCOPED, POST), 4


class Service:
    """Counts its connections."""

    open = most = 0

    async def script(self, reader, writer):
        self.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(5 if head.startswith(b"POST") else 0)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        finally:
            self.open -= 1

    async def has_open(self, count):
        async with asyncio.timeout(20):
            while self.open > count:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("loop", LOOPS)
async def test_no_call_fails_while_the_topology_is_read_again_and_again(stage, loop):
    service = Service()
    path = stage.sites({"Paris": {"docs": (await stage.back(service.script)).address}})
    done, asked = asyncio.Event(), dict.fromkeys(KINDS, 0)

    async def client(request):
        wire = await stage.wire(front(path))
        while not done.is_set():
            answer = await wire.ask(request)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
            assert answer.endswith(b"hi")
            asked[request] += 1

    async def newcomer():
        while not done.is_set():
            wire = await stage.wire(front(path))
            assert (await wire.ask(GET)).endswith(b"hi")
            wire.writer.close()
            await wire.writer.wait_closed()

    async with serving(path, loop=loop) as served:
        clients = [asyncio.create_task(client(request)) for request in KINDS for _ in range(EACH)]
        clients.append(asyncio.create_task(newcomer()))
        for number in range(TIMES):
            before = dict(asked)
            rewrite(
                path,
                lambda document, n=number: document["sites"]["Paris"]["proxy"].update(
                    timeouts={"answer": f"{20 + n}s"}
                ),
            )
            served.process.send_signal(signal.SIGHUP)
            await served.said("was read again")
            # Each topology has calls of all kinds.
            async with asyncio.timeout(30):
                while any(asked[request] == before[request] for request in KINDS):
                    assert not any(task.done() for task in clients), [task for task in clients if task.done()]
                    await asyncio.sleep(0.01)
        done.set()
        await asyncio.gather(*clients)
        # What is left is idle, in pools that are in force; each topology had its own.
        await service.has_open(len(clients) * 2)
        await service.has_open(0)
        assert (await served.ended(signal.SIGTERM))[0] == 0
    assert not [line for line in served.lines if line.get("level") in ("error", "warning")]


@pytest.mark.parametrize("loop", LOOPS)
async def test_what_was_begun_ends_by_the_topology_under_which_it_began(stage, loop):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def script(reader, writer):
        with suppress(EOFError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            begun.set()
            await go_on.wait()
            writer.write(b"rest")
            assert await reader.read() == b"", "the pool that is no longer in force keeps it"

    other = await stage.back(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
    path = stage.sites({"Paris": {"docs": (await stage.back(script)).address}})
    async with serving(path, loop=loop) as served:
        wire = await stage.wire(front(path))
        wire.send(GET)
        await begun.wait()
        rewrite(
            path, lambda document: document["sites"]["Paris"]["services"]["docs"].update(back=f"http://{other.address}")
        )
        await served.said("was read again")
        assert (await (await stage.wire(front(path))).ask(GET)).endswith(b"other")
        go_on.set()
        assert (await wire.answer()).endswith(b"halfrest")
        # The same connection has its next call answered by the new one.
        assert (await wire.ask(GET)).endswith(b"other")
        assert (await served.ended(signal.SIGTERM))[0] == 0
