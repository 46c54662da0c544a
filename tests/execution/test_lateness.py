"""Who waits for a late answer is told when its sender cannot be reached at all, and is otherwise left to wait."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.lateness import Lateness


class Other:
    """The other end: reachable as often as `reached` says, one word for each look, and the last for all further."""

    def __init__(self, *reached: bool) -> None:
        self._reached, self.looks = list(reached), 0
        self.looked = asyncio.Condition()

    async def reaches(self) -> bool:
        async with self.looked:
            self.looks += 1
            self.looked.notify_all()
        return self._reached.pop(0) if len(self._reached) > 1 else self._reached[0]

    async def looked_at(self, times: int) -> None:
        async with asyncio.timeout(20), self.looked:
            await self.looked.wait_for(lambda: self.looks >= times)


async def test_what_is_in_time_is_not_looked_into() -> None:
    other = Other(False)
    async with Lateness(other.reaches, 60):
        await asyncio.sleep(0)
    assert other.looks == 0


async def test_waiting_ends_when_the_other_end_cannot_be_reached() -> None:
    waiting = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        async with Lateness(Other(False).reaches, 0.001):
            await waiting
    assert waiting.cancelled()


async def test_it_is_looked_again_and_again_while_it_can_be_reached() -> None:
    other = Other(True, True, False)
    with pytest.raises(TimeoutError):
        async with Lateness(other.reaches, 0.001):
            await asyncio.Event().wait()
    assert other.looks == 3


async def test_who_is_only_slow_is_waited_for() -> None:
    other = Other(True)
    async with Lateness(other.reaches, 0.001):
        await other.looked_at(2)
    assert other.looks >= 2


async def test_a_look_under_way_ends_with_the_wait() -> None:
    given_up = asyncio.Event()
    looking = asyncio.Event()

    async def never() -> bool:
        looking.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        return True

    async with asyncio.timeout(20), Lateness(never, 0.001):
        await looking.wait()
    assert given_up.is_set()


async def test_a_failure_of_what_is_waited_for_is_its_own() -> None:
    with pytest.raises(ValueError, match="its own"):
        async with Lateness(Other(False).reaches, 60):
            raise ValueError("its own")
