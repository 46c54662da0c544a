"""A name is looked up once for a while, and each of its addresses is tried."""

from __future__ import annotations

import asyncio
import os
import socket

import aiohttp
import pytest
import uvloop

from scopeproxy.execution.passthrough import dialing
from scopeproxy.execution.passthrough.dialing import KNOWN_FOR, Dialer
from scopeproxy.model.topology import Address


class Clock:
    time = 0.0

    def __call__(self):
        return self.time


class Names:
    """What the system says of names.  `asked`: for which it was asked; `told`: the addresses of every name."""

    def __init__(self):
        self.asked, self.told = [], ["127.0.0.1"]

    async def look_up(self, host, port, **_):
        await asyncio.sleep(0)
        self.asked.append(host)
        if not self.told:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.told]


@pytest.fixture
async def names(monkeypatch):
    names = Names()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.look_up)
    return names


@pytest.fixture
async def port():
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()


class Connected(asyncio.Protocol):
    def connection_made(self, transport):
        self.peer = transport.get_extra_info("peername")
        transport.close()


async def dialled(dialer, host, port, patience=5.0):
    return (await dialer.dial(Connected, Address(host, port), patience)).peer[0]


async def test_a_name_is_believed_for_a_while(names, port):
    clock = Clock()
    dialer = Dialer(clock)
    await asyncio.gather(*(dialled(dialer, "docs", port) for _ in range(3)))
    clock.time = KNOWN_FOR - 1
    await dialled(dialer, "docs", port)
    assert names.asked == ["docs"]
    clock.time = KNOWN_FOR
    await dialled(dialer, "docs", port)
    assert names.asked == ["docs", "docs"]


async def test_an_address_is_not_looked_up(names, port):
    assert await dialled(Dialer(Clock()), "127.0.0.1", port) == "127.0.0.1"
    assert names.asked == []


async def test_an_address_that_fails_is_passed_over_and_tried_last_from_then_on(names, port, monkeypatch):
    names.told = ["127.0.0.2", "127.0.0.1"]
    tried, dialer = [], Dialer(Clock())
    loop = asyncio.get_running_loop()
    connect = loop.create_connection

    async def noted(protocol, host, *where, **how):
        tried.append(host)
        return await connect(protocol, host, *where, **how)

    monkeypatch.setattr(loop, "create_connection", noted)
    for _ in range(2):
        assert await dialled(dialer, "docs", port) == "127.0.0.1"
    assert tried == ["127.0.0.2", "127.0.0.1", "127.0.0.1"]


async def test_an_address_that_says_nothing_leaves_time_to_the_next(names, port, monkeypatch):
    names.told = ["192.0.2.1", "127.0.0.1"]
    loop = asyncio.get_running_loop()
    connect = loop.create_connection

    async def silent(protocol, host, *where, **how):
        if host == "192.0.2.1":
            await asyncio.Event().wait()
        return await connect(protocol, host, *where, **how)

    monkeypatch.setattr(loop, "create_connection", silent)
    assert await dialled(Dialer(Clock()), "docs", port, 0.2) == "127.0.0.1"


async def test_when_all_fail_the_last_one_tells_why(names):
    names.told = ["127.0.0.2", "127.0.0.1"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await dialled(Dialer(Clock()), "docs", taken.getsockname()[1])


async def test_what_is_not_known_is_asked_for_anew(names, port):
    dialer, names.told = Dialer(Clock()), []
    with pytest.raises(socket.gaierror):
        await dialled(dialer, "docs", port)
    names.told = ["127.0.0.1"]
    assert await dialled(dialer, "docs", port) == "127.0.0.1"


async def test_a_system_that_does_not_answer_is_not_waited_for(monkeypatch):
    async def silent(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    with pytest.raises(TimeoutError):
        await dialled(Dialer(Clock()), "docs", 1, 0.05)


async def test_so_many_names_are_remembered_and_no_more(names, port, monkeypatch):
    monkeypatch.setattr(dialing, "_NAMES", 2)
    dialer = Dialer(Clock())
    for name in ("one", "two", "three", "two", "one"):
        await dialled(dialer, name, port)
    assert names.asked == ["one", "two", "three", "one"]


# ---- whose a socket is


class Sole(uvloop.Loop):
    """uvloop's loop where nobody else has any of its sockets.

    Up to 0.22 it closes the one of a connection that is cancelled, and so does whoever made it, when the number is
    another connection's by then: new ones were refused as "File descriptor … is used by transport …".
    """

    async def sock_connect(self, sock, address):
        raise AssertionError("a socket of somebody else's is connected")

    async def create_connection(self, *args, sock=None, **more):
        assert sock is None, "a socket of somebody else's is handed over"
        return await super().create_connection(*args, **more)


def descriptors():
    return set(os.listdir("/proc/self/fd"))


def test_the_loop_makes_its_sockets_itself_and_each_is_closed_once():
    async def many():
        listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        to = Address(*listening.sockets[0].getsockname())
        dialer = Dialer(Clock())
        before = descriptors()
        for turns in range(300):
            dialing = asyncio.create_task(dialer.dial(asyncio.Protocol, to, 20.0))
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            dialing.cancel()
            await asyncio.wait({dialing})
        await quiet(before)
        listening.close()

    async def quiet(before):
        async with asyncio.timeout(20):
            while not descriptors() <= before:
                await asyncio.sleep(0.01)

    with asyncio.Runner(loop_factory=Sole) as runner:
        runner.run(many())


def test_aiohttps_client_which_was_the_door_out_hands_sockets_over():
    async def asks():
        async with aiohttp.ClientSession() as session:
            await session.get("http://127.0.0.1:1/")

    with asyncio.Runner(loop_factory=Sole) as runner, pytest.raises(AssertionError, match="somebody else's"):
        runner.run(asks())
