"""How long an errand may still take: its answer has its time, and has it anew with whatever moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from scopeproxy.execution.passthrough.outgoing import Outgoing


class Patience:
    """The time of one call, in the event loop in which this is made.  `until`: the loop's time at which it is over;
    `late`: called then, once it was started, unless more was earned meanwhile."""

    __slots__ = ("_call", "_late", "_loop", "_timer", "until")

    def __init__(self, call: Outgoing, late: Callable[[], None]) -> None:
        self._call, self._late, self._loop = call, late, asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.until: float = self._loop.time() + call.timeouts.answer
        if call.deadline is not None:
            self.until = min(self.until, call.deadline)

    @property
    def is_over(self) -> bool:
        return self.until <= self._loop.time()

    def earn(self) -> None:
        """Something moved: all of the time, from now on."""
        self.until = self._loop.time() + self._call.timeouts.answer

    def start(self) -> None:
        """Look at the time when it may be over: one timer for all that moves costs less than one for each."""
        self._timer = self._loop.call_at(self.until, self.look)

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> None:
        """Tell of it if the time is over."""
        if self.is_over:
            self._late()
        else:
            self.start()

    def why(self, begun: bool) -> str:
        """What is told of it.  `begun`: whether anything was sent."""
        deadline, answer = self._call.deadline, self._call.timeouts.answer
        if deadline is not None and self._loop.time() >= deadline:
            return "no answer within the time that the call was given"
        return f"no {'answer' if begun else 'connection'} within {answer:g} s"
