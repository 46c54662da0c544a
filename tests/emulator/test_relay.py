"""A relay carries, delays, refuses and swallows."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from scopeproxy.emulator.relay import Relay, is_listening
from scopeproxy.emulator.wire import Wire
from scopeproxy.model.topology import Address


async def echo(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@asynccontextmanager
async def echoing(host="127.0.0.1", port=0):
    server = await asyncio.start_server(echo, host, port)
    yield Address(*server.sockets[0].getsockname()[:2])
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def relaying(target, there=None, back=None):
    relay = Relay(target, there or Wire(), back or Wire())
    relay.open()
    yield relay
    await relay.close()


@asynccontextmanager
async def connected(relay):
    reader, writer = await asyncio.open_connection(*relay.address)
    yield reader, writer
    writer.close()


async def test_bytes_and_the_end_of_the_stream_pass():
    async with echoing() as target, relaying(target) as relay, connected(relay) as (reader, writer):
        data = bytes(range(256)) * 10_000
        writer.write(data)
        writer.write_eof()
        assert await reader.read(-1) == data


async def test_delay_is_paid_for_connecting_and_both_ways():
    async with echoing() as target, relaying(target, Wire(0.02), Wire(0.03)) as relay:
        start = asyncio.get_running_loop().time()
        async with connected(relay) as (reader, writer):
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        assert asyncio.get_running_loop().time() - start >= 0.1


async def test_a_refusal_resets_what_is_open_and_can_be_taken_back():
    async with echoing() as target, relaying(target) as relay:
        async with connected(relay) as (reader, writer):
            writer.write(b"x")
            await reader.readexactly(1)
            relay.refuse()
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*relay.address)
        relay.open()
        async with connected(relay) as (reader, writer):
            writer.write(b"y")
            assert await reader.readexactly(1) == b"y"


async def test_when_packets_vanish_connecting_hangs_and_goes_on_later():
    wires = Wire(), Wire()
    async with echoing() as target, relaying(target, *wires) as relay, connected(relay) as (reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)
        relay.drop()
        for wire in wires:
            wire.connected.clear()
        writer.write(b"y")
        newcomer = socket.socket()
        newcomer.setblocking(False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.get_running_loop().sock_connect(newcomer, relay.address)
        newcomer.close()
        waiting = asyncio.ensure_future(reader.readexactly(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        for wire in wires:
            wire.connected.set()
        relay.open()
        assert await waiting == b"y"


async def test_a_relay_refuses_while_the_far_end_does_not_listen():
    async with echoing() as target:
        pass
    assert not is_listening(target)
    async with relaying(target) as relay:
        relay.look()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*relay.address)
        async with echoing(*target):
            assert is_listening(target)
            async with asyncio.timeout(20):
                while not is_listening(relay.address):
                    await asyncio.sleep(0)
            async with connected(relay) as (reader, writer):
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"


async def test_the_first_connection_to_a_far_end_that_is_gone_is_reset():
    async with echoing() as target:
        pass
    async with relaying(target) as relay:
        async with connected(relay) as (reader, _):
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*relay.address)
