"""More clients than there is room for: they are told, the others go on, and room that was left is taken again."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections import Counter
from contextlib import suppress

import pytest

from tests.edges.served import GET, front, rewrite, serving
from tests.loops import LOOPS

MANY = 200


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture
async def path(stage):
    return stage.sites({"Paris": {"docs": (await stage.back()).address}})


async def status(wire):
    """Of the answer to a GET; None where there is none."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        return int((await wire.ask(GET)).split()[1])
    return None


async def until(wires, wanted):
    """Ask by a new connection again and again until one is answered so."""
    async with asyncio.timeout(20):
        while True:
            wire = await wires()
            if await status(wire) == wanted:
                return
            wire.leave()
            await asyncio.sleep(0.02)


async def test_idle_connections_take_their_room_and_leave_it(stage, path, loop):
    rewrite(path, lambda document: document["sites"]["Paris"]["proxy"].update(limits={"connections": str(MANY)}))
    async with serving(path, loop=loop) as served:
        idle = [await stage.wire(front(path)) for _ in range(MANY)]
        assert [await status(wire) for wire in idle] == [200] * MANY
        assert [await status(await stage.wire(front(path))) for _ in range(5)] == [503] * 5
        # Those that are there go on.
        assert {await status(wire) for wire in idle} == {200}
        for wire in idle[::2]:
            wire.leave()
        await until(lambda: stage.wire(front(path)), 200)
        again = [await stage.wire(front(path)) for _ in range(MANY // 2 - 1)]
        assert {await status(wire) for wire in again} == {200}
        assert await status(await stage.wire(front(path))) == 503
        assert (await served.ended(signal.SIGTERM))[0] == 0


async def test_files_that_run_out_stop_nobody_for_longer_than_they_do(stage, path, loop):
    async with serving(path, loop=loop) as served:
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (MANY, MANY))
        wires = [await stage.wire(front(path)) for _ in range(2 * MANY)]
        answers = Counter(await asyncio.gather(*map(status, wires)))
        # Each of those that have room (two fifths of the files, and a few who come as others leave) has a connection to
        # the service, too; some are told, and the rest sees the end.
        assert MANY * 0.3 <= answers[200] <= MANY * 0.5
        assert answers[503] > 0
        assert answers.total() - answers[200] - answers[503] == answers[None]
        for wire in wires:
            wire.leave()
        await until(lambda: stage.wire(front(path)), 200)
        code, _ = await served.ended(signal.SIGTERM)
        assert code == 0
    assert not [line for line in served.lines if line.get("level") == "error"]
