"""Others are waited for so long, and longer where it was us who did not look."""

from __future__ import annotations

import asyncio
import time

import pytest

from scopeproxy.execution.own_time import within_own_time


async def test_what_takes_too_long_is_ended() -> None:
    waiting = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        async with within_own_time(0.001):
            await waiting
    assert waiting.cancelled()


@pytest.mark.parametrize("seconds", [60, None])
async def test_what_is_in_time_is_left_alone(seconds: float | None) -> None:
    async with within_own_time(seconds):
        await asyncio.sleep(0)


async def test_what_came_while_the_loop_was_busy_came_in_time() -> None:
    """Of a list over a thousand sites, hundreds seemed not to connect within two seconds on a busy machine."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    def answers_at_last(steps: int) -> None:
        # As a connection comes about: in several steps, each of which the loop has to get round to.
        if steps:
            loop.call_soon(answers_at_last, steps - 1)
        else:
            answer.set_result("here")

    async with within_own_time(0.01):
        loop.call_soon(answers_at_last, 3)
        # The process is busy with something else: nobody looks.
        time.sleep(0.2)
        assert await answer == "here"


async def test_a_failure_is_passed_on_as_it_is() -> None:
    with pytest.raises(ValueError, match="its own"):
        async with within_own_time(60):
            raise ValueError("its own")
