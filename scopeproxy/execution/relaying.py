"""Decides for a read under a scope how it goes to the one other site that answers it, for as often as it comes again.

It does what the journey does up to the call, and makes none: no answer is known here, so none is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.calling import Calling, Leaving
from scopeproxy.execution.carrying import Carriers
from scopeproxy.execution.delivery import LATE, Delivery
from scopeproxy.execution.health import Health
from scopeproxy.execution.identity_calls import IdentityCalls
from scopeproxy.execution.passthrough.onward import lines_of
from scopeproxy.execution.passthrough.outgoing import Outgoing, Unsendable, head_of
from scopeproxy.execution.passthrough.relay import Relay
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.passthrough.ways import Way
from scopeproxy.execution.preparing import Preparing, own_ids
from scopeproxy.execution.records import Told
from scopeproxy.execution.runner import Result
from scopeproxy.execution.served import Served
from scopeproxy.execution.telling import Arrival, Story, Telling
from scopeproxy.lang.wire import Options
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.model.topology import Topology, Url
from scopeproxy.planning.carriers import HEADER, mint
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call
from scopeproxy.planning.planner import check_loop, make_plan
from scopeproxy.planning.relaying import may_be_relayed, relayed
from scopeproxy.planning.signing import SIGNATURE, Signer

# Whether a new connection can be had to the root of a service.
Reaches = Callable[[Url], Awaitable[bool]]


class Relaying:
    """For the proxy of one site.  `tally`: where calls are counted."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        carriers: Carriers,
        preparing: Preparing,
        served: Served,
        identity: IdentityCalls,
        calling: Calling,
        delivery: Delivery,
        reaches: Reaches,
        health: Health,
        telling: Telling,
        tally: Tally,
    ) -> None:
        self._topology, self._here, self._carriers, self._preparing = topology, here, carriers, preparing
        self._served, self._identity, self._calling, self._delivery = served, identity, calling, delivery
        self._reaches, self._health, self._telling, self._tally = reaches, health, telling, tally

    async def relay(self, arrival: Arrival) -> Relay | None:
        """How a client's read goes; None: it is for the journey.  Raises what a journey would."""
        found = await self._carriers.find(arrival.request, False)
        if found.scope is None or found.carriers != (HEADER,):
            return None
        check_loop(self._here, found.hops, ())
        deadline = self._preparing.deadline(Options())
        work = await self._preparing.work(found, Options(), None)
        if not may_be_relayed(work):
            return None
        caller = await self._preparing.caller(work, found, deadline)
        if caller is None and self._topology.has_identity:
            # Nobody can tell just now how long the token is good.
            return None
        work = await self._preparing.placed(work, caller, None)
        plan = make_plan(work, self._topology, own_ids(caller), self._served.known)
        call = relayed(work, plan)
        if call is None or not self._calling.links_hold(call.site, work.request.service, work.intent):
            return None
        travel = self._preparing.travel(arrival, found, deadline)
        leaving = await self._calling.leaving(call, found, travel, work.intent)
        if not isinstance(leaving, Leaving):
            return None
        story = Story(found=found, intent=work.intent, plan=str(plan), project=caller.project_id if caller else None)
        holds = await self._identity.known(found.token, found.home) if found.token and caller else always
        try:
            return self._made(arrival, story, call, leaving, holds)
        except Unsendable:
            return None

    def _made(self, arrival: Arrival, story: Story, call: Call, leaving: Leaving, holds: Callable[[], bool]) -> Relay:
        """Raises Unsendable."""
        request, site, timeouts = leaving.request, call.site, self._topology.sites[self._here].proxy.timeouts
        endpoint = self._topology.sites[site].services[request.service]
        root, head = endpoint.front, self._delivery.head(site, endpoint, request, leaving.travel)
        outgoing = Outgoing(site, root, request.method, request.target, head.headers, request.body, timeouts)
        intent = (story.intent or classify(request)).kind.value
        row = self._tally.of(site).row(request.service, intent)
        target = (root.path + request.target).encode()
        method, first = request.method.encode(), f"{request.method} {root.path}{request.target} HTTP/1.1\r\n".encode()
        way = Way(request.service, root, root.origin, method, target, first, request.path, intent, row)
        told = _Telling(self._telling, arrival, story, partial(self._health.note, site))
        return Relay(
            way=way,
            unsigned=head_of(outgoing).data.removesuffix(b"\r\n"),
            signature=partial(self._signature, head.signer),
            patience=timeouts.connect + LATE,
            holds=holds,
            reaches=partial(self._reached, site, root),
            answered=partial(told.answered, site),
            failed=told.failed,
        )

    async def _reached(self, site: str, root: Url) -> bool:
        reaches = await self._reaches(root)
        if not reaches:
            self._health.note(site, Unreached(site, False, "no new connection"))
        return reaches

    def _signature(self, signer: Signer | None) -> bytes:
        if signer is None:
            return b""
        return f"{SIGNATURE}: {self._delivery.signature(signer)}\r\n".encode()


class _Telling:
    """What is told of the calls by one relay: the log, the report, and the headers of the answer."""

    def __init__(self, telling: Telling, arrival: Arrival, story: Story, learn: Callable[[Outcome], None]) -> None:
        self._telling, self._arrival, self._story, self._learn = telling, arrival, story, learn
        self._of_status: dict[int, _OfStatus] = {}

    def answered(self, site: str, status: int, seconds: float) -> bytes:
        known = self._of_status.get(status)
        if known is None:
            known = self._of_status[status] = self._of(Reply(site, status))
        self._learn(known.reply)
        id_ = self._telling.again(known.told, seconds)
        return b"%b%b%b" % (known.before, id_.encode(), known.after) if known.before else known.after

    def _of(self, reply: Reply) -> _OfStatus:
        story = self._about(reply)
        before, _, after = lines_of(self._telling.beside(story)).rpartition(story.id.encode())
        told = Told(self._telling.record(self._arrival, story, reply.status, None, 0.0))
        return _OfStatus(reply, told, before, after)

    def failed(self, unreached: Unreached, seconds: float) -> Reply:
        request, story = self._arrival.request, self._about(unreached)
        why = f"{unreached.site}: {unreached.why}: {request.method} {request.path} got no answer"
        error = SiteFailure(why, 504 if unreached.sent else 502)
        reply = self._telling.fault(request.service, error)
        self._telling.keep(self._telling.record(self._arrival, story, reply.status, error, seconds))
        return replace(reply, headers=(*reply.headers, *self._telling.beside(story)))

    def _about(self, outcome: Outcome) -> Story:
        return replace(self._story, id=mint(), result=Result(None, None, (outcome,)))


class _OfStatus(NamedTuple):
    """What is told of every answer with a status.  `before` and `after`: its lines, before and after the id."""

    reply: Reply
    told: Told
    before: bytes
    after: bytes


def always() -> bool:
    """Where there is no keystone, nobody's token ends."""
    return True
