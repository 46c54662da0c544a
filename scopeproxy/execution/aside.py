"""Work on large documents is done aside, in a thread, so that other calls go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

# Bytes of JSON that are read, or written, in a fraction of a millisecond: a thread would cost as much.
LITTLE = 128 * 1024

# One for all: of several, each would take the interpreter in turn, and the loop be but one of them.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside")

P = ParamSpec("P")
T = TypeVar("T")


async def aside(size: int, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """What the work gives.  `size`: bytes of JSON that it is about; it must not touch what other calls change."""
    if size <= LITTLE:
        return work(*args, **more)
    return await asyncio.get_running_loop().run_in_executor(_THREAD, partial(work, *args, **more))
