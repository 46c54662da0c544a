"""An answer's body is had in order and whole, or its loss is told; whoever reads sets the pace."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.passthrough.arriving import _FULL, Arriving


class Source:
    def __init__(self):
        self.told = []
        self.body = Arriving(self)

    def reader_full(self):
        self.told.append("full")

    def reader_ready(self):
        self.told.append("ready")

    def reader_waits(self):
        self.told.append("waits")

    def give_up(self):
        self.told.append("given up")


@pytest.fixture
def source():
    return Source()


async def test_what_has_come_is_had_in_one_piece_and_then_each_as_it_comes(source):
    body = source.body
    for piece in (b"a", b"", b"b"):
        body.put(piece)
    pieces = aiter(body)
    assert await anext(pieces) == b"ab"
    waiting = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0)
    assert body.is_waited_for
    body.put(b"c")
    assert await waiting == b"c"
    assert not body.is_waited_for
    body.put(b"d")
    body.end()
    assert [piece async for piece in pieces] == [b"d"]
    assert source.told == ["waits"]


@pytest.mark.parametrize("error", [ConnectionError("gone"), TimeoutError("late")])
async def test_a_loss_is_told_behind_what_had_come(source, error):
    pieces = aiter(source.body)
    source.body.put(b"half")
    source.body.lose(error)
    assert await anext(pieces) == b"half"
    with pytest.raises(type(error), match=str(error)):
        await anext(pieces)


async def test_whoever_waits_is_told_of_the_end(source):
    reading = asyncio.ensure_future(anext(aiter(source.body), b"nothing"))
    await asyncio.sleep(0)
    source.body.end()
    assert await reading == b"nothing"


async def test_the_source_waits_while_too_much_is_not_taken(source):
    source.body.put(b"x" * _FULL)
    assert source.told == []
    source.body.put(b"x")
    source.body.put(b"x")
    assert source.told == ["full"]
    assert len(await anext(aiter(source.body))) == _FULL + 2
    assert source.told == ["full", "ready"]


async def test_what_is_given_up_is_read_no_further(source):
    source.body.put(b"half")
    for _ in range(2):
        await source.body.aclose()
    assert set(source.told) == {"given up"}
    with pytest.raises(ConnectionError):
        await anext(aiter(source.body))


async def test_what_was_whole_before_it_was_given_up_is_no_loss(source):
    source.body.end()
    await source.body.aclose()
    assert [piece async for piece in source.body] == []
