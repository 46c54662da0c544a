"""The journey of one call through the proxy of one site: find its scope, plan, run, tell.

docs/architecture.md follows calls through here.  Reading from and writing to the client is edges' work; calls about
tokens are identity_calls.py's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from scopeproxy.errors import CallerError, ScopeProxyError, SiteFailure
from scopeproxy.execution.bodies import Kept, hold
from scopeproxy.execution.calling import Calling
from scopeproxy.execution.carrying import Carriers, Found
from scopeproxy.execution.delivery import Delivery, Travel
from scopeproxy.execution.health import Health
from scopeproxy.execution.identity_calls import IdentityCalls
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.records import Record, Records
from scopeproxy.execution.runner import Result, run
from scopeproxy.lang.parser import parse
from scopeproxy.lang.scope import At, Scope
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.lang.wire import Options, parse_options
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Body, Held, Outcome, Reply, Request, Unreached, without
from scopeproxy.model.topology import Topology
from scopeproxy.planning import merging
from scopeproxy.planning.affinity import Affinity
from scopeproxy.planning.carriers import mint, strip
from scopeproxy.planning.faults import fault
from scopeproxy.planning.intent import Intent, Kind, classify
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Plan, Work
from scopeproxy.planning.planner import check_loop, make_plan, where
from scopeproxy.planning.rewriting import SCOPE_RESPONSE, end_to_end, visited, with_via
from scopeproxy.planning.selectors import expand

# What a merge cannot honour yet: a tag of one site's answer says nothing of the merged one.
_CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as it came in.  `peer`: the site whose proxy signed it; None: a client's, or a service's."""

    request: Request
    client: str
    scheme: str = "http"
    peer: str | None = None


@dataclass(slots=True)
class _Story:
    """What is told of a call at its end; filled in on the way."""

    id: str = field(default_factory=mint)
    found: Found | None = None
    intent: Intent | None = None
    plan: str = ""
    result: Result | None = None
    project: str | None = None


class Journey:
    """Answers the calls that reach the proxy of one site."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        vocabulary: Vocabulary,
        delivery: Delivery,
        carriers: Carriers,
        calling: Calling,
        identity: IdentityCalls,
        health: Health,
        metrics: Metrics,
        records: Records,
        affinity: Affinity,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._vocabulary = topology, here, vocabulary
        self._delivery, self._carriers, self._calling = delivery, carriers, calling
        self._identity, self._health, self._metrics = identity, health, metrics
        self._records, self._affinity, self._now = records, affinity, now
        self._settings = topology.sites[here].proxy

    async def answer(self, arrival: Arrival) -> Reply:
        """The answer to a call; mistakes and failures are answers too, in the shape of the called service."""
        story, began = _Story(), time.perf_counter()
        error: ScopeProxyError | None = None
        self._metrics.calls_in_flight.inc()
        try:
            reply = await self._answer(arrival, story)
        except ScopeProxyError as mistake:
            error, reply = mistake, self._fault(arrival.request.service, mistake)
        finally:
            self._metrics.calls_in_flight.dec()
        reply = self._finished(reply, story)
        self._note(arrival, story, reply, error, time.perf_counter() - began)
        return reply

    async def _answer(self, arrival: Arrival, story: _Story) -> Reply:
        found = story.found = await self._carriers.find(arrival.request, arrival.peer is not None)
        if found.scope is None:
            return await self._unscoped(arrival, found)
        result = story.result = await self._scoped(arrival, found, story)
        if result.reply is None:
            raise result.error or SiteFailure("no answer")
        return result.reply

    # ---- unscoped: straight through

    async def _unscoped(self, arrival: Arrival, found: Found) -> Reply:
        travel = self._travel(arrival, found)
        if found.request.service == "identity":
            return await self._identity.unscoped(found, travel)
        outcome = await self._delivery.deliver(self._here, found.request, travel)
        if isinstance(outcome, Unreached):
            raise SiteFailure(f"{self._here}: {outcome.why}", 504 if outcome.sent else 502)
        return outcome

    def _travel(self, arrival: Arrival, found: Found, deadline: float | None = None) -> Travel:
        own = self._topology.sites[self._here].services[arrival.request.service].front
        host = arrival.request.header("X-Forwarded-Host") if arrival.peer else None
        return Travel(
            host=host or arrival.request.header("Host") or own.authority,
            client=arrival.client,
            scheme=arrival.scheme,
            options=found.options,
            home=found.home,
            entry=found.entry,
            hops=found.hops,
            deadline=deadline,
        )

    # ---- scoped: plan and run

    async def _scoped(self, arrival: Arrival, found: Found, story: _Story) -> Result:
        check_loop(self._here, found.hops, visited(arrival.request.headers) if arrival.peer else ())
        options = parse_options(found.options)
        deadline = asyncio.get_running_loop().time() + self._patience(options)
        travel = self._travel(arrival, found, deadline)
        work = await self._work(found, options, arrival.peer)
        story.intent = work.intent
        if work.intent.kind in (Kind.LOGIN, Kind.TOKEN):
            story.plan = "the token's issuer" if work.intent.kind is Kind.TOKEN else "a login at every site"
            return await self._identity.scoped(work, found, travel)
        caller = await self._caller(work, found)
        story.project = caller.project_id if caller else None
        work = self._with_affinity(work, caller)
        plan = make_plan(work, self._topology, _own_ids(caller))
        story.plan = str(plan)
        return await self._run(work, plan, found, travel, caller)

    async def _run(self, work: Work, plan: Plan, found: Found, travel: Travel, caller: Identity | None) -> Result:
        body, kept = await self._body_for(work.request, plan)
        conditions = _CONDITIONS if isinstance(plan, AllOf) and work.intent.kind is not Kind.DOWNLOAD else ()
        request = replace(work.request, body=body).without(*conditions)

        async def forward(call: Call) -> Outcome:
            # An undo is a request of its own; every other call is this one.
            mine = request if call.request is work.request else call.request
            return await self._calling.call(replace(call, request=mine), found, travel, work.intent)

        try:
            result = await run(work, plan, forward, self._health.believed_down, self._settings.limits.merged_body)
        finally:
            if kept is not None:
                kept.close()
        self._learn(work, plan, caller, result)
        return result

    def _patience(self, options: Options) -> float:
        total = self._settings.timeouts.total
        return total if options.timeout is None else min(options.timeout, total)

    async def _work(self, found: Found, options: Options, peer: str | None) -> Work:
        request, limits = found.request, self._settings.limits
        scope = self._scope(found.scope or "", request.service, peer)
        if "json" in (request.header("Content-Type") or "").lower():
            request = replace(request, body=await hold(request.body, limits.buffered_body))
        if request.service == "identity" and isinstance(request.body, Held):
            request = replace(request, body=Held(self._carriers.untag_login(request.body.data)))
        policy = options.on_partial or self._settings.partial
        intent = classify(request)
        return Work(
            request,
            intent,
            scope,
            self._here,
            options,
            policy,
            self._settings.quota_moves_on,
            self._shape(request.service),
            self._topology.prefixes(request.service),
        )

    def _shape(self, service: str) -> str | None:
        own = self._topology.own_services.get(service)
        return own.fault if own else None

    def _scope(self, text: str, service: str, peer: str | None) -> Scope:
        scope = parse(text, self._vocabulary)
        location = scope.location(service)
        if peer is not None and location not in (None, At(self._here)):
            raise CallerError(
                f"scope: {peer} sent {self._here} a call for {location}, but only the entry fans out: "
                "do both sites read the same topology file?"
            )
        return expand(scope, self._topology, self._here, self.round_trip)

    def round_trip(self, one: str, other: str) -> float | None:
        """Seconds between two sites: as declared, else as measured from here; None when nobody knows."""
        declared = self._topology.round_trip(one, other)
        if declared is not None or self._here not in (one, other):
            return declared
        return self._health.round_trip(other if one == self._here else one)

    async def _caller(self, work: Work, found: Found) -> Identity | None:
        """Who calls, where that matters: to references and to affinity."""
        if found.token is None or not self._topology.has_identity or work.intent.kind is Kind.DISCOVERY:
            return None
        local = where(work) == At(self._here)
        return None if local and not work.intent.writes else await self._identity.identity(found.token)

    def _with_affinity(self, work: Work, caller: Identity | None) -> Work:
        location, service = where(work), work.request.service
        near = self._affinity.prefer(_project(caller), service, work.intent.id, location)
        return work if near == location else replace(work, scope=work.scope.having(service, near))

    def _learn(self, work: Work, plan: Plan, caller: Identity | None, result: Result) -> None:
        if isinstance(plan, Call):
            return
        for outcome in result.asked:
            if isinstance(outcome, Reply):
                self._affinity.learn(_project(caller), work.request.service, outcome)

    async def _body_for(self, request: Request, plan: Plan) -> tuple[Body, Kept | None]:
        """The body as often as the plan may need it."""
        limits = self._settings.limits
        if isinstance(request.body, Held) or isinstance(plan, Call):
            return request.body, None
        if isinstance(plan, FirstOf):
            kept = Kept(request.body, limits.buffered_body, limits.spooled_body)
            return kept, kept
        return await hold(request.body, limits.buffered_body), None

    # ---- telling

    def refusal(self, service: str, error: ScopeProxyError) -> Reply:
        """The answer to a call that does not get as far as a journey."""
        return replace(self._fault(service, error), rest=None)

    def _fault(self, service: str, error: ScopeProxyError) -> Reply:
        headers, body = fault(service, error.status, str(error), shape=self._shape(service))
        if error.status == 401:
            keystone = self._topology.sites[self._here].services.get("identity")
            uri = f'Keystone uri="{keystone.front}"' if keystone else "Keystone"
            headers = (*headers, ("WWW-Authenticate", uri))
        return Reply(self._here, error.status, headers, body)

    def _finished(self, reply: Reply, story: _Story) -> Reply:
        """The reply as the client gets it: without what is between proxies, with what was done to the call."""
        headers = without(end_to_end(reply.headers), *SCOPE_RESPONSE)
        headers = tuple((name, strip(value)) if name.lower() in _TOKENS else (name, value) for name, value in headers)
        headers = with_via(headers, self._here)
        result = story.result
        if story.found is not None and story.found.scope is not None:
            headers = (*headers, ("X-Scope-Request-Id", story.id))
        if result is not None and result.asked:
            headers = (*headers, ("X-Scope-Sites", merging.sites_header(result.asked)))
            if result.partial:
                headers = (*headers, ("X-Scope-Partial", merging.partial_header(result.partial)))
            if len(result.replicas) > 1:
                headers = (*headers, ("X-Scope-Replicas", merging.replicas_header(result.replicas)))
        return replace(reply, headers=headers)

    def _note(self, arrival: Arrival, story: _Story, reply: Reply, error: ScopeProxyError | None, took: float) -> None:
        found, result, request = story.found, story.result, arrival.request
        scope = found.scope if found else request.header("X-Scope")
        intent = (story.intent or classify(request)).kind.value
        scoped = "no" if scope is None else "yes"
        outcome = "refused" if error is not None and isinstance(error, CallerError) else f"{reply.status // 100}xx"
        self._metrics.calls.labels(request.service, intent, scoped, outcome).inc()
        self._metrics.call_seconds.labels(request.service, intent, scoped).observe(took)
        asked = result.asked if result else ()
        self._records.note(
            Record(
                id=story.id,
                at=self._now(),
                site=self._here,
                service=request.service,
                method=request.method,
                path=request.path,
                status=reply.status,
                seconds=round(took, 6),
                scope=scope,
                source=found.source if found else "",
                client_id=found.client_id if found else None,
                peer=arrival.peer,
                intent=intent,
                plan=story.plan,
                sites={one.site: _came(one) for one in asked},
                partial=result.partial if result else (),
                error=str(error) if error else None,
                project=story.project,
            )
        )


_TOKENS = frozenset({"x-auth-token", "x-subject-token"})


def _came(outcome: Outcome) -> str:
    return str(outcome.status) if isinstance(outcome, Reply) else outcome.why


def _project(caller: Identity | None) -> str:
    return (caller.project_id or caller.user_id) if caller else ""


def _own_ids(caller: Identity | None) -> frozenset[str]:
    return frozenset(id_ for id_ in (caller.user_id, caller.project_id) if id_) if caller else frozenset()
