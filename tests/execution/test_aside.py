"""Work on large documents leaves the loop free, and small work costs no thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from scopeproxy.execution.aside import LITTLE, aside


async def test_little_work_is_done_on_the_spot() -> None:
    assert await aside(LITTLE, threading.get_ident) == threading.get_ident()


async def test_others_go_on_while_much_is_done() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def much(what: str) -> str:
        begun.set()
        assert go_on.wait(20)
        return what

    work = asyncio.create_task(aside(LITTLE + 1, much, "done"))
    async with asyncio.timeout(20):
        while not begun.is_set():
            await asyncio.sleep(0)
    go_on.set()
    assert await work == "done"


async def test_a_failure_is_the_works_own() -> None:
    with pytest.raises(ZeroDivisionError):
        await aside(LITTLE + 1, lambda: 1 // 0)
