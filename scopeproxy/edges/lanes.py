"""The fast path under one topology: which of its parts each door needs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from scopeproxy.edges.doors import WELL_KNOWN, Door, leads_out
from scopeproxy.edges.house import House, Lasting
from scopeproxy.execution.passthrough.lane import Lane
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.passthrough.ways import Ways
from scopeproxy.execution.telling import lost


def lane_of(house: House, door: Door, lasting: Lasting) -> Lane:
    """What the fast path needs to know at a door."""
    here = house.here
    backs = {name: end.back for name, end in here.services.items() if end.back is not None}

    def enter(target: str) -> tuple[str, str] | None:
        found = door.service(target) if here.proxy.passthrough else None
        if found is None or found.path is not None or found.below.startswith(WELL_KNOWN):
            return None
        back = backs.get(found.service)
        return None if back is None or (back.path and leads_out(found.below)) else (found.service, found.below)

    ways = Ways(enter, backs, lasting.tally)
    return _lane(house, lasting, ways, "https" if door.tls else "http", here.proxy.trusted_proxies)


def of_pages(house: House, lasting: Lasting) -> Lane:
    """The lane of connections to pages of the proxy's own: nothing passes."""
    return _lane(house, lasting, _nowhere(lasting.tally), "http", ())


def of_nobody(lane: Lane) -> Lane:
    """The lane of connections on which nothing passes, and which end with their first request."""
    return replace(lane, ways=_nowhere(lane.ways.tally), requests=1)


def _nowhere(tally: Tally) -> Ways:
    return Ways(lambda target: None, {}, tally)


def _lane(house: House, lasting: Lasting, ways: Ways, scheme: str, trusted: tuple[str, ...]) -> Lane:
    here, records = house.here, lasting.records
    return Lane(
        here=here.name,
        scheme=scheme,
        trusted=trusted,
        timeouts=here.proxy.timeouts,
        head_limit=here.proxy.limits.header,
        requests=here.proxy.limits.requests,
        ways=ways,
        pool=house.pool,
        refusal=house.journey.refusal,
        lost=partial(lost, here.name),
        is_due=records.is_due,
        note=house.journey.passed,
    )
