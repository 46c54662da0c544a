"""Makes the writes of the journal at the sites that have yet to do them, when these answer again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from scopeproxy.errors import CallerError, ScopeProxyError, SiteFailure, Unauthorized
from scopeproxy.execution.calling import Calling
from scopeproxy.execution.carrying import Found
from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.health import Health
from scopeproxy.execution.journal import Journal
from scopeproxy.execution.looking import Looking
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.reading import collect, discard
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.spool import Spooled
from scopeproxy.execution.together import together
from scopeproxy.execution.translating import Asker, Translating
from scopeproxy.lang.parser import parse
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.created import created_id, made_in
from scopeproxy.planning.intent import Intent, Kind, classify
from scopeproxy.planning.journal import QUIET, Entry, Next, after, holds_secret, ready, tried
from scopeproxy.planning.lookups import Told
from scopeproxy.planning.plan import Call, Refuse, Work, calls_of
from scopeproxy.planning.planner import make_plan, narrowed
from scopeproxy.planning.replica_news import ReplicaSet
from scopeproxy.planning.writes import what_happened

logger = logging.getLogger("scopeproxy")

# Seconds between two looks at what may be made.
TICK = 0.5

# Entries made at one site between two looks at the journal.
BATCH = 100

# Of these, how many at once.
AT_ONCE = 8

# Of data, which may take long, how many at once; and seconds between two looks for what of them nobody needs.
DATA_AT_ONCE, SWEEP = 2, 60.0

# Bytes of an answer that are looked at, and characters of it that are kept.
_LIMIT, _TOLD = 1024 * 1024, 500


class Replay:
    """The replaying of one site's proxy."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        vocabulary: Vocabulary,
        journal: Journal,
        replicas: Replicas,
        translating: Translating,
        calling: Calling,
        health: Health,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._vocabulary = topology, here, vocabulary
        self._journal, self._replicas, self._calling = journal, replicas, calling
        self._translating = translating
        self._health, self._metrics = health, metrics
        self._looking = Looking(self._call, replicas.of, now)
        self._now = now
        self._down: set[str] = set()
        self._busy: set[tuple[str, bool]] = set()
        self._swept = -SWEEP
        self._shown: set[tuple[str, str]] = set()

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Replay for ever; a site that is slow does not hold up the others."""
        async with asyncio.TaskGroup() as group:
            while True:
                # A ledger that does not work now may in a while.
                with suppress(SiteFailure):
                    for entries in await self.due():
                        group.create_task(self.replay(entries))
                await sleep(TICK)

    async def due(self) -> list[tuple[Entry, ...]]:
        """What may be made now, for each site at which nothing is being made and which is not believed down; data by
        themselves, for nothing else should have to wait until they are there."""
        await self._sweep()
        counts = await self._journal.counts()
        self._count(counts)
        if not counts:
            return []
        # Whoever leads: what this process has in hand is nobody else's only as long as it says so.
        await self._journal.recover()
        if not await self._journal.leads():
            return []
        sites = {site for site, _ in counts}
        await self._note_returns(sites)
        up = [site for site in sites if not self._health.believed_down(site)]
        waiting = ready(await self._journal.entries(up), self._now()) if up else ()
        groups: dict[tuple[str, bool], list[Entry]] = {}
        for entry in waiting:
            groups.setdefault((entry.site, entry.kind is Kind.UPLOAD), []).append(entry)
        return [tuple(group[:BATCH]) for key, group in groups.items() if key not in self._busy]

    async def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._swept + SWEEP:
            self._swept = now
            await self._journal.sweep()
            self._metrics.journal_data.set(await self._journal.data())

    async def _note_returns(self, sites: Collection[str]) -> None:
        """What waited longer and longer for a site need not wait for the next try once the site is back."""
        down = {site for site in sites if self._health.believed_down(site)}
        back, self._down = self._down - down, down
        if back:
            await self._journal.hurry(back, QUIET)

    async def replay(self, entries: Sequence[Entry]) -> None:
        """Make these at their one site, some at a time since none of them stands behind another, until the site is gone
        again."""
        site, data, waiting = entries[0].site, entries[0].kind is Kind.UPLOAD, iter(entries)
        self._busy.add((site, data))

        async def some() -> None:
            for entry in waiting:
                if not self._health.believed_down(site):
                    await self._replay(entry)

        try:
            await together(some() for _ in range(DATA_AT_ONCE if data else AT_ONCE))
        except SiteFailure as failure:
            # The ledger: what was being made is looked for when it works again.
            logger.warning("journal: %s: %s", site, failure)
        finally:
            self._busy.discard((site, data))

    async def _replay(self, entry: Entry) -> None:
        taken = await self._journal.take(entry)
        if taken is None:
            return
        try:
            await self._made(entry, *taken)
        finally:
            self._journal.let_go(entry)

    async def _made(self, entry: Entry, letter: Letter | None, known: Mapping[str, str]) -> None:
        if letter is None:
            await self._stopped(entry, "it was sealed with another key than this site has now")
            return
        ready = await self._ready(entry.site, letter)
        if isinstance(ready, Unreached):
            await self._later(entry, Next.AGAIN, ready)
            return
        if isinstance(ready, ScopeProxyError):
            await self._stopped(entry, str(ready))
            return
        letter, intent = replace(letter, request=ready), classify(ready)
        data = ready.body if isinstance(ready.body, Spooled) else None
        if data is not None and not data.is_there:
            await self._stopped(entry, f"its data are not at {data.path}: is proxy.spool another directory now?")
            return
        if entry.unsure and not await self._is_missing(entry, letter, intent, known):
            return
        if changed := await self._looking.changed(entry, letter, intent):
            await self._stopped(
                entry, f"changed there at {changed}, after this was queued: retry to do it all the same"
            )
            return
        outcome = await self._call(entry.site, ready, letter, intent)
        what = after(entry, outcome)
        if data is not None and data.damaged:
            await self._stopped(entry, data.damaged)
        elif what is Next.DONE:
            id_ = created_id(outcome, ready, intent) if isinstance(outcome, Reply) else None
            await self._taken_in(entry, known, letter, intent, id_, outcome)
        elif what is Next.CONFLICT:
            await self._stopped(entry, _told(outcome))
        else:
            await self._later(entry, what, outcome)
        await discard(outcome)

    async def _ready(self, site: str, letter: Letter) -> Request | Unreached | ScopeProxyError:
        """The call as the site has to be sent it now, with its own ids; or what stands in the way."""
        _, project = letter.own
        try:
            scope = parse(letter.scope, self._vocabulary)
            work = Work(letter.request, classify(letter.request), scope, self._here, policy="queue")
            work = await self._translating.by_sets(work)
            then = {(service, collection, here): there for service, collection, here, there in letter.ids}
            work = replace(work, translations={site: {**then, **work.translations.get(site, {})}})
            plan = make_plan(work, self._topology, frozenset(one for one in letter.own if one))
            if isinstance(plan, Refuse):
                return plan.error
            call = next((one for one in calls_of(plan) if one.site == site), None)
            if call is None:
                return CallerError(f"scope: {letter.scope} does not name {site}")
            if not call.missing:
                return call.request
            asker = Asker(partial(self._asked, letter), project)
            resolved = await self._translating.resolved(call, work, asker)
            return resolved if isinstance(resolved, Unreached) else resolved.request
        except SiteFailure as failure:
            return Unreached(site, False, str(failure))
        except ScopeProxyError as mistake:
            return mistake

    async def _asked(self, letter: Letter, call: Call) -> Outcome:
        request = call.request
        if letter.token is not None:
            request = request.with_header("X-Auth-Token", letter.token.value)
        return await self._call(call.site, request, letter, classify(request))

    async def _is_missing(self, entry: Entry, letter: Letter, intent: Intent, known: Mapping[str, str]) -> bool:
        """Whether what may have happened did not; where it did, or nobody can tell, all is done here."""
        seen, outcome = await self._looking.look(entry, letter, intent, known)
        if seen.told is Told.THERE:
            await self._taken_in(entry, known, letter, intent, seen.id, outcome)
        elif seen.told is Told.UNCERTAIN:
            await self._stopped(entry, seen.why)
        elif seen.told is Told.NOTHING and outcome is not None:
            signed_out = isinstance(outcome, Reply) and outcome.status == 401
            await self._later(entry, Next.LOGIN if signed_out else Next.AGAIN, outcome)
        return seen.told is Told.MISSING

    async def _taken_in(
        self,
        entry: Entry,
        known: Mapping[str, str],
        letter: Letter,
        intent: Intent,
        id_: str | None,
        outcome: Outcome | None,
    ) -> None:
        """The site has done it; if data came with it, they are compared."""
        differs = await self._looking.difference(entry, letter, intent, outcome) if outcome is not None else ""
        if differs:
            await self._stopped(replace(entry, unsure=True), f"it has other data than were sent: {differs}")
        else:
            await self._done(entry, known, letter.request, intent, id_)

    async def _call(self, site: str, request: Request, letter: Letter, intent: Intent) -> Outcome:
        total = self._topology.sites[self._here].proxy.timeouts.total
        deadline = asyncio.get_running_loop().time() + total
        found = Found(
            request, letter.token, scope=letter.scope, source=letter.source, home=letter.home, entry=letter.entry,
            hops=letter.hops, caller=letter.caller,
        )  # fmt: skip
        travel = Travel(
            letter.host, letter.client, letter.scheme, entry=letter.entry, hops=letter.hops, deadline=deadline
        )
        try:
            scope = narrowed(parse(letter.scope, self._vocabulary), request.service, site, self._topology)
            outcome = await self._calling.call(Call(site, request, scope), found, travel, intent)
            outcome = await collect(outcome, _LIMIT, deadline)
            if isinstance(outcome, Reply) and outcome.status >= 400 and holds_secret(letter.request):
                # Services quote what they refuse, and what is told of an answer is kept in the clear.
                return replace(outcome, body=b"")
            return outcome
        except Unauthorized as error:
            return Reply(site, 401, (), str(error).encode())
        except SiteFailure as failure:
            return Unreached(site, failure.status == 504, str(failure))
        except ScopeProxyError as error:
            return Reply(site, error.status, (), str(error).encode())

    async def _done(
        self, entry: Entry, known: Mapping[str, str], request: Request, intent: Intent, id_: str | None
    ) -> None:
        self._metrics.journal_replays.labels(entry.site, "done").inc()
        made = None
        if id_ and entry.kind is Kind.CREATE:
            made = ReplicaSet(request.service, made_in(request, intent) or "", {**known, entry.site: id_})
        if made and made.collection:
            # Before the entry is gone: what comes next is translated by this, and what is behind it by what it is told.
            await self._replicas.learn(made.service, made.collection, made.members)
        if entry.kind is Kind.DELETE and entry.whole and intent.id:
            await self._replicas.forget(request.service, entry.site, intent.id, intent.collection)
        await self._journal.done(entry, made)

    async def _stopped(self, entry: Entry, why: str) -> None:
        """The line stops here until a person has looked."""
        logger.warning("journal: write %d for %s stopped: %s", entry.id, entry.site, why)
        self._metrics.journal_replays.labels(entry.site, "conflict").inc()
        await self._journal.give_back(tried(entry, Next.CONFLICT, self._now(), 0.0), why)

    async def _later(self, entry: Entry, what: Next, outcome: Outcome) -> None:
        self._metrics.journal_replays.labels(entry.site, what.value).inc()
        # A login that failed there counts as the site's being away for a while: the owner may have made another since.
        no_token = isinstance(outcome, Unreached) and not outcome.sent and not self._health.believed_down(entry.site)
        if (what is Next.LOGIN or no_token) and await self._journal.renewed(entry):
            return
        again = tried(entry, what, self._now(), random.random())  # noqa: S311 - spreads tries, guards nothing
        await self._journal.give_back(again, _told(outcome))

    def _count(self, counts: Mapping[tuple[str, str], int]) -> None:
        for site, state in self._shown - counts.keys():
            self._metrics.journal_entries.labels(site, state).set(0)
        for (site, state), count in counts.items():
            self._metrics.journal_entries.labels(site, state).set(count)
        self._shown = set(counts)


def _told(outcome: Outcome) -> str:
    return what_happened(outcome)[:_TOLD]
