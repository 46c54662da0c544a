"""What a scoped call is before it is planned: what it asks for, who calls, and what goes with it on its way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from scopeproxy.errors import CallerError
from scopeproxy.execution.bodies import hold
from scopeproxy.execution.calling import is_data
from scopeproxy.execution.carrying import Found
from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.health import Health
from scopeproxy.execution.identity_calls import IdentityCalls
from scopeproxy.execution.telling import Arrival
from scopeproxy.execution.translating import Translating
from scopeproxy.lang.parser import parse
from scopeproxy.lang.scope import At, Scope
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.lang.wire import Options
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Request
from scopeproxy.model.services import SERVICES
from scopeproxy.model.topology import Topology
from scopeproxy.planning.affinity import Affinity
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.plan import Work
from scopeproxy.planning.planner import where
from scopeproxy.planning.rules import spread, substrates
from scopeproxy.planning.selectors import expand


class Preparing:
    """Gets the calls ready that reach the proxy of one site."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        vocabulary: Vocabulary,
        identity: IdentityCalls,
        health: Health,
        affinity: Affinity,
        translating: Translating,
    ) -> None:
        self._topology, self._here, self._vocabulary = topology, here, vocabulary
        self._identity, self._health, self._affinity, self._translating = identity, health, affinity, translating
        self._settings = topology.sites[here].proxy

    # ---- what goes with it

    def travel(self, arrival: Arrival, found: Found, deadline: float | None = None) -> Travel:
        """What goes with the calls that this one causes."""
        own = self._topology.sites[self._here].services[arrival.request.service].front
        # Services make links of these: a peer tells how the client reached the entry.
        host = arrival.request.header("X-Forwarded-Host") if arrival.peer else None
        scheme = arrival.request.header("X-Forwarded-Proto") if arrival.peer else None
        return Travel(
            host=host or arrival.request.header("Host") or own.authority,
            client=arrival.client,
            scheme=scheme if scheme in ("http", "https") else arrival.scheme,
            options=found.options,
            entry=found.entry,
            hops=found.hops,
            deadline=deadline,
            signed=arrival.peer is not None,
        )

    def deadline(self, options: Options) -> float:
        """The loop's time by which the call is answered, or told that it is not."""
        total = self._settings.timeouts.total
        patience = total if options.timeout is None else min(options.timeout, total)
        return asyncio.get_running_loop().time() + patience

    # ---- what it asks for

    async def work(self, found: Found, options: Options, peer: str | None) -> Work:
        """The work under the scope that was found, with whatever of its body has to be looked into."""
        request, limits = found.request, self._settings.limits
        scope = self._scope(found.scope or "", request.service, peer)
        if self._looks_into_the_body(request, scope):
            request = replace(request, body=await hold(request.body, limits.buffered_body))
        if request.service == "identity":
            request = await self._identity.untagged(request)
        policy = options.on_partial or self._settings.partial
        intent = classify(request)
        queues = policy == "queue" and intent.writes and spread(scope.location(request.service) or At(self._here))
        if queues and intent.kind is not Kind.UPLOAD:
            # It may have to be sent again much later.
            request = replace(request, body=await hold(request.body, limits.buffered_body))
        own = self._topology.own_services.get(request.service)
        return Work(
            request,
            intent,
            scope,
            self._here,
            options,
            policy,
            self._settings.quota_moves_on,
            own.fault if own else None,
            self._topology.prefixes(request.service),
        )

    def _looks_into_the_body(self, request: Request, scope: Scope) -> bool:
        """Whether ids and rules are looked for in the body; what passes unchanged is not held for it."""
        service = request.service
        if request.body.length == 0 or is_data(classify(request), service):
            return False
        # Keystone, neutron and glance read JSON whatever it is called.
        if service not in SERVICES and "json" not in (request.header("Content-Type") or "").lower():
            return False
        location = scope.location(service)
        if location is None:
            # Nova at home with another site's cinder: a boot from a volume is refused.
            return any(scope.location(substrate) for substrate in substrates(service))
        if spread(location) or (self._topology.has_identity and service not in self._topology.own_services):
            return True
        return request.body.length is not None and request.body.length <= self._settings.limits.buffered_body

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

    # ---- who calls, and what that makes of it

    async def caller(self, work: Work, found: Found, deadline: float | None) -> Identity | None:
        """Who calls: for references, for affinity, and for who may read the report of the call."""
        if found.token is None or not self._topology.has_identity or work.intent.kind is Kind.DISCOVERY:
            return None
        try:
            async with asyncio.timeout_at(deadline):
                return await self._identity.identity(found.token, found.home)
        except TimeoutError:
            return None

    async def placed(self, work: Work, caller: Identity | None, peer: str | None) -> Work:
        """The work with the site first where the thing was seen, and with what its ids are called at each site."""
        location, service = where(work), work.request.service
        near = self._affinity.prefer(owner(caller), service, work.intent.id, location)
        if near != location:
            work = replace(work, scope=work.scope.having(service, near))
        return work if peer is not None else await self._translating.by_sets(work)


def owner(caller: Identity | None) -> str:
    """Whose things are meant; empty where nobody knows."""
    return caller.owner if caller else ""


def own_ids(caller: Identity | None) -> frozenset[str]:
    """The ids by which the caller speaks of itself."""
    return frozenset(id_ for id_ in (caller.user_id, caller.project_id) if id_) if caller else frozenset()
