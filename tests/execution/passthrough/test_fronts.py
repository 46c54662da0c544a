"""All connections at a door are counted, swept and ended."""

from __future__ import annotations

import asyncio
import logging

from scopeproxy.execution.passthrough.fronts import Fronts

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


async def test_connections_are_counted(road):
    others = [road.connect() for _ in range(3)]
    assert len(road.fronts) == 4
    others[0].lose()
    assert len(road.fronts) == 3


async def test_the_late_are_told_by_one_sweep(road):
    # Nothing here sleeps: the clock of the fronts is ours, and the sweeper's is as fast as it may be.
    fast = Fronts(lambda: road.lane, road.fronts.journey, idle=0.001, now=lambda: road.time)
    road.fronts = fast
    one, other = road.connect(), road.connect()
    road.time += 1
    async with asyncio.timeout(20):
        while len(fast):
            await asyncio.sleep(0.005)
    assert one.closed
    assert other.closed


async def test_shutting_down_waits_for_what_was_begun(road):
    road.asks(GET)
    await road.service()
    road.fronts.pre_shutdown()
    ending = asyncio.create_task(road.fronts.shutdown(20))
    await road.settle()
    assert not ending.done()
    assert await road.answers(b"HTTP/1.1 204 x\r\n\r\n")
    await ending
    assert not road.client.aborted


async def test_what_was_on_its_way_when_it_began_to_stop_is_answered(road):
    road.fronts.pre_shutdown()
    ending = asyncio.create_task(road.fronts.shutdown(20))
    road.asks(GET)
    await road.service()
    assert b"\r\nConnection: close\r\n" in await road.answers(b"HTTP/1.1 204 x\r\n\r\n")
    await ending


async def test_who_was_accepted_just_before_it_stopped_keeps_nobody_waiting(road):
    road.fronts.pre_shutdown()
    late = road.connect()
    await road.fronts.shutdown(20)
    assert late.closed
    assert not late.aborted


async def test_shutting_down_ends_what_takes_too_long(road):
    road.asks(GET)
    service = await road.service()
    road.fronts.pre_shutdown()
    await road.fronts.shutdown(0.01)
    assert road.client.aborted
    assert service.aborted
    await road.settle()
    assert len(road.fronts) == 0


async def test_what_is_refused_is_told_without_what_it_said(road, caplog):
    with caplog.at_level(logging.WARNING):
        road.asks(b"GET /secret HTTP/9\r\n\r\n")
    assert "a request from 192.0.2.1 is refused: Malformed" in caplog.text
    assert "secret" not in caplog.text
