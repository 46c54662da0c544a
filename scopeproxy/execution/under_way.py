"""Look-ups that are under way: who wants the same meanwhile has the same answer.

A call to a hundred sites asks a hundred times for the login of one token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class UnderWay:
    """Answers are shared while they are looked up, and not kept: others may change what they tell of."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}

    async def once(self, key: Hashable, look_up: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the look-up of this key gives, be it one that somebody else has begun."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(look_up())
            task.add_done_callback(lambda done: self._over(key, done))
        # Who goes away leaves it to the others.
        return cast("T", await asyncio.shield(task))

    def outdate(self) -> None:
        """Something was changed: who asks from now on is told of that, and not what was looked up before."""
        self._tasks.clear()

    def _over(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            # Seen, also where all who asked have gone.
            task.exception()
