"""Asks a site whether a write that may have happened there did, and whether data that it took in are those that were
sent."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.spool import Spooled
from scopeproxy.model.messages import Outcome, Reply, Request
from scopeproxy.planning import meanwhile
from scopeproxy.planning.checksums import difference, row_for
from scopeproxy.planning.checksums import question as asking
from scopeproxy.planning.intent import Intent, Kind, classify
from scopeproxy.planning.journal import Entry, repeatable
from scopeproxy.planning.lookups import Seen, Told, data_question, data_reading, question, reading

# Makes one call for an entry of the journal: to a site, with what its letter has beside the request.
Ask = Callable[[str, Request, Letter, Intent], Awaitable[Outcome]]

_ACTION = "it may have happened, and doing it twice may not be the same"
_NAMELESS = "it may have happened, and nothing in it would tell it again"


class Looking:
    """Looks before anything is done twice."""

    def __init__(self, ask: Ask, now: Callable[[], float] = time.time) -> None:
        self._ask, self._now = ask, now

    async def look(self, entry: Entry, letter: Letter, intent: Intent) -> tuple[Seen, Outcome | None]:
        """Whether it happened; and the site's answer, where it is to blame that nobody knows yet."""
        request = letter.request
        if repeatable(entry, request):
            return Seen(Told.MISSING), None
        if entry.kind not in (Kind.CREATE, Kind.UPLOAD):
            return Seen(Told.UNCERTAIN, why=_ACTION), None
        asked = data_question(request) if entry.kind is Kind.UPLOAD else question(request, intent)
        if asked is None:
            return Seen(Told.UNCERTAIN, why=_NAMELESS), None
        outcome = await self._ask(entry.site, asked, letter, classify(asked))
        if not isinstance(outcome, Reply):
            return Seen(Told.NOTHING), outcome
        if entry.kind is Kind.UPLOAD:
            return data_reading(outcome), outcome
        return reading(outcome, asked, request, intent, entry.made), outcome

    async def changed(self, entry: Entry, letter: Letter, intent: Intent) -> str:
        """When somebody else changed what this is about to change, since it was queued; "" where nobody did, or nobody
        can tell.  Of what may have happened already, it may be our own change."""
        asked = None if entry.unsure else meanwhile.question(letter.request, intent)
        if asked is None:
            return ""
        outcome = await self._ask(entry.site, asked, letter, classify(asked))
        if not isinstance(outcome, Reply):
            return ""
        return meanwhile.changed(outcome, letter.request, intent, entry.since, self._now())

    async def difference(self, entry: Entry, letter: Letter, intent: Intent, outcome: Outcome) -> str:
        """In what the data that the site has taken in are others than were sent; "" where they are the same, as far as
        it tells.  `outcome`: its answer to the upload, or to the question after it."""
        row, body = row_for(letter.request, intent), letter.request.body
        if row is None or not isinstance(body, Spooled):
            return ""
        asked = asking(row, letter.request)
        if asked is not None:
            outcome = await self._ask(entry.site, asked, letter, classify(asked))
        told = row.figures(outcome) if isinstance(outcome, Reply) and outcome.ok else {}
        return difference({entry.site: told, "sent": await body.digests(told)})
