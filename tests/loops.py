"""The event loops that the proxy runs on: uvloop's where it is installed, else Python's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvloop

Loop = Callable[[], asyncio.AbstractEventLoop]

LOOPS: dict[str, Loop] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
