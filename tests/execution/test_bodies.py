"""Bodies of requests: read once, or kept for the next site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import TooLarge
from scopeproxy.execution.bodies import Kept, Once, hold
from scopeproxy.model.messages import Body, Held


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def once(*parts: bytes, length: int | None = None) -> Once:
    return Once(chunks(*parts), length)


@contextmanager
def kept(source: Body, in_memory: int = 100, on_disk: int = 1000) -> Iterator[Kept]:
    body = Kept(source, in_memory, on_disk)
    try:
        yield body
    finally:
        body.close()


async def read(body: Body) -> bytes:
    return b"".join([chunk async for chunk in body.open()])


async def test_a_body_that_is_not_kept_can_be_had_once() -> None:
    body = once(b"ab", b"c", length=3)
    assert (body.replayable, body.length, await read(body), body.replayable) == (True, 3, b"abc", False)
    with pytest.raises(ConnectionError, match="was not kept"):
        await read(body)


@pytest.mark.parametrize("in_memory", [0, 2, 100])
async def test_a_kept_body_is_the_same_for_every_site(in_memory: int) -> None:
    with kept(once(b"ab", b"", b"cd", length=4), in_memory) as body:
        assert [await read(body), await read(body), await read(body)] == [b"abcd"] * 3
        assert (body.length, body.replayable) == (4, True)


async def test_what_is_too_large_is_passed_on_and_not_kept() -> None:
    with kept(once(b"abcd", b"efgh"), on_disk=6) as body:
        assert await read(body) == b"abcdefgh"
        assert not body.replayable
        with pytest.raises(ConnectionError, match="too large"):
            await read(body)


async def test_a_body_that_was_abandoned_halfway_is_had_from_its_start() -> None:
    with kept(once(b"ab", b"cd", b"ef")) as body:
        sending = body.open()
        assert [await anext(sending), await anext(sending)] == [b"ab", b"cd"]
        assert await read(body) == b"abcdef"


async def test_a_sender_that_goes_away_while_it_waits_for_the_client_leaves_no_hole() -> None:
    # A site answered 503 before the image was through; the next site was sent the beginning only, as if it were all.
    client: asyncio.Queue[bytes] = asyncio.Queue()

    async def uploads() -> AsyncIterator[bytes]:
        while chunk := await client.get():
            yield chunk

    with kept(Once(uploads(), None)) as body:
        client.put_nowait(b"ab")
        sending = body.open()
        assert await anext(sending) == b"ab"
        waiting = asyncio.ensure_future(anext(sending))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for chunk in (b"cd", b"ef", b""):
            client.put_nowait(chunk)
        assert await read(body) == b"abcdef"
        assert await read(body) == b"abcdef"


async def test_a_chunk_that_is_just_being_kept_is_had_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # The next site was sent a chunk twice: once from the file, before it counted as kept, and once as it came.
    in_thread, written, counts = asyncio.to_thread, asyncio.Event(), asyncio.Event()

    async def late(job: Callable[[], Any]) -> Any:
        result = await in_thread(job)
        if job.__name__ == "write":
            written.set()
            await counts.wait()
        return result

    with kept(once(b"ab", b"cd")) as body:
        sending = body.open()
        assert await anext(sending) == b"ab"
        monkeypatch.setattr(asyncio, "to_thread", late)
        waiting = asyncio.ensure_future(anext(sending))
        await written.wait()
        waiting.cancel()
        next_site = body.open()
        beginning = await anext(next_site)
        counts.set()
        assert beginning + b"".join([chunk async for chunk in next_site]) == b"abcd"


async def test_a_client_that_breaks_off_does_so_for_every_site() -> None:
    # The second site took what had come until then for the whole.
    async def breaks_off() -> AsyncIterator[bytes]:
        yield b"ab"
        raise ConnectionError("the client broke off in its body")

    with kept(Once(breaks_off(), None)) as body:
        for _ in range(2):
            with pytest.raises(ConnectionError, match="broke off"):
                await read(body)


async def test_forgetting_a_body_closes_its_file_and_stops_reading() -> None:
    body = Kept(once(b"abcd"), 0, 100)
    await read(body)
    body.close()
    body.close()
    assert not body.replayable
    with pytest.raises(ConnectionError):
        await read(body)


@given(st.lists(st.binary(max_size=8), max_size=6), st.integers(0, 6), st.integers(0, 20))
def test_whatever_was_read_before_the_whole_body_comes_again(parts: list[bytes], taken: int, in_memory: int) -> None:
    async def story() -> bytes:
        with kept(once(*parts), in_memory) as body:
            sending = body.open()
            for _ in range(taken):
                await anext(sending, b"")
            return await read(body)

    assert asyncio.run(story()) == b"".join(parts)


async def test_a_body_is_held_within_its_limit() -> None:
    assert await hold(once(b"ab", b"cd"), 4) == Held(b"abcd")
    assert await hold(Held(b"longer than that"), 4) == Held(b"longer than that")


@pytest.mark.parametrize(("body", "told"), [((b"abc", b"de"), None), ((), 5)])
async def test_a_body_over_the_limit_is_413(body: tuple[bytes, ...], told: int | None) -> None:
    with pytest.raises(TooLarge, match="4") as caught:
        await hold(once(*body, length=told), 4)
    assert caught.value.status == 413
