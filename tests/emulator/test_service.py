"""What every service does alike."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from scopeproxy.emulator.service import bound
from scopeproxy.model.topology import Address


async def test_each_request_gets_an_id(nobody):
    _, _, first = await nobody("GET", "network", "/")
    _, _, second = await nobody("GET", "network", "/")
    assert first["x-openstack-request-id"].startswith("req-")
    assert first["x-openstack-request-id"] != second["x-openstack-request-id"]


async def test_head_has_the_length_and_no_body(nobody):
    _, _, get = await nobody("GET", "placement", "/")
    status, body, head = await nobody("HEAD", "placement", "/")
    assert (status, body) == (200, b"")
    assert head["content-length"] == get["content-length"]


async def test_an_unchanged_image_is_304(alice, site):
    path = f"/v2/images/{next(iter(site.glance.images))}/file"
    _, _, headers = await alice("GET", "image", path)
    status, body, _ = await alice("GET", "image", path, If_None_Match=headers["etag"])
    assert (status, body) == (304, b"")


async def test_two_sockets_cannot_listen_at_one_address():
    first = bound(Address("127.0.0.1", 0))
    first.listen()
    with pytest.raises(OSError, match="in use"):
        bound(Address(*first.getsockname()))
    first.close()


async def test_a_reserved_port_may_be_listened_at_by_who_knows_it():
    reservation = bound(Address("127.0.0.1", 0))
    host, port = reservation.getsockname()
    server = await asyncio.start_server(lambda reader, writer: writer.close(), host, port)
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    server.close()
    reservation.close()


async def test_a_service_stops_while_a_request_waits(site, alice):
    await site.misbehave("nova", "slow")
    waiting = asyncio.ensure_future(alice("GET", "compute", "/"))
    async with asyncio.timeout(20):
        while not site.recorder.calls(service="nova"):
            await alice("GET", "network", "/")
        await site.service("nova").stop()
        (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(outcome, aiohttp.ClientError) or outcome[0] == 500
