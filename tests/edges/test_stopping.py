"""SIGTERM under load: what was begun is seen through, nothing is begun any more, and the process ends in time."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from contextlib import suppress

import pytest

from tests.edges.served import GET, front, serving
from tests.loops import LOOPS

# Seconds that what was begun has, as scopeproxy/edges/app.py says, and what a busy machine adds.
GRACE, SLACK = 10.0, 8.0

SCOPED = b"GET /x HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Paris\r\n\r\n"


class Service:
    """Answers each request when `go_on` says so; a body that is sent to it comes back."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.served, self.tasks = 0, asyncio.Event(), [], set()

    async def script(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.begun += 1
            if b"Upgrade: websocket" in head:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                while data := await reader.read(100):
                    writer.write(data)
                return
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or 0)
            if head.startswith(b"GET /stream"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            body = await reader.readexactly(length)
            await self.go_on.wait()
            self.served.append(head.partition(b" HTTP")[0])
            if head.startswith(b"GET /stream"):
                writer.write(b"rest")
            else:
                body = body or b"hi"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def has_begun(self, count):
        async with asyncio.timeout(20):
            while self.begun < count:
                await asyncio.sleep(0.01)


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture
async def service():
    service = Service()
    yield service
    service.go_on.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*service.tasks)


@pytest.fixture
async def path(stage, service):
    return stage.sites({"Paris": {"docs": (await stage.back(service.script)).address}})


async def test_what_was_begun_is_answered_and_nothing_else_is_begun(stage, path, service, loop):
    async with serving(path, loop=loop) as served:
        address = front(path)
        wires = {
            name: await stage.wire(address) for name in ("idle", "head", "asked", "scoped", "stream", "up", "ahead")
        }
        wires["head"].send(GET[:10])
        wires["asked"].send(GET)
        wires["scoped"].send(SCOPED)
        wires["stream"].send(GET.replace(b"/x", b"/stream"))
        wires["up"].send(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nha")
        wires["ahead"].send(GET + GET.replace(b"/x", b"/never"))
        await service.has_begun(5)
        assert (await wires["stream"].head()).startswith(b"HTTP/1.1 200 ")
        served.process.send_signal(signal.SIGTERM)
        await served.said("stopping")
        # Where nothing was begun, the connection ends at once.
        assert await wires["idle"].rest() == await wires["head"].rest() == b""
        with pytest.raises(ConnectionError):
            await stage.wire(address)
        wires["up"].send(b"lf")
        service.go_on.set()
        for name in ("asked", "scoped", "ahead"):
            answer = await wires[name].rest()
            assert answer.startswith(b"HTTP/1.1 200 "), name
            assert answer.endswith(b"\r\n\r\nhi")
            assert b"\r\nConnection: close\r\n" in answer, name
        assert (await wires["up"].rest()).endswith(b"\r\n\r\nhalf")
        assert await wires["stream"].rest() == b"halfrest"
        assert (await served.ended())[0] == 0
    assert b"GET /never" not in service.served


async def test_a_process_ends_in_time_whatever_is_under_way(stage, path, service, loop):
    async with serving(path, loop=loop) as served:
        address = front(path)
        asked, scoped, tunnel, up = [await stage.wire(address) for _ in range(4)]
        asked.send(GET)
        scoped.send(SCOPED)
        tunnel.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"))
        up.send(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nha")
        await service.has_begun(4)
        assert (await tunnel.head()).startswith(b"HTTP/1.1 101 ")
        before = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        await served.said("stopping")
        # Meanwhile another protocol goes on.
        tunnel.send(b"still here")
        assert await tunnel.reader.readexactly(10) == b"still here"
        code, _ = await served.ended()
        assert code == 0
        assert time.monotonic() - before < GRACE + SLACK
        for wire in (asked, scoped, tunnel, up):
            with suppress(ConnectionError):
                await wire.rest()


async def test_connections_that_were_accepted_as_it_stops_end_too(stage, path, service, loop):
    # The kernel has taken them, and the proxy did not have a look yet.
    service.go_on.set()
    async with serving(path, loop=loop) as served:
        address, before = front(path), time.monotonic()
        served.process.send_signal(signal.SIGSTOP)
        wires = []
        for number in range(50):
            wire = socket.create_connection(tuple(address))
            if number % 2:
                wire.sendall(GET)
            wires.append(wire)
        served.process.send_signal(signal.SIGTERM)
        served.process.send_signal(signal.SIGCONT)
        code, _ = await served.ended()
        assert code == 0
        # None of them keeps the process from ending.
        assert time.monotonic() - before < GRACE
        for wire in wires:
            wire.close()


@pytest.mark.parametrize("stops", [signal.SIGTERM, signal.SIGINT])
async def test_no_answer_is_lost_under_load(stage, path, service, loop, stops):
    """Clients ask again and again; each call whose head the service saw has its whole answer, and the others none."""
    service.go_on.set()
    answered, whole, broken = 0, 0, []

    async def client(address):
        nonlocal answered, whole
        try:
            reader, writer = await asyncio.open_connection(*address)
        except ConnectionError:
            return
        try:
            while True:
                writer.write(GET)
                head = await reader.readuntil(b"\r\n\r\n")
                answered += 1
                assert await reader.readexactly(2) == b"hi"
                whole += 1
                if b"Connection: close" in head:
                    assert await reader.read() == b""
                    return
        except asyncio.IncompleteReadError as error:
            if error.partial:
                broken.append(error.partial)
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async with serving(path, loop=loop) as served:
        address = front(path)
        clients = [asyncio.create_task(client(address)) for _ in range(32)]
        await service.has_begun(500)
        code, _ = await served.ended(stops)
        assert code == 0
        await asyncio.gather(*clients)
    assert not broken
    assert answered == whole == len(service.served)
