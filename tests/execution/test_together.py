"""Several things at once, each to its end."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.together import together


async def test_results_come_in_the_order_of_the_parts() -> None:
    second_is_done = asyncio.Event()

    async def first() -> str:
        await second_is_done.wait()
        return "first"

    async def second() -> str:
        second_is_done.set()
        return "second"

    assert await together([first(), second()]) == ["first", "second"]


async def test_who_begins_many_lets_others_go_on_in_between() -> None:
    begun = []

    async def part(number: int) -> None:
        begun.append(number)

    async def beside() -> int:
        await asyncio.sleep(0)
        return len(begun)

    other = asyncio.create_task(beside())
    await together(part(number) for number in range(200))
    assert len(begun) == 200
    assert await other < 200


async def test_one_that_fails_does_not_cut_off_the_others_and_is_raised_as_itself() -> None:
    failed, finished = asyncio.Event(), []

    async def fails() -> None:
        failed.set()
        raise ValueError("ours")

    async def goes_on() -> None:
        await failed.wait()
        finished.append(True)

    with pytest.raises(ValueError, match="ours"):
        await together([fails(), goes_on()])
    assert finished == [True]


async def test_who_gives_up_waiting_stops_them_all() -> None:
    begun, stopped = asyncio.Event(), []

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(True)
            raise

    task = asyncio.ensure_future(together([waits()]))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped == [True]


async def test_nothing_to_do_is_done() -> None:
    assert await together([]) == []
