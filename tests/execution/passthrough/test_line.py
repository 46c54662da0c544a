"""First come, first served; and no place is lost or had twice, whoever goes away when."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.line import Line

ORIGIN = "http://h"


@pytest.fixture
def put():
    return []


@pytest.fixture
def line(put):
    return Line(1, put.append)


async def standing(line, *names):
    """Calls that wait, in the order of their names; each tells its name when its turn has come."""
    tasks = {}
    for name in names:
        tasks[name] = asyncio.create_task(line.enter(ORIGIN))
        await asyncio.sleep(0)
    return tasks


async def test_a_place_that_is_left_is_that_of_the_first_and_of_nobody_who_comes_meanwhile(line):
    assert await line.enter(ORIGIN) is None
    tasks = await standing(line, "first", "second")
    line.leave(ORIGIN)
    late = (await standing(line, "late"))["late"]
    assert (tasks["first"].done(), tasks["second"].done(), late.done()) == (True, False, False)
    assert line.waiting == 2
    line.leave(ORIGIN)
    await asyncio.sleep(0)
    assert (tasks["second"].done(), late.done()) == (True, False)
    late.cancel()


async def test_nobody_stands_in_another_origins_line(line):
    assert await line.enter(ORIGIN) is None
    assert await line.enter("http://other") is None


async def test_without_a_limit_nobody_waits(put):
    line = Line(0, put.append)
    for _ in range(3):
        assert await line.enter(ORIGIN) is None


async def test_a_connection_goes_to_the_first(line, road):
    assert await line.enter(ORIGIN) is None
    assert not line.hand_on(ORIGIN, None)
    first = (await standing(line, "first"))["first"]
    back = Back(road.pool, ORIGIN)
    assert line.hand_on(ORIGIN, back)
    assert await first is back


@pytest.mark.parametrize("what", ["a place", "a connection"])
async def test_a_turn_that_comes_too_late_is_not_lost(line, put, road, what):
    assert await line.enter(ORIGIN) is None
    gone = (await standing(line, "gone"))["gone"]
    back = Back(road.pool, ORIGIN) if what == "a connection" else None
    line.hand_on(ORIGIN, back) if back else line.leave(ORIGIN)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    if back is not None:
        assert put == [back]
    else:
        async with asyncio.timeout(1):
            assert await line.enter(ORIGIN) is None


async def test_who_goes_away_before_its_turn_is_passed_over(line):
    assert await line.enter(ORIGIN) is None
    tasks = await standing(line, "gone", "stays")
    tasks["gone"].cancel()
    await asyncio.sleep(0)
    assert line.waiting == 1
    line.leave(ORIGIN)
    assert await tasks["stays"] is None
