"""How much of an answer is held, and what becomes of one that breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from scopeproxy.execution.reading import collect, discard, unread
from scopeproxy.model.messages import Reply, Unreached


class Tape:
    """A body as it comes in, which may end in an exception or wait for ever."""

    def __init__(self, *chunks: bytes, error: Exception | None = None, stuck: bool = False) -> None:
        self._chunks, self._error, self._stuck = chunks, error, stuck
        self.closed = 0
        self.read = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        self.read.set()
        if self._stuck:
            await asyncio.Event().wait()
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.closed += 1


def streamed(tape: Tape, held: bytes = b"") -> Reply:
    return Reply("Corte", 200, (), held, tape)


async def test_a_body_within_the_limit_is_held_whole() -> None:
    assert await collect(streamed(Tape(b"b", b"c"), b"a"), 3) == Reply("Corte", 200, (), b"abc")


async def test_beyond_the_limit_what_was_read_is_held_and_the_rest_still_comes() -> None:
    tape = Tape(b"ab", b"cd", b"ef")
    reply = await collect(streamed(tape), 3)
    assert isinstance(reply, Reply)
    assert (reply.body, tape.closed) == (b"ab", 0)
    assert reply.rest is not None
    assert b"".join([chunk async for chunk in reply.rest]) == b"cdef"


async def test_the_rest_can_be_collected_with_more_room() -> None:
    reply = await collect(streamed(Tape(b"ab", b"cd", b"ef")), 3)
    assert await collect(reply, 6) == Reply("Corte", 200, (), b"abcdef")


@pytest.mark.parametrize("error", [ConnectionError("reset"), TimeoutError("no more of it came in time")])
async def test_half_an_answer_is_none(error: Exception) -> None:
    tape = Tape(b"half", error=error)
    assert await collect(streamed(tape), 100) == Unreached("Corte", True, f"its answer broke off: {error}")
    assert tape.closed == 1


async def test_whoever_stops_waiting_closes_the_stream() -> None:
    # Of a list that a client no longer waited for, the connection to the site stayed open.
    tape = Tape(b"half", stuck=True)
    collecting = asyncio.create_task(collect(streamed(tape), 100))
    await tape.read.wait()
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert tape.closed == 1


async def test_a_body_that_is_not_here_by_the_deadline_is_none() -> None:
    # A site that sent a byte every few seconds held a list for an hour, whatever time the call was given.
    tape = Tape(b"half", stuck=True)
    outcome = await collect(streamed(tape), 100, asyncio.get_running_loop().time() + 0.01)
    assert isinstance(outcome, Unreached)
    assert outcome.sent
    assert "within the time" in outcome.why
    assert tape.closed == 1


async def test_what_has_no_rest_stays_as_it_is() -> None:
    for outcome in (Reply("Corte", 200, (), b"x"), Unreached("Corte", False, "refused")):
        assert await collect(outcome, 0) is outcome
        await discard(outcome)


async def test_what_nobody_wants_is_closed_also_when_some_of_it_was_read() -> None:
    tape = Tape(b"ab", b"cd")
    await discard(await collect(streamed(tape), 3))
    assert tape.closed == 1


def test_an_answer_that_is_no_use_tells_why() -> None:
    assert unread(Reply("Corte", 500), 10).why == "answered HTTP 500"
    assert unread(Reply("Corte", 200), 10) == Unreached(
        "Corte", True, "its answer is over 10 bytes (limits.merged_body of the proxy)"
    )
