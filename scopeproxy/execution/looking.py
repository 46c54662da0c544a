"""Asks a site whether a write that may have happened there did, and whether data that it took in are those that were
sent."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.spool import Spooled
from scopeproxy.model.messages import Outcome, Reply, Request
from scopeproxy.planning import meanwhile
from scopeproxy.planning.checksums import difference, row_for
from scopeproxy.planning.checksums import question as asking
from scopeproxy.planning.created import made_in
from scopeproxy.planning.intent import Intent, Kind, classify
from scopeproxy.planning.journal import Entry, repeatable
from scopeproxy.planning.lookups import Seen, Told, data_question, data_reading, ids_in, question, reading

# Makes one call for an entry of the journal: to a site, with what its letter has beside the request.
Ask = Callable[[str, Request, Letter, Intent], Awaitable[Outcome]]

# Of a service, ids and a collection of it: those that are replicas at one of these sites, each with all of its set.
SetsOf = Callable[[str, Iterable[str], str | None, Iterable[str]], Awaitable[Mapping[str, Mapping[str, str]]]]

NOTHING_KNOWN: Mapping[str, str] = {}

# How many of the things that were found are remembered.
REMEMBERED = 4096

_ACTION = "it may have happened, and doing it twice may not be the same"
_NAMELESS = "it may have happened, and nothing in it would tell it again"


class Looking:
    """Looks before anything is done twice."""

    def __init__(self, ask: Ask, sets_of: SetsOf, now: Callable[[], float] = time.time) -> None:
        self._ask, self._sets_of, self._now = ask, sets_of, now
        # Site, service, id: the write of which it was found to be.
        self._taken: dict[tuple[str, str, str], str] = {}

    async def look(
        self, entry: Entry, letter: Letter, intent: Intent, known: Mapping[str, str] = NOTHING_KNOWN
    ) -> tuple[Seen, Outcome | None]:
        """Whether it happened; and the site's answer, where it is to blame that nobody knows yet.

        `known`: the ids of what the write has made at other sites.
        """
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
        others = await self._made_by_others(entry, request, intent, outcome, known)
        seen = reading(outcome, asked, request, intent, entry.made, others)
        if seen.told is Told.THERE:
            # No other one may take it for its own before the ledger knows whose it is.
            self._taken[entry.site, request.service, seen.id] = entry.write
            while len(self._taken) > REMEMBERED:
                del self._taken[next(iter(self._taken))]
        return seen, outcome

    async def _made_by_others(
        self, entry: Entry, request: Request, intent: Intent, reply: Reply, known: Mapping[str, str]
    ) -> frozenset[str]:
        """Of what an answer lists, what is known to be of other writes: a member of a set that is not this write's, or
        found to be another's a moment ago."""
        ids = ids_in(reply)
        sets = await self._sets_of(request.service, ids, made_in(request, intent), (entry.site,)) if ids else {}
        own = set(known.values())
        in_sets = {id_ for id_, members in sets.items() if own.isdisjoint(members.values())}
        taken = {id_ for id_ in ids if self._taken.get((entry.site, request.service, id_), entry.write) != entry.write}
        return frozenset(in_sets | taken)

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
