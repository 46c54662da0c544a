"""Links between sites: routes, constraints, cuts."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from scopeproxy.emulator.links import Links
from scopeproxy.model.topology import Address, LinkConstraint


async def hello(reader, writer):
    await reader.readexactly(1)
    writer.write(b"hello")
    writer.close()


@asynccontextmanager
async def linked(*constraints):
    servers = [await asyncio.start_server(hello, "127.0.0.1", 0) for _ in range(2)]
    paris, corte = (Address(*server.sockets[0].getsockname()[:2]) for server in servers)
    links = Links({"Paris": [paris], "Corte": [corte, corte]}, constraints)
    links.open()
    yield links, paris, corte
    await links.close()
    for server in servers:
        server.close()


async def ask(address):
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(b"x")
        return await reader.read(-1)
    finally:
        writer.close()


async def test_every_pair_has_its_route():
    async with linked() as (links, paris, corte):
        assert list(links.routes("Paris")) == [corte]
        assert list(links.routes("Corte")) == [paris]
        assert await ask(links.routes("Paris")[corte]) == b"hello"


async def test_delay_by_constraint_and_at_run_time():
    loop = asyncio.get_running_loop()
    async with linked(LinkConstraint("Paris", "Corte", delay=0.02)) as (links, paris, corte):
        for address in (links.routes("Paris")[corte], links.routes("Corte")[paris]):
            start = loop.time()
            await ask(address)
            assert loop.time() - start >= 0.08
        links.delay("Paris", "Corte", 0.04, symmetric=False)
        start = loop.time()
        await ask(links.routes("Paris")[corte])
        assert loop.time() - start >= 0.12


async def test_refused_until_healed():
    async with linked() as (links, paris, corte):
        links.cut("Paris", "Corte")
        for address in (links.routes("Paris")[corte], links.routes("Corte")[paris]):
            with pytest.raises(ConnectionRefusedError):
                await ask(address)
        links.heal("Corte")
        assert await ask(links.routes("Paris")[corte]) == b"hello"


async def test_one_way_only():
    async with linked() as (links, paris, corte):
        links.cut("Paris", "Corte", symmetric=False)
        with pytest.raises(ConnectionRefusedError):
            await ask(links.routes("Paris")[corte])
        assert await ask(links.routes("Corte")[paris]) == b"hello"


async def test_dropped_until_healed():
    async with linked() as (links, _, corte):
        links.cut("Paris", "Corte", how="drop")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(links.routes("Paris")[corte])
        links.heal()
        assert await ask(links.routes("Paris")[corte]) == b"hello"


async def test_from_one_cut_to_the_other():
    async with linked() as (links, _, corte):
        for how in ("drop", "refuse", "drop", "drop"):
            links.cut("Paris", "Corte", how=how)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(links.routes("Paris")[corte])
        links.heal("Paris", "Corte")
        assert await ask(links.routes("Paris")[corte]) == b"hello"
