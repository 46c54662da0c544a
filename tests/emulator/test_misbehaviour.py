"""Services that go wrong on purpose."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from scopeproxy.emulator.misbehaviour import Misbehaviour


async def test_garbage(site, alice):
    await site.misbehave("glance", "garbage")
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientResponseError)):
        await alice("GET", "image", "/")


async def test_cut_gives_half_a_body(site, session):
    await site.misbehave("glance", "cut")
    async with session.get(site.backs["image"] + "/") as reply:
        assert reply.status == 200
        assert await reply.content.readany()
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError, ConnectionResetError)):
            await reply.content.read(-1)


async def test_500_in_the_services_words(site, alice):
    await site.misbehave("nova", Misbehaviour.FAULT)
    status, body, _ = await alice("GET", "compute", "/v2.1/servers")
    assert (status, list(body)) == (500, ["computeFault"])


async def test_refuse_and_back_at_the_same_port(site, alice):
    await alice("GET", "image", "/")
    before = site.backs
    await site.misbehave("image", "refuse")
    await site.misbehave("image", "refuse")
    with pytest.raises(aiohttp.ClientConnectorError):
        await alice("GET", "image", "/")
    await site.misbehave("image", None)
    assert site.backs == before
    assert (await alice("GET", "image", "/"))[0] == 300


async def test_slow_never_answers_until_it_is_over(site, alice):
    await site.misbehave("glance", "slow")
    waiting = asyncio.ensure_future(alice("GET", "image", "/"))
    async with asyncio.timeout(20):
        while not site.recorder.calls(service="glance"):
            await alice("GET", "network", "/")
    assert not waiting.done()
    waiting.cancel()


async def test_an_unknown_way_to_go_wrong(site):
    with pytest.raises(ValueError, match="dance"):
        await site.misbehave("glance", "dance")
