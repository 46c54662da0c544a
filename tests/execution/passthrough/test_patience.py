"""The time of a call: what ends it, what it is earned by, and what is told."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.passthrough.outgoing import Outgoing
from scopeproxy.execution.passthrough.patience import Patience
from scopeproxy.model.messages import NOTHING
from scopeproxy.model.topology import Address, Timeouts, Url


def patience(deadline=None, answer=60.0):
    """One that notes when it is over; `deadline`: seconds from now."""
    late = []
    at = None if deadline is None else asyncio.get_running_loop().time() + deadline
    call = Outgoing("Corte", Url("http", Address("h", 1)), "GET", "/", (), NOTHING, Timeouts(1, answer, 99), at)
    return Patience(call, lambda: late.append(True)), late


async def test_it_is_over_when_its_time_is_and_not_before():
    one, late = patience()
    one.look()
    assert (late, one.is_over) == ([], False)
    one.until -= 60
    one.look()
    assert (late, one.is_over) == ([True], True)
    one.stop()


async def test_what_moves_earns_it_all_of_the_time_anew():
    one, late = patience(deadline=1.0)
    first = one.until
    one.earn()
    assert one.until > first + 58
    one.until -= 59
    one.look()
    assert late == []
    one.stop()


async def test_it_looks_by_itself_and_only_while_somebody_waits():
    one, late = patience(answer=0.01)
    other, never = patience(answer=0.01)
    one.start()
    other.start()
    other.stop()
    async with asyncio.timeout(20):
        while not late:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    assert never == []


@pytest.mark.parametrize(
    ("deadline", "begun", "why"),
    [
        (None, True, "no answer within 60 s"),
        (None, False, "no connection within 60 s"),
        (60.0, True, "no answer within 60 s"),
        (-1.0, False, "no answer within the time that the call was given"),
    ],
)
async def test_why_is_told(deadline, begun, why):
    one, _ = patience(deadline)
    assert one.why(begun) == why
