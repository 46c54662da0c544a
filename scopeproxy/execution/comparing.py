"""After an upload to several sites: whether all of them have taken in the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scopeproxy.execution.asking import Asking
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.together import together
from scopeproxy.model.messages import Reply
from scopeproxy.planning.checksums import Figures, Row, difference, question, row_for
from scopeproxy.planning.plan import Call, Work

# Seconds that a site may take to tell; it has stored the data already.
WITHIN = 30.0


class Comparing:
    """Asks the sites of one request what they have."""

    def __init__(self, work: Work, asking: Asking, body_limit: int, patience: float = WITHIN) -> None:
        self._work, self._asking, self._body_limit, self._patience = work, asking, body_limit, patience

    async def difference(self, calls: Sequence[Call]) -> str:
        """What differs between the sites that made these calls; "" where nothing does, as far as they tell."""
        row = row_for(self._work.request, self._work.intent)
        if row is None or len(calls) < 2:
            return ""
        told = await together(self._figures(row, call) for call in calls)
        return difference({call.site: figures for call, figures in zip(calls, told, strict=True)})

    async def _figures(self, row: Row, call: Call) -> Figures:
        outcome, asked = self._asking.asked[call.site], question(row, call.request)
        if asked is not None:
            outcome = await self._asking.send(replace(call, request=asked))
        whole = await collect(outcome, self._body_limit, within(self._patience))
        return row.figures(whole) if isinstance(whole, Reply) and whole.ok and whole.rest is None else {}
