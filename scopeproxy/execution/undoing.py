"""Deleting again what a create left at some sites when it could not be done at all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from scopeproxy.execution.asking import Asking
from scopeproxy.execution.reading import collect, discard
from scopeproxy.execution.together import together
from scopeproxy.model.messages import Reply, Unreached
from scopeproxy.planning.created import created_id, is_new, undo_of
from scopeproxy.planning.plan import Call, Work

UNDONE = "undone"

# Seconds that undoing may take at one site, whatever it says how slowly.
WITHIN = 60.0


class Undoing:
    """The undoing of one request's creates.  `results`: site to what became of that."""

    def __init__(self, work: Work, asking: Asking, body_limit: int, within: float = WITHIN) -> None:
        self._work, self._asking, self._body_limit, self._within = work, asking, body_limit, within
        self.results: dict[str, str] = {}

    async def undo(self, sites: Sequence[str]) -> dict[str, str]:
        """Delete what was created at these sites; for each, what became of that."""
        calls = [self._asking.created.pop(site) for site in sites if site in self._asking.created]
        results = await together(self._delete(call) for call in calls)
        undone = {call.site: how for call, how in zip(calls, results, strict=True)}
        self.results.update(undone)
        return undone

    async def _delete(self, created: Call) -> str:
        try:
            async with asyncio.timeout(self._within):
                return await self._deleted(created)
        except TimeoutError:
            return f"not undone: it took over {self._within:g} s"

    async def _deleted(self, created: Call) -> str:
        reply = await collect(self._asking.asked[created.site], self._body_limit)
        if not isinstance(reply, Reply):
            return f"not undone: {reply.why}"
        if not is_new(reply, created.request, self._work.intent):
            return "not undone: it may have been there before"
        id_ = created_id(reply, created.request, self._work.intent)
        if id_ is None:
            return "not undone: its answer does not tell which id was created"
        request = undo_of(created.request, self._work.intent, id_)
        if request is None:
            return f"not undone: {id_} was there before, and is managed now"
        outcome = await self._asking.send(replace(created, request=request))
        await discard(outcome)
        if isinstance(outcome, Unreached):
            return f"not undone: {outcome.why}; {id_} is left there"
        if outcome.status == 404:
            return f"not undone: not found at {request.path}"
        return UNDONE if outcome.ok else f"not undone: HTTP {outcome.status}; {id_} is left there"
