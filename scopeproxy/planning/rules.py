"""Bad collaborations (section 6 of the language): a table of rows, refused before anything was sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scopeproxy.errors import BadCollaboration
from scopeproxy.lang.scope import EVERY_SERVICE, And, At, Location, Or, Scope, sites_of
from scopeproxy.model.messages import Request
from scopeproxy.model.topology import Topology
from scopeproxy.planning.intent import Intent, Kind

Matters = Callable[[Request, Intent], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """A service that works on a substrate of its own site only.

    `matters`: the calls to the caller for which that counts when the caller itself is not bound by the scope;
    `substrate`: what a pair of sites may declare as shared, which lifts the row.
    """

    caller: str
    partner: str
    substrate: str
    matters: Matters
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Lonely:
    """A call that makes sense at one site only."""

    what: str
    is_meant: Matters


def _changes_servers(_: Request, intent: Intent) -> bool:
    return intent.writes and intent.collection == "servers"


def _attaches_volumes(request: Request, intent: Intent) -> bool:
    if not _changes_servers(request, intent):
        return False
    return intent.beneath.startswith("os-volume_attachments") or b"block_device_mapping" in _held(request)


def _held(request: Request) -> bytes:
    return bytes(getattr(request.body, "data", b""))


def _migrates_live(request: Request, intent: Intent) -> bool:
    return intent.kind is Kind.ACTION and isinstance(request.json, dict) and "os-migrateLive" in request.json


def _makes_a_key_pair(request: Request, intent: Intent) -> bool:
    """Nova makes one where no public key is given: at each site another."""
    asked = request.json.get("keypair") if isinstance(request.json, dict) else None
    return intent.kind is Kind.CREATE and isinstance(asked, dict) and not asked.get("public_key")


def _makes_several(request: Request, intent: Intent) -> bool:
    """Nova's answer tells the first of them only: the others could neither be told nor deleted again."""
    asked = request.json.get("server") if isinstance(request.json, dict) else None
    if intent.kind is not Kind.CREATE or not isinstance(asked, dict):
        return False
    return any(asked.get(key) not in (None, 1, "1") for key in ("min_count", "max_count"))


def _is_console(_: Request, intent: Intent) -> bool:
    return intent.kind is Kind.CONSOLE


ROWS = (
    Row(
        "compute",
        "network",
        "network",
        _changes_servers,
        "a server's ports are wired on the host it runs on, by the network service of that site",
        "bind network to the same sites as compute, or leave it out",
    ),
    Row(
        "compute",
        "placement",
        "placement",
        _changes_servers,
        "nova schedules onto hosts that only its own site's placement knows",
        "bind placement to the same sites as compute, or leave it out",
    ),
    Row(
        "compute",
        "block-storage",
        "storage",
        _attaches_volumes,
        "a volume is attached over the storage network of its own site",
        "bind block-storage to the same sites as compute, or let the operator declare shared storage (shares: storage)",
    ),
)

LONELY = (
    Lonely("a console, or a connection that is upgraded,", _is_console),
    Lonely("a live migration", _migrates_live),
    Lonely("a key pair that nova makes up (give it a public key, and it is the same at every site)", _makes_a_key_pair),
    Lonely("making several servers by one call (min_count, max_count)", _makes_several),
)


def refuse(request: Request | None, intent: Intent | None, scope: Scope, entry: str, topology: Topology) -> None:
    """Raise BadCollaboration when the (expanded) scope cannot work for this call; None: for the scope as such."""
    _check_presence(request, scope, topology)
    for row in ROWS:
        for site in _callers(row, request, intent, scope, entry):
            _check_pair(row, site, scope, topology)
    if request is not None and intent is not None:
        _check_lonely(request, intent, scope)


def _check_presence(request: Request | None, scope: Scope, topology: Topology) -> None:
    named = [service for service in scope if service != EVERY_SERVICE]
    for service in dict.fromkeys([*named, *([request.service] if request else [])]):
        location = scope.location(service)
        for site in sites_of(location) if location else ():
            if service not in topology.sites[site].services:
                raise BadCollaboration(f"scope: {site} has no {service} service{_offer(service, topology)}")


def _offer(service: str, topology: Topology) -> str:
    having = [site.name for site in topology if service in site.services]
    return f"; it is at {', '.join(having)}" if having else "; no site has one"


def _callers(row: Row, request: Request | None, intent: Intent | None, scope: Scope, entry: str) -> tuple[str, ...]:
    """The sites whose caller would meet the partner: bound ones always, the entry's own for calls that matter."""
    bound = scope.location(row.caller)
    if bound is not None:
        return sites_of(bound)
    if request is None or intent is None or request.service != row.caller:
        return ()
    return (entry,) if row.matters(request, intent) else ()


def _check_pair(row: Row, site: str, scope: Scope, topology: Topology) -> None:
    location = scope.location(row.partner)
    if location is None or not any(row.partner in one.services for one in topology):
        return
    there = sites_of(location)
    if site in there or all(topology.shared(row.substrate, site, other) for other in there):
        return
    raise BadCollaboration(
        f"scope: {row.caller} at {site} cannot work with {row.partner} at {location}: {row.reason}; {row.remedy}"
    )


def _check_lonely(request: Request, intent: Intent, scope: Scope) -> None:
    location = scope.location(request.service)
    if location is None or not spread(location):
        return
    for lonely in LONELY:
        if lonely.is_meant(request, intent):
            raise BadCollaboration(f"scope: {lonely.what} needs a single site: bind {request.service} to one")


def spread(location: Location) -> bool:
    """Whether more than one site is asked at once, for whatever branch."""
    if isinstance(location, Or):
        return any(spread(part) for part in location.parts)
    return isinstance(location, And)


def substrates(service: str) -> tuple[str, ...]:
    """The services which this one needs of its own site."""
    return tuple(row.partner for row in ROWS if row.caller == service)


def narrow_substrates(scope: Scope, service: str, site: str, topology: Topology) -> Scope:
    """The scope for a call to a service at one site, with what works together at one site only bound to that site.

    Nova at Corte uses Corte's neutron where the scope names that too; neutron at Corte never serves a nova elsewhere,
    nor that nova's placement.
    """
    callers = {row.caller for row in ROWS if row.partner == service}
    served = {partner for caller in callers for partner in (caller, *substrates(caller))}
    for partner in dict.fromkeys((*substrates(service), *sorted(served))):
        location = scope.location(partner)
        is_meant = location is not None and (partner in served or site in sites_of(location))
        if is_meant and location != At(site) and partner in topology.sites[site].services:
            scope = scope.having(partner, At(site))
    return scope
