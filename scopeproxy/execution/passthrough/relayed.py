"""A scoped read on its way to another site: whatever does not go plainly well is the journey's after all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Set
from typing import TYPE_CHECKING

from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.entry import Entry
from scopeproxy.execution.passthrough.exchange import Exchange
from scopeproxy.execution.passthrough.head import ReplyHead
from scopeproxy.execution.passthrough.lane import Lane
from scopeproxy.execution.passthrough.onward import Onward
from scopeproxy.execution.passthrough.relay import Read, Relay
from scopeproxy.execution.passthrough.states import AtService
from scopeproxy.model.messages import Outcome, Reply, Unreached

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.front import Front

# The answers of which a journey changes nothing but the headers that are told beside them.
_PLAIN = frozenset({200, 204, 206})
_LINK = re.compile(rb"\r\nLocation:", re.IGNORECASE)


class Relayed(Exchange):
    """A read that a relay is known for.  As long as nothing of an answer is out it may be made again: then the journey
    makes it, with all that it knows of failures."""

    __slots__ = ("_asked", "_came", "_looking", "_relay")

    def __init__(self, front: Front, lane: Lane, onward: Onward, relay: Relay, asked: Read, came: Entry) -> None:
        super().__init__(front, lane, onward, relay.way, front.now())
        self._relay, self._asked, self._came = relay, asked, came
        self._looking: asyncio.Task[None] | None = None

    def set_off(self) -> None:
        """Send it."""
        self.start(self._relay.head, True, self._came.said.client_id)

    async def _reach(self) -> Back:
        # As a journey's calls do, it stands in line for as long as an answer may take.
        return await self._lane.pool.reach(self.way.root, self._lane.timeouts.connect)

    def _connect(self, data: bytes) -> None:
        super()._connect(data)
        self._front.wait_for_service()

    # ---- what the other site does

    def answer(self, head: ReplyHead, framing: int, options: Set[bytes], body: bytes) -> None:
        if head.status in _PLAIN and not _LINK.search(head.data, head.first, head.end):
            super().answer(head, framing, options, body)
        else:
            self._hand_over(Reply(self._site, head.status))

    def broken(self, back: Back, state: AtService, why: str) -> None:
        self._back = None
        if self.begun:
            self._front.break_off()
        else:
            self.fail(Unreached(self._site, True, why))

    def _answered(self, status: int) -> bytes:
        self.begun = True
        seconds = self._settled()
        self.way.row.answered(status, seconds)
        return self._relay.answered(status, seconds)

    def _settled(self) -> float:
        if self._looking is not None:
            self._looking.cancel()
        return super()._settled()

    # ---- time

    @property
    def patience(self) -> float:
        return min(self._relay.patience, self._most - self._waited)

    @property
    def _most(self) -> float:
        """Seconds for all of it."""
        return min(self._lane.timeouts.answer, self._lane.timeouts.total)

    @property
    def _waited(self) -> float:
        return self._front.now() - self._began

    def late(self) -> None:
        """Look whether the site can be reached at all, and again each time that twice as long has passed."""
        waited, most, sent = self._waited, self._most, self._back is not None
        if waited >= most:
            self._tell_of(Unreached(self._site, sent, f"no {'answer' if sent else 'connection'} within {most:g} s"))
            return
        self._front.deadline = self._began + min(most, 3 * waited)
        if sent:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        if not await self._relay.reaches() and self._back is not None and not self.begun:
            self._tell_of(Unreached(self._site, True, "no answer, and no new connection to it either"))

    # ---- the end

    def fail(self, unreached: Unreached) -> None:
        if self._waited < self._relay.patience:
            self._hand_over(unreached)
        else:
            # The client has waited, and would wait as long once more.
            self._tell_of(unreached)

    def _tell_of(self, unreached: Unreached) -> None:
        self._drop()
        seconds = self._settled()
        reply = self._relay.failed(unreached, seconds)
        self.way.row.failed(unreached, reply.status, seconds)
        self._answer_for_it(reply)

    def _hand_over(self, outcome: Outcome) -> None:
        self._drop()
        self.way.row.abandoned(self._settled(), outcome)
        self._lane.relays.forget(self._asked)
        self._front.lend_after_all(self._came)

    def _drop(self) -> None:
        if self._waiting is not None and self._connecting is not None:
            # Nobody stands in line for it any more.
            self._connecting.cancel()
        super()._drop()
