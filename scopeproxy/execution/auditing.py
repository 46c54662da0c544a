"""Compares the members of replica sets at their sites, and mends what is wanted to be mended.

`Ask` makes one call to one site and gives its whole answer; a site that fails is a value, and told.  Nothing is ever
deleted.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from scopeproxy.execution.divergences import referred_to
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.together import together
from scopeproxy.model.messages import Outcome, Reply, Request, Stream, Unreached
from scopeproxy.planning.audit import Finding, Seen, State, extras, findings, seen
from scopeproxy.planning.created import created_id
from scopeproxy.planning.divergence import Item, Kin, ids_in
from scopeproxy.planning.intent import classify
from scopeproxy.planning.lists import next_page
from scopeproxy.planning.natural_keys import ids_named, name_of, searched, shown
from scopeproxy.planning.references import Reference
from scopeproxy.planning.repairs import asked, changing, data_of, finishing, lacking, making
from scopeproxy.planning.replica_news import ReplicaSet
from scopeproxy.planning.translations import Key, Place, places, translated
from scopeproxy.planning.writes import what_happened

# Sets that are looked at, at a time; and calls in a row that a service of a site may leave without an answer, before it
# is asked no more.
AT_ONCE = 16
PATIENCE = 3

# Lists of names that are kept, while others are asked for.
REMEMBERED = 64

# What says that nobody is there, rather than that the service does not want.
_NOBODY = frozenset({502, 503, 504})


class Ask(Protocol):
    """Makes one call to a service of one site, as whoever audits.  The answer is whole, but for a `stream`ed one."""

    def __call__(self, site: str, request: Request, stream: bool = False) -> Awaitable[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Carried:
    """The data of one site's answer as the body of a call to another: never in memory as a whole."""

    stream: Stream
    length: int | None
    replayable: bool = False

    async def open(self) -> AsyncIterator[bytes]:
        async for chunk in self.stream:
            yield chunk


@dataclass(slots=True)
class Auditing:
    """One audit, by the sets that a site's ledger knows.

    `base`: the site whose members count; `project`: whose calls it makes, as some paths have it; `progress`: told how
    many sets have been looked at.
    """

    ask: Ask
    replicas: Replicas
    base: str | None = None
    project: str = ""
    progress: Callable[[int], None] = lambda done: None
    _silent: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lists: OrderedDict[tuple[str, str, str], asyncio.Future[Outcome]] = field(default_factory=OrderedDict)

    # ---- looking

    async def look(self, sets: Sequence[ReplicaSet]) -> list[list[Finding]]:
        """What is wrong with each of the sets."""
        rows: list[list[Finding]] = [[] for _ in sets]
        waiting = iter(range(len(sets)))
        done = 0

        async def work() -> None:
            nonlocal done
            for number in waiting:
                rows[number] = await self.look_at(sets[number])
                done += 1
                self.progress(done)

        await together(work() for _ in range(min(AT_ONCE, len(sets))))
        return rows

    async def look_at(self, of: ReplicaSet) -> list[Finding]:
        """What is wrong with one set."""
        found = await self._seen(of)
        rows = findings(found, await self._kin(found))
        for more in await together(self._extras(found, site) for site in (*found.there, *found.missing)):
            rows += more
        return rows

    async def _seen(self, of: ReplicaSet) -> Seen:
        outcomes = await together(self._member(of, site) for site in of.members)
        return seen(of, dict(zip(of.members, outcomes, strict=True)), self.base)

    async def _member(self, of: ReplicaSet, site: str) -> Outcome:
        question = asked(of.service, of.collection, of.members[site], self.project)
        if question is None:
            return Unreached(site, False, f"how {of.collection} of {of.service} are asked for is not known here")
        return await self._answer(site, question)

    async def _answer(self, site: str, request: Request) -> Outcome:
        """The answer of a site, unless it has been silent for too long."""
        of = (site, request.service)
        if self._silent[of] >= PATIENCE:
            return Unreached(site, False, f"not asked any more, after {PATIENCE} calls without an answer")
        outcome = await self.ask(site, request)
        nobody = isinstance(outcome, Unreached) or outcome.status in _NOBODY
        self._silent[of] = self._silent[of] + 1 if nobody else 0
        return outcome

    async def _kin(self, found: Seen) -> Kin:
        of = found.of
        ids = dict.fromkeys(ids_in(of.service, of.collection, found.there))
        return await self.replicas.kin(referred_to(of.service), ids)

    async def _extras(self, found: Seen, site: str) -> list[Finding]:
        of, name = found.of, found.name
        if not name:
            return []
        alike = await self._named(site, Reference(of.service, of.collection, "", "", ()), name) or ()
        return extras(found, site, alike, await self.replicas.kin((of.service,), alike))

    async def _named(self, site: str, reference: Reference, name: str) -> tuple[str, ...] | None:
        """The ids of all that is called so; None where the site does not tell, or not all of it."""
        question = searched(reference, name, self.project)
        if question is None:
            return None
        answer = await self._listed(site, question)
        whole = isinstance(answer, Reply) and answer.ok and next_page(answer, question) is None
        return ids_named(reference, name, answer) if isinstance(answer, Reply) and whole else None

    async def _listed(self, site: str, question: Request) -> Outcome:
        """The answer to a question for a list, which is put once: some services list all to tell a name."""
        key = (site, question.service, question.target)
        answer = self._lists.pop(key, None) or asyncio.ensure_future(self._answer(site, question))
        self._lists[key] = answer
        if len(self._lists) > REMEMBERED:
            self._lists.popitem(last=False)
        return await asyncio.shield(answer)

    # ---- mending

    async def repair(self, of: ReplicaSet, rows: Sequence[Finding]) -> tuple[ReplicaSet, list[Finding]]:
        """Have the members of a set be as that of the base: the set as it then is, and what was done about each row."""
        self._lists.clear()
        found = await self._seen(of)
        like = found.there.get(self.base or "")
        if like is None:
            why = f"not repaired: {self.base} does not show a member of this set"
            return of, [row if row.state is State.EXTRA else replace(row, mended=why) for row in rows]
        told: list[Finding] = []
        for row in rows:
            done: str | None = None
            if row.state is State.MISSING and row.site in found.missing:
                extra = [one.id for one in rows if one.state is State.EXTRA and one.site == row.site]
                of, done = await self._make(of, row, like, extra)
            elif row.state is State.DIFFERENT and row.site in found.there:
                done = await self._change(of, row, like, found.there[row.site])
            told.append(replace(row, mended=done))
        return of, told

    async def look_again(self, of: ReplicaSet, rows: Sequence[Finding]) -> list[Finding]:
        """The findings of a set that was repaired, with those that are none any more told as such."""
        self._lists.clear()
        left = {(row.site, row.state): row for row in await self.look_at(of)}
        return [
            replace(row, remains=(row.site, row.state) in left, fields=left.get((row.site, row.state), row).fields)
            for row in rows
        ]

    async def _make(self, of: ReplicaSet, row: Finding, like: Item, extra: Sequence[str]) -> tuple[ReplicaSet, str]:
        """Make a missing member anew, and have it be the set's."""
        if extra:
            return of, f"not made: {', '.join(extra)} is called {row.name} there; rename or delete it first"
        request = making(of.service, of.collection, like, self.project)
        if isinstance(request, str):
            return of, f"not made: {request}"
        made = await self._answer(row.site, await self._for_site(request, row.site))
        id_ = created_id(made, request, classify(request)) if isinstance(made, Reply) and made.ok else None
        if id_ is None:
            return of, f"not made: {what_happened(made)}"
        if not await self.replicas.exchange(of, row.site, id_):
            return of, f"made as {id_}, but it could not join its set: something else is known of it"
        now = replace(of, members={**of.members, row.site: id_})
        failures = await self._finish(now, row.site, id_, like)
        lacks = lacking(of.service, of.collection)
        without = f", without {lacks}" if lacks else ""
        return now, f"made as {id_}{without}{''.join(f'; {why}' for why in failures)}"

    async def _finish(self, of: ReplicaSet, site: str, id_: str, like: Item) -> list[str]:
        calls = finishing(of.service, of.collection, like, id_, self.project)
        outcomes = [await self._answer(site, call) for call in calls]
        failures = [f"not whole: {what_happened(one)}" for one in outcomes if not _done(one)]
        return failures + ([why] if (why := await self._carry(of, site, like)) else [])

    async def _change(self, of: ReplicaSet, row: Finding, like: Item, item: Item) -> str:
        changes = changing(of.service, of.collection, row.fields, like, item, self.project)
        left = dict(changes.left)
        told: list[str] = []
        if data_of(of.service, of.collection, like) and left.keys() & _OF_DATA:
            why = await self._carry(of, row.site, like) if item.get("size") is None else _OTHER_DATA
            told.append(why or "its data were carried there")
            left = {name: why for name, why in left.items() if name not in _OF_DATA}
        for call in changes.calls:
            outcome = await self._answer(row.site, await self._for_site(call, row.site))
            told += [] if _done(outcome) else [f"not set: {what_happened(outcome)}"]
        told += [f"{name}: not set: {why}" for name, why in left.items()]
        return "; ".join(told) or "set"

    async def _carry(self, of: ReplicaSet, site: str, like: Item) -> str:
        """Send a member the data of the base's; why that failed, "" where it did not or there are none."""
        below = data_of(of.service, of.collection, like)
        here, there = (asked(of.service, of.collection, of.members[at], self.project) for at in (self.base or "", site))
        if not below or here is None or there is None:
            return ""
        data = replace(here, target=f"{here.target}/{below}", headers=())
        source = await self.ask(self.base or "", data, stream=True)
        if not isinstance(source, Reply) or source.status != 200 or source.rest is None:
            return f"no data from {self.base}: {what_happened(source)}"
        length = source.header("Content-Length")
        body = Carried(source.rest, int(length) if length and length.isdigit() else None)
        headers = (("Content-Type", "application/octet-stream"),)
        try:
            put = Request(of.service, "PUT", f"{there.target}/{below}", headers, body)
            sent = await self.ask(site, put)
        finally:
            await source.rest.aclose()
        return "" if _done(sent) else f"its data were not taken: {what_happened(sent)}"

    async def _for_site(self, request: Request, site: str) -> Request:
        """The call with what it refers to as the site calls it, where no set tells: by name.

        Replicas are translated by the proxy that is called; what cannot be found is refused by it, or by the site.
        """
        intent = classify(request)
        found = [place for place in places(request, intent) if not place.itself]
        translation: dict[Key, str] = {}
        for place in found:
            id_ = await self._called_there(place, site)
            if id_ is not None:
                translation[place.key] = id_
        return translated(request, intent, translation)

    async def _called_there(self, place: Place, site: str) -> str | None:
        if self.base in (None, site) or await self.replicas.of(place.service, [place.value], place.collection):
            return None
        reference = Reference(place.service, place.collection, place.field, place.value, ())
        question = shown(reference, self.project)
        answer = await self._listed(self.base or "", question) if question is not None else None
        name = name_of(reference, answer) if isinstance(answer, Reply) and answer.ok else None
        ids = await self._named(site, reference, name) if name else None
        return ids[0] if ids and len(ids) == 1 else None

    # ---- forgetting

    async def forget(self, of: ReplicaSet, rows: Sequence[Finding]) -> list[Finding]:
        """Have the set forget its members that are missing, and the other sites' proxies be told."""
        missing = [row for row in rows if row.state is State.MISSING]
        for row in missing:
            await self.replicas.forget(of.service, row.site, row.id, of.collection)
        return [replace(row, mended="forgotten", remains=False) if row in missing else row for row in rows]


# What services measure of data.
_OF_DATA = frozenset({"size", "checksum", "os_hash_value"})
_OTHER_DATA = "its data are others, and data are never replaced: delete it there, and repair again"


def _done(outcome: Outcome) -> bool:
    return isinstance(outcome, Reply) and outcome.ok
