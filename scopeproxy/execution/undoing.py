"""Deleting again what a create left at some sites when it could not be done at all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from scopeproxy.execution.asking import Asking
from scopeproxy.execution.reading import collect, discard
from scopeproxy.execution.together import together
from scopeproxy.model.messages import NOTHING, Reply, Unreached
from scopeproxy.planning import merging
from scopeproxy.planning.plan import Call, Work

UNDONE = "undone"

# What told of the body of a create, and on what condition it was made: no part of deleting again what came of it.
_OF_THE_CREATE = ("Content-Type", "Content-Length", "Transfer-Encoding", "Expect", "If-Match", "If-None-Match")


class Undoing:
    """The undoing of one request's creates.  `results`: site to what became of that."""

    def __init__(self, work: Work, asking: Asking, body_limit: int) -> None:
        self._work, self._asking, self._body_limit = work, asking, body_limit
        self.results: dict[str, str] = {}

    async def undo(self, sites: Sequence[str]) -> dict[str, str]:
        """Delete what was created at these sites; for each, what became of that."""
        calls = [self._asking.created.pop(site) for site in sites if site in self._asking.created]
        results = await together(self._delete(call) for call in calls)
        undone = {call.site: how for call, how in zip(calls, results, strict=True)}
        self.results.update(undone)
        return undone

    async def _delete(self, created: Call) -> str:
        reply = await collect(self._asking.asked[created.site], self._body_limit)
        id_ = merging.created_id(reply, self._work.intent) if isinstance(reply, Reply) else None
        if id_ is None:
            return "not undone: its answer does not tell the id of what was created"
        request = replace(
            created.request.without(*_OF_THE_CREATE),
            method="DELETE",
            target=f"{created.request.path.rstrip('/')}/{quote(id_, safe='')}",
            body=NOTHING,
        )
        outcome = await self._asking.send(replace(created, request=request))
        await discard(outcome)
        if isinstance(outcome, Unreached):
            return f"not undone: {outcome.why}; {id_} is left there"
        if outcome.ok or outcome.status == 404:
            return UNDONE
        return f"not undone: HTTP {outcome.status}; {id_} is left there"
