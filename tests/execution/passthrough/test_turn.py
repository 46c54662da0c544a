"""Messages wait for the end of the turn, in their order, and none for another one's mistake."""

from __future__ import annotations

import asyncio

from scopeproxy.execution.passthrough.turn import Turn
from scopeproxy.execution.passthrough.wire import Wire
from tests.execution.passthrough.test_wire import Pretended


class Broken(Pretended):
    def write(self, data):
        raise RuntimeError("hush")


async def test_what_is_written_goes_out_at_the_end_of_the_turn():
    turn, one, other = Turn(), Pretended(), Pretended()
    first, second = Wire(one), Wire(other)
    for _ in range(2):
        turn.write(first, b"a")
        turn.write(second, b"b")
        turn.write(first, b"c")
        assert (one.told[1:], other.told[1:]) == ([], [])
        await asyncio.sleep(0)
        assert (one.told[1:], other.told[1:]) == ([b"ac"], [b"b"])
        del one.told[1:], other.told[1:]


async def test_a_mistake_with_one_connection_costs_the_others_nothing(caplog):
    turn, broken, good = Turn(), Broken(), Pretended()
    turn.write(Wire(broken), b"a")
    turn.write(Wire(good), b"b")
    await asyncio.sleep(0)
    assert (broken.told[1:], good.told[1:]) == (["abort"], [b"b"])
    assert [record.getMessage() for record in caplog.records] == ["a connection is given up: RuntimeError"]
