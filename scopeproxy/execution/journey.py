"""The journey of one call through the proxy of one site: find its scope, plan, run, tell.

docs/architecture.md follows calls through here.  Reading from and writing to the client is edges' work; calls about
tokens are identity_calls.py's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from scopeproxy.errors import LoopDetected, ScopeProxyError, SiteFailure
from scopeproxy.execution.calling import Calling
from scopeproxy.execution.carrying import Carriers, Found
from scopeproxy.execution.delivery import Delivery, Travel
from scopeproxy.execution.divergences import Divergences
from scopeproxy.execution.health import Health
from scopeproxy.execution.identity_calls import IdentityCalls
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.pages import Pages
from scopeproxy.execution.passthrough.lane import Passed
from scopeproxy.execution.preparing import Preparing, own_ids, owner
from scopeproxy.execution.queueing import Queued, Queueing
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.runner import Result, run
from scopeproxy.execution.served import Served
from scopeproxy.execution.supply import supply
from scopeproxy.execution.telling import Arrival as Arrival
from scopeproxy.execution.telling import Story, Telling, lost, mistake_of
from scopeproxy.execution.together import together
from scopeproxy.execution.translating import Asker, Translating, said_by_the_client
from scopeproxy.lang.wire import parse_options
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning import conditions
from scopeproxy.planning.affinity import Affinity
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.plan import Call, Plan, Work, always_in, calls_of, sites_in
from scopeproxy.planning.planner import MAX_HOPS, check_loop, make_plan, where
from scopeproxy.planning.rewriting import visited
from scopeproxy.planning.rules import spread
from scopeproxy.planning.translations import translated


class Journey:
    """Answers the calls that reach the proxy of one site."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        preparing: Preparing,
        delivery: Delivery,
        carriers: Carriers,
        calling: Calling,
        served: Served,
        identity: IdentityCalls,
        health: Health,
        metrics: Metrics,
        affinity: Affinity,
        pages: Pages,
        replicas: Replicas,
        divergences: Divergences,
        translating: Translating,
        queueing: Queueing,
        telling: Telling,
    ) -> None:
        self._topology, self._here, self._preparing = topology, here, preparing
        self._delivery, self._carriers, self._calling, self._served = delivery, carriers, calling, served
        self._identity, self._health, self._metrics = identity, health, metrics
        self._affinity, self._pages, self._replicas = affinity, pages, replicas
        self._divergences, self._translating, self._queueing = divergences, translating, queueing
        self._telling = telling
        self._settings = topology.sites[here].proxy

    async def answer(self, arrival: Arrival) -> Reply:
        """The answer to a call; mistakes and failures are answers too, in the shape of the called service."""
        story, began = Story(), time.perf_counter()
        error: ScopeProxyError | None = None
        self._metrics.calls_in_flight.inc()
        try:
            reply = self._telling.finished(await self._answer(arrival, story), story)
        except Exception as failure:
            error = mistake_of(failure, story.id)
            if error.status == ScopeProxyError.status:
                # A bug of ours: telling of the sites' answers may be what went wrong.
                story.result = None
            reply = self._telling.finished(self._telling.fault(arrival.request.service, error), story)
        finally:
            self._metrics.calls_in_flight.dec()
        # In the loop's next turn: the client need not wait for it, and cannot ask for anything before.
        took = time.perf_counter() - began
        asyncio.get_running_loop().call_soon(self._telling.note, arrival, story, reply, error, took)
        return reply

    async def _answer(self, arrival: Arrival, story: Story) -> Reply:
        # Without a scope there is no count of hops: a back that is another site's front would call itself for ever.
        if visited(arrival.request.headers).count(self._here) > MAX_HOPS:
            raise LoopDetected(f"scopeproxy: the call has come back to {self._here} over {MAX_HOPS} times")
        found = story.found = await self._carriers.find(arrival.request, arrival.peer is not None)
        if found.scope is None:
            return await self._unscoped(arrival, found, story)
        result = story.result = await self._scoped(arrival, found, story)
        if result.reply is None:
            raise result.error or SiteFailure("no answer")
        return result.reply

    def refusal(self, service: str, error: ScopeProxyError) -> Reply:
        """The answer to a call that does not get as far as a journey."""
        return self._telling.fault(service, error)

    def passed(self, passed: Passed) -> None:
        """Tell of a call that needed no journey."""
        self._telling.passed(passed)

    # ---- unscoped: straight through

    async def _unscoped(self, arrival: Arrival, found: Found, story: Story) -> Reply:
        travel = self._preparing.travel(arrival, found)
        if found.request.service == "identity":
            return await self._identity.unscoped(found, travel)
        travel = replace(travel, provisional=arrival.provisional)
        outcome = await self._delivery.deliver(self._here, found.request, travel)
        if not isinstance(outcome, Unreached):
            return outcome
        failure = lost(self._here, found.request.service, outcome)
        if arrival.peer is not None:
            # Another site's proxy wants to know whether the service was reached at all.
            story.result = Result(None, failure, (outcome,))
        raise failure

    # ---- scoped: plan and run

    async def _scoped(self, arrival: Arrival, found: Found, story: Story) -> Result:
        check_loop(self._here, found.hops, visited(arrival.request.headers) if arrival.peer else ())
        options = parse_options(found.options)
        deadline = self._preparing.deadline(options)
        travel = self._preparing.travel(arrival, found, deadline)
        work = await self._preparing.work(found, options, arrival.peer)
        story.intent = work.intent
        if work.intent.kind in (Kind.LOGIN, Kind.TOKEN):
            story.plan = "the token's issuer" if work.intent.kind is Kind.TOKEN else "a login at every site"
            return await self._identity.scoped(work, found, travel)
        caller = await self._preparing.caller(work, found, deadline)
        story.project = caller.project_id if caller else None
        work = await self._preparing.placed(work, caller, arrival.peer)
        work = await self._pages.turn(
            work, owner(caller), self._root(work, travel), partial(self._ask, work, found, travel)
        )
        asked: dict[str, Outcome] = {}
        while True:
            plan = make_plan(work, self._topology, own_ids(caller), self._served.known)
            story.plan = str(plan)
            # RFC 9110, section 15.2: they are passed on, where one site's answer is the client's.
            one = replace(travel, provisional=arrival.provisional) if isinstance(plan, Call) else travel
            result = await self._run(work, plan, found, one, caller)
            await self._pages.keep(work, owner(caller), result.turned)
            asked.update({one.site: one for one in result.asked})
            onward = self._pages.onward(work, result.turned)
            if onward is None:
                return replace(result, asked=tuple(asked.values()))
            work = onward

    def _root(self, work: Work, travel: Travel) -> str:
        """The URL under which the client knows the service, for links of our own."""
        endpoint = self._topology.sites[self._here].services.get(work.request.service)
        return f"{travel.scheme}://{travel.host}{endpoint.front.path if endpoint else ''}"

    async def _ask(self, work: Work, found: Found, travel: Travel, call: Call) -> Outcome:
        return await self._calling.call(call, found, travel, work.intent)

    def _asker(self, found: Found, travel: Travel, caller: Identity | None) -> Asker:
        """Asks the sites what things are called there, with what the caller may see."""
        travel = replace(travel, provisional=None)

        async def ask(call: Call) -> Outcome:
            request = call.request
            if found.token is not None:
                request = request.with_header("X-Auth-Token", found.token.value)
            whose = replace(found, request=request)
            return await self._calling.call(replace(call, request=request), whose, travel, classify(request))

        return Asker(ask, (caller.project_id if caller else None) or "", travel.deadline)

    async def _run(self, work: Work, plan: Plan, found: Found, travel: Travel, caller: Identity | None) -> Result:
        if travel.deadline is not None:
            # What is left: who calls was asked already.
            left = max(0.0, travel.deadline - asyncio.get_running_loop().time())
            work = replace(work, options=replace(work.options, timeout=left))
        several = spread(where(work))
        if several and work.intent.writes:
            conditions.check(work.request, always_in(plan))
            await self._calling.check_tokens(sites_in(plan), work.request.service, found, travel.deadline)
            await self._served.check(work, where(work), found, travel)
        queued = Queued()
        if several and work.intent.writes:
            work, plan, queued = await self._written_down(work, plan, found, travel, caller)
            if queued.data is not None:
                # Nobody knows how long its client took to send it.
                work = replace(work, options=replace(work.options, timeout=self._settings.timeouts.total))
                travel = self._afterwards(travel)
        try:
            result = await self._carried_out(work, plan, found, travel, caller, queued, several)
        except Exception:
            await self._queueing.fail(queued)
            raise
        self._learn(work, plan, caller, result)
        # First settled, then learned: a proxy killed in between would take what is of a set for another write's,
        # and make its own again.
        await self._queueing.end(queued, result)
        if await self._replicas.note(work, plan, result):
            await self._replicas.tell()
        if work.intent.kind is not Kind.CREATE and any(isinstance(one, Reply) and one.ok for one in result.asked):
            # To whom no site shows it, nothing is told of it.
            result = replace(result, replicas=work.replicas)
        if several and _merges(work) and result.reply is not None:
            reply = conditions.evaluated(work.request, result.reply)
            return replace(result, reply=reply, diverging=await self._divergences.among(work, result))
        return result

    async def _written_down(
        self, work: Work, plan: Plan, found: Found, travel: Travel, caller: Identity | None
    ) -> tuple[Work, Plan, Queued]:
        """The write in the journal, and as it is to be made: once it stands there, whatever it still does not know the
        ids of stands before it."""
        while True:
            queued = await self._queueing.begin(work, plan, found, travel, caller)
            now = await self._translating.by_sets(work)
            if now.translations == work.translations:
                return work, plan, queued
            # What it is about was made at another site since the call was planned.
            work, plan = now, make_plan(now, self._topology, own_ids(caller), self._served.known)
            if queued.data is not None:
                return work, plan, queued
            await self._queueing.fail(queued)

    async def _carried_out(
        self,
        work: Work,
        plan: Plan,
        found: Found,
        travel: Travel,
        caller: Identity | None,
        queued: Queued,
        several: bool,
    ) -> Result:
        asker, ready = self._asker(found, travel, caller), dict[str, Call | Unreached]()

        async def resolve(call: Call) -> None:
            ready[call.site] = await self._translating.resolved(call, work, asker)

        if several and work.intent.writes:
            # Before anything is done anywhere.
            await together(resolve(call) for call in calls_of(plan) if call.missing and not queued.instead(call))
        bodies = await supply(work.request, plan, self._settings, queued.data)
        merges, conditional = several and _merges(work), conditions.has_any(work.request)

        async def forward(call: Call) -> Outcome:
            if call.request.method != work.request.method:
                # What it says of others, as whose key pair it is, is to be said in the site's own words, too.
                renamed = translated(call.request, classify(call.request), asker.renamed.get(call.site, {}))
                return await self._calling.call(
                    replace(call, request=renamed), found, self._afterwards(travel), work.intent
                )
            prepared: Call | Outcome | None = None
            try:
                prepared = await prepare(call)
            finally:
                if not isinstance(prepared, Call):
                    bodies.pass_over(call.site)
            return await bodies.send(prepared, make) if isinstance(prepared, Call) else prepared

        async def prepare(call: Call) -> Call | Outcome:
            if (instead := queued.instead(call)) is not None:
                return instead
            if call.missing:
                resolved = ready.get(call.site) or await self._translating.resolved(call, work, asker)
                if isinstance(resolved, Unreached):
                    return resolved
                call = resolved
            if not conditional:
                return call
            of_site = conditions.for_site(call.request, call.site)
            request = call.request.without(*conditions.OF_ONE_ANSWER) if merges else of_site
            if request is None:
                return Unreached(call.site, False, "If-Match holds the tag of an answer without it", asked=False)
            return replace(call, request=request)

        async def make(call: Call) -> Outcome:
            await self._queueing.turn(queued, call.site)
            outcome = await self._calling.call(call, found, travel, work.intent)
            names = {**work.translations.get(call.site, {}), **asker.renamed.get(call.site, {})}
            return await said_by_the_client(outcome, names, travel.deadline)

        limit, down = self._settings.limits.merged_body, self._health.believed_down
        try:
            if not (several and work.intent.kind is Kind.LIST):
                return await run(work, plan, forward, down, limit)
            async with self._replicas.looked_up_ahead(work.request.service) as sets_of:
                return await run(work, plan, forward, down, limit, sets_of, self._pages.told_before)
        finally:
            bodies.close()
            for site in bodies.left_behind:
                self._metrics.uploads_left_behind.labels(site, work.request.service).inc()

    def _afterwards(self, travel: Travel) -> Travel:
        """An undo, or the question what came of an upload, is a request of its own: it has time, also when the first
        one has used up its own."""
        until = asyncio.get_running_loop().time() + self._settings.timeouts.total
        return replace(travel, deadline=until, provisional=None)

    def _learn(self, work: Work, plan: Plan, caller: Identity | None, result: Result) -> None:
        if isinstance(plan, Call):
            return
        replies = (one for one in result.asked if isinstance(one, Reply))
        asyncio.get_running_loop().call_soon(self._learn_from, replies, owner(caller), work.request.service)

    def _learn_from(self, replies: Iterator[Reply], project: str, service: str) -> None:
        """Learn from one after the other as the loop has time: neither this call's client nor others wait for it."""
        reply = next(replies, None)
        if reply is not None:
            self._affinity.learn(project, service, reply)
            asyncio.get_running_loop().call_soon(self._learn_from, replies, project, service)


def _merges(work: Work) -> bool:
    """Whether conditions are about the answer of all, which is not made yet when the sites are asked."""
    is_data = work.intent.kind is Kind.DOWNLOAD or work.request.service in conditions.CHECKSUMS
    return not work.intent.writes and not is_data
