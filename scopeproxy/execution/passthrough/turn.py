"""What is written in one turn of the event loop, and goes to the kernel at its end, all at once."""

from __future__ import annotations

import asyncio
import logging

from scopeproxy.execution.passthrough.wire import Wire

logger = logging.getLogger("scopeproxy.connections")


class Turn:
    """Messages that wait for the end of the loop's turn.

    A message that is written by itself wakes its reader by itself, who has read it and sleeps again when the next one
    comes: with many calls under way that is a tenth of what a call costs.  With few it would only be later.
    """

    def __init__(self) -> None:
        self._wires: list[Wire] = []

    def write(self, wire: Wire, data: bytes) -> None:
        """Write at the end of the turn, or with what is written to the same wire before that."""
        if not self._wires:
            asyncio.get_running_loop().call_soon(self._end)
        self._wires.append(wire)
        wire.hold(data)

    def _end(self) -> None:
        wires, self._wires = self._wires, []
        for wire in wires:
            try:
                wire.flush()
            except Exception as error:
                # One connection must not cost all others their messages.
                logger.error("a connection is given up: %s", type(error).__name__)
                wire.abort()
