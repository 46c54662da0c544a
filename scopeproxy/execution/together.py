"""Several things done at once, each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")

# How many are begun in one go.  Between two, the loop looks after what goes on beside: other calls, and connections
# that come about.
_BEGUN_AT_ONCE = 16


async def together(parts: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """What each of them gives, in their order.  When one fails the others are seen through before that is raised: a
    write must not be cut off for the sake of another site's."""
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, part in enumerate(parts, 1):
            tasks.append(group.create_task(_outlasting(part)))
            if number % _BEGUN_AT_ONCE == 0:
                await asyncio.sleep(0)
    results = [task.result() for task in tasks]
    for result in results:
        if isinstance(result, _Failed):
            raise result.error
    return [result for result in results if not isinstance(result, _Failed)]


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


async def _outlasting(part: Coroutine[Any, Any, _T]) -> _T | _Failed:
    try:
        return await part
    except Exception as error:
        return _Failed(error)
