"""Another protocol, from the journey's side: what the client says goes as fast as the service takes it."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.tunnel import Tunnel
from tests.execution.passthrough.conftest import Socket, Sockets


class Source:
    def reader_full(self):
        pass

    reader_ready = reader_waits = give_up = reader_full


@pytest.fixture
async def service():
    return Socket(Back(Sockets(asyncio.get_running_loop().time), "http://h"))


async def says(*pieces, error=None):
    for piece in pieces:
        yield piece
    if error is not None:
        raise error


async def test_what_the_client_says_waits_for_a_service_that_takes_no_more(service):
    tunnel = Tunnel(Source(), service.protocol)
    service.protocol.paused = True
    carrying = asyncio.create_task(tunnel.carry(says(b"a", b"b")))
    await asyncio.sleep(0)
    tunnel.room()
    await asyncio.sleep(0)
    assert service.out == b""
    service.protocol.paused = False
    tunnel.room()
    await carrying
    assert service.out == b"ab"
    assert service.ended


async def test_a_service_that_cannot_be_told_of_half_an_end_has_said_its_last(service):
    service.half_closes = False
    tunnel = Tunnel(Source(), service.protocol)
    tunnel.put(b"last")
    await tunnel.carry(says(b"a"))
    assert [piece async for piece in tunnel] == [b"last"]


async def test_a_client_that_is_lost_breaks_it_off(service):
    tunnel = Tunnel(Source(), service.protocol)
    await tunnel.carry(says(b"a", error=ConnectionError("it left")))
    with pytest.raises(ConnectionError, match="it left"):
        await anext(aiter(tunnel))
    assert not service.ended
