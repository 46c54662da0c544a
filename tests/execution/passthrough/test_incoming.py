"""A body as it comes: taken piece by piece, whole or not at all."""

from __future__ import annotations

import asyncio
import sys

import pytest

from scopeproxy.errors import BodyBrokenOff
from scopeproxy.execution.passthrough.incoming import Incoming


async def test_what_has_come_is_given_and_more_is_asked_for():
    asked = []

    def ask():
        assert body.is_waited_for
        asked.append(body.held)
        body.take([b"more"] if len(asked) == 1 else [], len(asked) == 2)
        assert body.is_waited_for == (len(asked) == 0)

    body = Incoming(None, ask)
    body.take([b"a", b"b"], False)
    assert [piece async for piece in body.open()] == [b"ab", b"more"]
    assert asked == [0, 0]


async def test_what_breaks_off_is_not_whole_even_where_some_of_it_was_not_taken():
    body = Incoming(5, lambda: None)
    body.take([b"he"], False)
    body.fail(BodyBrokenOff("it broke"))
    body.fail(BodyBrokenOff("again"))
    with pytest.raises(ConnectionError, match="it broke"):
        _ = [piece async for piece in body.open()]


async def test_what_is_whole_does_not_break_off():
    body = Incoming(2, lambda: None)
    body.take([b"he"], True)
    body.fail(BodyBrokenOff("too late"))
    assert body.failure is None
    assert [piece async for piece in body.open()] == [b"he"]


async def test_whoever_goes_away_while_it_waits_is_not_waited_for():
    body = Incoming(2, lambda: None)
    reading = asyncio.create_task(anext(body.open()))
    await asyncio.sleep(0)
    assert body.is_waited_for
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert not body.is_waited_for


async def test_bytes_that_come_one_by_one_are_counted_for_what_they_take():
    body = Incoming(None, lambda: None)
    for _ in range(1000):
        body.take([b"x"] * 10, False)
    assert body.held > sum(map(sys.getsizeof, body._came))
