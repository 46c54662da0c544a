"""Who asks for the same at the same time is answered by one look-up."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.under_way import UnderWay


class Book:
    """Says when told to, and counts how often it is looked into."""

    def __init__(self) -> None:
        self.looks, self.go_on, self.says = 0, asyncio.Event(), "first"

    async def look(self) -> str:
        self.looks += 1
        said = self.says
        await self.go_on.wait()
        return said


async def begun(under_way: UnderWay, book: Book, key: str = "k") -> asyncio.Task[str]:
    task = asyncio.create_task(under_way.once(key, book.look))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_many_who_want_the_same_share_one_look_up() -> None:
    under_way, book = UnderWay(), Book()
    tasks = [await begun(under_way, book) for _ in range(100)]
    other = await begun(under_way, book, "another")
    book.go_on.set()
    assert [await task for task in (*tasks, other)] == ["first"] * 101
    assert book.looks == 2


async def test_an_answer_is_not_kept() -> None:
    under_way, book = UnderWay(), Book()
    book.go_on.set()
    assert await under_way.once("k", book.look) == "first"
    book.says = "second"
    assert await under_way.once("k", book.look) == "second"


async def test_who_asks_after_a_change_is_told_of_it() -> None:
    under_way, book = UnderWay(), Book()
    before = await begun(under_way, book)
    book.says = "second"
    under_way.outdate()
    after = await begun(under_way, book)
    later = await begun(under_way, book)
    book.go_on.set()
    assert (await before, await after, await later) == ("first", "second", "second")
    assert book.looks == 2


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    under_way, book = UnderWay(), Book()
    first, second = await begun(under_way, book), await begun(under_way, book)
    first.cancel()
    book.go_on.set()
    assert await second == "first"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_everybodys() -> None:
    async def fails() -> None:
        raise OSError("the disk")

    under_way = UnderWay()
    results = await asyncio.gather(*(under_way.once("k", fails) for _ in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["the disk"] * 3
