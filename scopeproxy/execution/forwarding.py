"""The one door out: what leaves for a service or for a peer leaves by `Forwarder.send`.  Calls that pass untouched have
a way of their own, by connections of the same pool.

Requests go as they are given: no header is added but what frames a body, none is moved, the target keeps its encoding.
What goes wrong is a value (Unreached), and whether anything had been sent is told apart, because that decides what `|`
may do next.
"""

from __future__ import annotations

from scopeproxy.execution.passthrough.errand import Errand
from scopeproxy.execution.passthrough.outgoing import Outgoing
from scopeproxy.execution.passthrough.pool import Pool
from scopeproxy.model.messages import Outcome
from scopeproxy.model.topology import Url

# Bytes of an answer that come along with its head when they are here: what nearly all answers are.
_HELD = 64 * 1024


class Forwarder:
    """Sends by the connections of a pool.  `most`: bytes of an answer that may be held."""

    def __init__(self, pool: Pool, most: int = _HELD) -> None:
        self._pool, self._held = pool, min(most, _HELD)

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send one request and wait for the head of its answer."""
        return await Errand(self._pool, outgoing, self._held).outcome()

    async def reaches(self, root: Url, patience: float) -> bool:
        """Whether a new connection can be had within so many seconds."""
        return await self._pool.reaches(root, patience)
