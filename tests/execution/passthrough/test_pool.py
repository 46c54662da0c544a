"""Connections are kept while they are good, and told of when there is none."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest

from scopeproxy.execution.passthrough import pool as pool_module
from scopeproxy.execution.passthrough.pool import KEPT_FOR, Pool, Unconnected
from scopeproxy.model.topology import Address, Url


class Clock:
    time = 0.0

    def __call__(self):
        return self.time


@pytest.fixture
async def server():
    served: list[asyncio.Task[None]] = []

    async def serve(reader, writer):
        served.append(asyncio.current_task())
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield Url("http", Address(*listening.sockets[0].getsockname()[:2]), "/base")
    listening.close()
    await asyncio.gather(*served)


async def test_the_connection_that_was_used_last_is_taken_first(server):
    pool = Pool({}, None, 20.0, Clock())
    one, other = await pool.connect(server), await pool.connect(server)
    assert pool.counts() == {"in_use": 2, "idle": 0, "waiting": 0}
    pool.put(one)
    pool.put(other)
    assert pool.counts() == {"in_use": 0, "idle": 2, "waiting": 0}
    assert pool.take(server.origin) is other
    assert pool.take(server.origin) is one
    assert pool.take(server.origin) is pool.take("http://other") is None
    pool.close()


async def test_who_was_idle_too_long_is_closed(server):
    clock = Clock()
    pool = Pool({}, None, 20.0, clock)
    pool.put(await pool.connect(server))
    clock.time = 1.0
    pool.put(young := await pool.connect(server))
    pool.sweep(KEPT_FOR)
    assert pool.counts()["idle"] == 1
    assert pool.take(server.origin) is young
    pool.close()


async def test_what_is_too_old_is_not_taken(server):
    clock = Clock()
    pool = Pool({}, None, 20.0, clock)
    pool.put(old := await pool.connect(server))
    clock.time = KEPT_FOR
    assert pool.take(server.origin) is None
    assert not old.usable
    pool.close()


async def test_what_is_kept_is_closed_in_time_whoever_comes(server, monkeypatch):
    monkeypatch.setattr(pool_module, "_SWEEP_EVERY", 0.01)
    clock = Clock()
    pool = Pool({}, None, 20.0, clock)
    for _ in range(2):
        pool.put(await pool.connect(server))
        clock.time += KEPT_FOR
        async with asyncio.timeout(20):
            await pool.ended()
    assert pool.counts() == {"in_use": 0, "idle": 0, "waiting": 0}
    pool.close()


async def test_the_end_of_the_last_call_can_be_waited_for(server):
    pool = Pool({}, None, 20.0, Clock())
    one, other = await pool.connect(server), await pool.connect(server)
    pool.retire()
    ended = asyncio.create_task(pool.ended())
    pool.put(one)
    await asyncio.sleep(0.01)
    assert not ended.done()
    pool.put(other)
    async with asyncio.timeout(20):
        await ended


async def test_who_has_time_stands_in_line_for_longer_than_a_connection_may_take(server):
    pool = Pool({}, None, 0.01, Clock(), most=1)
    one = await pool.connect(server)
    waits = asyncio.create_task(pool.reach(server, 0.01))
    with pytest.raises(Unconnected, match="no connection in time"):
        await pool.connect(server)
    pool.put(one)
    assert await waits is one
    pool.close()


async def test_whether_somebody_can_be_reached(server):
    pool = Pool({}, None, 20.0, Clock())
    assert await pool.reaches(server, 20.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert not await pool.reaches(Url("http", Address(*taken.getsockname())), 20.0)
    assert pool.counts() == {"in_use": 0, "idle": 0, "waiting": 0}


async def test_a_file_of_authorities_that_is_none_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        Pool({}, str(tmp_path / "none.pem"), 20.0, Clock()).open()


async def test_a_pool_that_is_retired_keeps_nothing_and_lets_calls_end(server):
    pool = Pool({}, None, 20.0, Clock())
    pool.put(await pool.connect(server))
    used = await pool.connect(server)
    pool.retire()
    assert pool.take(server.origin) is None
    assert used.usable
    pool.put(used)
    assert not used.usable


async def test_calls_beyond_the_limit_wait_in_order_for_one_that_is_given_back_or_lost(server):
    pool = Pool({}, None, 20.0, Clock(), most=2)
    one, other = await pool.connect(server), await pool.connect(server)
    first, second = (asyncio.create_task(pool.connect(server)) for _ in range(2))
    while pool.counts()["waiting"] < 2:
        await asyncio.sleep(0)
    pool.put(one)
    assert await first is one
    assert pool.take(server.origin) is None
    other.close()
    third = await second
    assert third not in (one, other)
    assert pool.counts() == {"in_use": 2, "idle": 0, "waiting": 0}
    pool.close()


async def test_a_call_that_waits_too_long_is_told_and_leaves_its_turn_to_the_next(server):
    pool = Pool({}, None, 0.05, Clock(), most=1)
    one = await pool.connect(server)
    with pytest.raises(Unconnected, match="no connection in time"):
        await pool.connect(server)
    assert pool.counts()["waiting"] == 0
    pool.put(one)
    assert pool.take(server.origin) is one
    pool.close()


async def test_routes_lead_elsewhere(server):
    away = Url("http", Address("192.0.2.1", 9))
    pool = Pool({away.address: server.address}, None, 20.0, Clock())
    assert (await pool.connect(away)).origin == "http://192.0.2.1:9"
    pool.close()


async def test_why_there_is_no_connection_is_told(server):
    pool = Pool({}, None, 20.0, Clock())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unconnected, match=f"no connection to 127.0.0.1:{port} .Connection refused"):
            await pool.connect(Url("http", Address("127.0.0.1", port)))
    with pytest.raises(Unconnected, match="no connection in time"):
        # It takes the connection, and says nothing of TLS.
        await Pool({}, None, 0.2, Clock()).connect(Url("https", server.address))
    with pytest.raises(Unconnected, match=r"its name nobody\.invalid is not known"):
        await Pool({}, None, 20.0, Clock()).connect(Url("http", Address("nobody.invalid", 1)))
    pool.close()


@pytest.mark.parametrize("tells", [True, False])
async def test_a_connection_whose_time_is_over_just_as_it_is_made_is_counted_out_once(server, monkeypatch, tells):
    """asyncio tells its protocol of the end, uvloop does not."""
    loop = asyncio.get_running_loop()
    make = loop.create_connection

    async def late(factory, *where, **how):
        transport, back = await make(factory, *where, **how)
        transport.abort()
        if tells:
            back.connection_lost(None)
        raise TimeoutError

    pool = Pool({}, None, 20.0, Clock(), most=1)
    monkeypatch.setattr(loop, "create_connection", late)
    for _ in range(3):
        with pytest.raises(Unconnected):
            await pool.connect(server)
        assert pool.counts() == {"in_use": 0, "idle": 0, "waiting": 0}
    monkeypatch.undo()
    # The one that is allowed can be had, and a second one cannot.
    one = await pool.connect(server)
    waits = asyncio.create_task(pool.connect(server))
    async with asyncio.timeout(20):
        while pool.counts()["waiting"] == 0:
            await asyncio.sleep(0)
    assert not waits.done()
    pool.put(one)
    assert await waits is one
    pool.close()
