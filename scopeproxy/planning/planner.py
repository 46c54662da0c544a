"""Work in, plan out: everything is checked here, before the first call.  Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from scopeproxy.errors import LoopDetected, NotYet, ScopeProxyError
from scopeproxy.lang.scope import EVERY_SERVICE, And, At, Location, Or, Scope, Selector, all_of, sites_of
from scopeproxy.model.messages import Request
from scopeproxy.model.services import needs, row
from scopeproxy.model.topology import Topology
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.items import is_whole
from scopeproxy.planning.merging import require_mergeable
from scopeproxy.planning.paging import Position, at, bare_target, left
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Plan, Refuse, Work, choices
from scopeproxy.planning.references import foreign_references
from scopeproxy.planning.rules import narrow_substrates, refuse, spread
from scopeproxy.planning.translations import Place, places, translated
from scopeproxy.planning.versions import Known, nothing_known, refuse_strangers

MAX_HOPS = 8

# Services whose version documents tell a range of microversions: a client picks one for the whole scope, so every
# site's range counts, also behind a `|`.
NEGOTIATED = frozenset({"compute", "block-storage", "placement", "baremetal", "shared-file-system", "key-manager"})


def make_plan(
    work: Work, topology: Topology, own_ids: frozenset[str] = frozenset(), known: Known = nothing_known
) -> Plan:
    """Where this work goes.  A mistake of the caller's becomes Refuse: nothing is sent.

    `known`: what sites have told of their services' versions.
    """
    try:
        check(work, topology)
        refuse_strangers(work.request, work.intent, work.scope, work.entry, known)
        return _plan(work, topology, own_ids)
    except ScopeProxyError as error:
        return Refuse(error)


def check(work: Work, topology: Topology) -> None:
    """Raise what is wrong with the scope, as such and for this call."""
    refuse(work.request, work.intent, work.scope, work.entry, topology)
    _check_built(work)


def where(work: Work) -> Location:
    """The location that the scope gives this call; unbound, it proceeds here."""
    return work.scope.location(work.request.service) or At(work.entry)


def _check_built(work: Work) -> None:
    if work.options.settle:
        raise NotYet("scope: 'settle' is not built yet: leave it out of X-Scope-Options")
    if not spread(where(work)) or work.intent.kind in (Kind.LOGIN, Kind.TOKEN):
        return
    require_mergeable(work.request, work.intent)
    if work.policy == "queue" and work.intent.writes:
        _check_queueable(work)
    elif work.intent.kind is Kind.UPLOAD and not _all_at_once(where(work)):
        raise NotYet(
            "scope: data go to several sites all at once, as they come: with '&', a '|' beside it is built for "
            "on-partial=queue alone, which keeps them"
        )
    if work.intent.kind is Kind.LIST and dict(work.request.query).get("offset", "0") not in ("", "0"):
        raise NotYet("scope: an offset counts the items of one site's list: over several sites go on by marker")


def _all_at_once(location: Location) -> bool:
    return isinstance(location, And) and all(isinstance(part, At) for part in location.parts)


def _check_queueable(work: Work) -> None:
    """Raise NotYet for a write of which nobody could say which site gets it later."""
    if not isinstance(where(work), And) or choices(_tree(where(work), lambda site: Call(site, work.request))) is None:
        raise NotYet(
            f"scope: on-partial=queue is not built yet for {where(work)}: join sites by &, and beside it alternatives "
            "of single sites, each named once, as in A & (B | C); or use undo or keep"
        )


def _plan(work: Work, topology: Topology, own_ids: frozenset[str]) -> Plan:
    # The ids in it are the same for all sites; what they mean at each is not.
    call = partial(_call, work, topology, own_ids, places(work.request, work.intent))
    if work.turn is not None and work.turn.positions:
        return AllOf(tuple(call(one.site) for one in left(work.turn)))
    location = where(work)
    if work.intent.kind is Kind.DISCOVERY and work.request.service in NEGOTIATED:
        location = all_of(At(site) for site in sites_of(location))
    return _tree(location, call)


def _tree(location: Location, call: Callable[[str], Call]) -> Plan:
    match location:
        case At(site):
            return call(site)
        case And(parts):
            return AllOf(tuple(_tree(part, call) for part in parts))
        case Or(parts):
            return FirstOf(tuple(_tree(part, call) for part in parts))
        case Selector():
            raise AssertionError("selectors are expanded at the entry, before planning")


def _call(work: Work, topology: Topology, own_ids: frozenset[str], there: tuple[Place, ...], site: str) -> Call:
    known = work.translations.get(site, {})
    foreign = foreign_references(work.request, work.scope, work.entry, site, own_ids, there)
    missing = tuple(one for one in foreign if one.key not in known)
    request = translated(_turned(work, site), work.intent, known)
    return Call(site, request, narrowed(work.scope, work.request.service, site, topology), missing)


def _turned(work: Work, site: str) -> Request:
    """The request for a site's part of a page: what is beyond its own marker, or else the whole list."""
    if work.turn is None:
        return work.request
    if is_whole(work.request, work.intent, work.turn):
        return replace(work.request, target=bare_target(work.request.target))
    known = {one.site: one for one in work.turn.positions}
    return at(work.request, known.get(site, Position(site)), work.turn.asked)


def narrowed(scope: Scope, service: str, site: str, topology: Topology) -> Scope:
    """What travels on with a call to a service at one site: the service bound to that site, so that nothing fans out
    twice, and of the rest only what the service can still need."""
    wanted = needs(service)
    kept = scope if wanted is None else scope.only(wanted)
    if service in scope or EVERY_SERVICE in scope:
        kept = kept.having(service, At(site))
    return narrow_substrates(kept, service, site, topology)


def carried(scope: Scope, service: str) -> Scope:
    """The part of a narrowed scope that the service itself can cause calls under; empty when it calls nobody."""
    calls = row(service).calls
    if calls is not None and not calls:
        return Scope()
    rest = tuple(binding for binding in scope.bindings if binding[0] != service)
    return scope if rest else Scope()


def check_loop(here: str, hops: int, visited: tuple[str, ...]) -> None:
    """Raise LoopDetected for a call that has been here already, or has travelled too far."""
    if here in visited:
        raise LoopDetected(f"scope: the call came back to {here}, by {' → '.join(visited)}")
    if hops > MAX_HOPS:
        raise LoopDetected(f"scope: the call has travelled over {hops} sites; at most {MAX_HOPS} are allowed")
