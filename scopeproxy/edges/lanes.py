"""The fast path under one topology: which of its parts each door needs."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from scopeproxy.edges.doors import WELL_KNOWN, Door, leads_out
from scopeproxy.edges.house import House, Lasting
from scopeproxy.execution.passthrough.head import every_line
from scopeproxy.execution.passthrough.lane import Lane
from scopeproxy.execution.passthrough.onward import decoded
from scopeproxy.execution.passthrough.relay import Read, Relay
from scopeproxy.execution.passthrough.relays import Decide, Relays
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.passthrough.ways import Ways
from scopeproxy.execution.telling import Arrival, lost
from scopeproxy.model.messages import Request


def lane_of(house: House, door: Door, lasting: Lasting) -> Lane:
    """What the fast path needs to know at a door."""
    here, scheme = house.here, "https" if door.tls else "http"
    backs = {name: end.back for name, end in here.services.items() if end.back is not None}

    def enter(target: str) -> tuple[str, str] | None:
        found = door.service(target) if here.proxy.passthrough else None
        if found is None or found.path is not None or found.below.startswith(WELL_KNOWN):
            return None
        back = backs.get(found.service)
        return None if back is None or (back.path and leads_out(found.below)) else (found.service, found.below)

    async def decide(asked: Read) -> Relay | None:
        entered = enter(asked.target.decode())
        if entered is None:
            return None
        headers = decoded(every_line(asked.fields))
        request = Request(entered[0], asked.method.decode(), entered[1], headers)
        return await house.relaying.relay(Arrival(request, asked.client, scheme))

    ways = Ways(enter, backs, lasting.tally)
    return _lane(house, lasting, ways, decide, scheme, here.proxy.trusted_proxies)


def of_pages(house: House, lasting: Lasting) -> Lane:
    """The lane of connections to pages of the proxy's own: nothing passes."""
    return _lane(house, lasting, _nowhere(lasting.tally), _to_nobody, "http", ())


def of_nobody(lane: Lane) -> Lane:
    """The lane of connections on which nothing passes, and which end with their first request."""
    return replace(lane, ways=_nowhere(lane.ways.tally), relays=Relays(_to_nobody, time.monotonic), requests=1)


def _nowhere(tally: Tally) -> Ways:
    return Ways(lambda target: None, {}, tally)


async def _to_nobody(_: Read) -> Relay | None:
    return None


def _lane(house: House, lasting: Lasting, ways: Ways, decide: Decide, scheme: str, trusted: tuple[str, ...]) -> Lane:
    here, records = house.here, lasting.records
    return Lane(
        here=here.name,
        scheme=scheme,
        trusted=trusted,
        timeouts=here.proxy.timeouts,
        head_limit=here.proxy.limits.header,
        requests=here.proxy.limits.requests,
        ways=ways,
        relays=Relays(decide, time.monotonic),
        pool=house.pool,
        refusal=house.journey.refusal,
        lost=partial(lost, here.name),
        is_due=records.is_due,
        note=house.journey.passed,
    )
