"""`any(…)` and `all(…)` become sites, once, at the entry."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scopeproxy.errors import ScopeError
from scopeproxy.lang.scope import (
    EVERY_SERVICE,
    And,
    At,
    Location,
    Or,
    Pool,
    Scope,
    Selector,
    all_of,
    any_of,
    quoted_service,
    sites_of,
)
from scopeproxy.model.topology import Topology

RoundTrip = Callable[[str, str], float | None]


def expand(scope: Scope, topology: Topology, here: str, rtt: RoundTrip, fan_out: int | None = None) -> Scope:
    """The scope without selectors.  `fan_out`: the most sites of one binding; None: as `here`'s settings say.

    Sites without the service are left out of a selector.  Where `*` selects, it names all sites of the pool, and each
    service which some of them lack gets a binding of its own.
    """
    if not any(_selects(location) for location in scope.values()):
        _check_fan_out(scope, topology, here, fan_out)
        return scope
    pools = _Pools(topology, here, rtt)
    bound = tuple((service, pools.location(location, service)) for service, location in scope.bindings)
    expanded = Scope((*bound, *_exceptions(scope, Scope(bound), pools)))
    _check_fan_out(expanded, topology, here, fan_out)
    return expanded


def _selects(location: Location) -> bool:
    if isinstance(location, And | Or):
        return any(_selects(part) for part in location.parts)
    return isinstance(location, Selector)


def _exceptions(scope: Scope, expanded: Scope, pools: _Pools) -> Iterator[tuple[str, Location]]:
    """Bindings of their own for the services which some site that `*` selects lacks."""
    every = scope.get(EVERY_SERVICE)
    if every is None or not _selects(every):
        return
    services = dict.fromkeys(service for site in pools.topology for service in site.services)
    for service in (service for service in services if service not in scope):
        try:
            location = pools.location(every, service)
        except ScopeError:
            continue  # At none of them: `*` then names sites that lack it, and a call to it is refused for that.
        if location != expanded[EVERY_SERVICE]:
            yield service, location


@dataclass(frozen=True, slots=True)
class _Pools:
    """What selectors draw from, seen from one site."""

    topology: Topology
    here: str
    rtt: RoundTrip

    def location(self, location: Location, service: str) -> Location:
        match location:
            case And(parts):
                return all_of(self.location(part, service) for part in parts)
            case Or(parts):
                return any_of(self.location(part, service) for part in parts)
            case Selector():
                join = any_of if location.kind == "any" else all_of
                return join(At(site) for site in self._chosen(location, service))
            case At():
                return location

    def _chosen(self, selector: Selector, service: str) -> tuple[str, ...]:
        origin = selector.of or self.here
        if origin not in self.topology.sites:
            raise ScopeError(f"{selector}: {origin} is not a site{self._similar(origin)}")
        pool = self._pool(selector.pool)
        having = [site for site in pool if self._has(site, service)]
        near = [site for site in having if selector.within is None or self._away(origin, site) <= selector.within]
        if not near:
            raise ScopeError(f"{selector}: no site is left for {quoted_service(service)}: {_why(pool, having)}")
        return tuple(sorted(near, key=lambda site: self._away(origin, site)) if selector.kind == "any" else near)

    def _pool(self, pool: Pool) -> tuple[str, ...]:
        gone = {site for name in pool.minus for site in self._named(name)}
        return tuple(site for site in self._named(pool.name) if site not in gone)

    def _named(self, name: str) -> tuple[str, ...]:
        if name == EVERY_SERVICE:
            return tuple(self.topology.sites)
        # A site's name wins over a group's.
        sites = (name,) if name in self.topology.sites else self.topology.group(name)
        if not sites:
            raise ScopeError(f"{name} is neither a site nor a group of sites{self._similar(name)}")
        return sites

    def _similar(self, name: str) -> str:
        groups = {label for site in self.topology for label in site.labels.values()}
        close = difflib.get_close_matches(name, [*self.topology.sites, *sorted(groups)], 1)
        return f"; did you mean {close[0]}?" if close else ""

    def _has(self, site: str, service: str) -> bool:
        return service == EVERY_SERVICE or service in self.topology.sites[site].services

    def _away(self, origin: str, site: str) -> float:
        """The round trip, declared or measured; a site of which neither is known is the furthest."""
        declared = self.topology.round_trip(origin, site)
        away = self.rtt(origin, site) if declared is None else declared
        return math.inf if away is None else away


def _why(pool: tuple[str, ...], having: list[str]) -> str:
    if not pool:
        return "the pool is empty"
    if not having:
        return f"none of {', '.join(pool)} has it"
    return f"none of {', '.join(having)} is known to be that near"


def _check_fan_out(scope: Scope, topology: Topology, here: str, fan_out: int | None) -> None:
    most = topology.sites[here].proxy.limits.fan_out if fan_out is None else fan_out
    for service, location in scope.bindings:
        if len(sites_of(location)) > most:
            count = len(sites_of(location))
            raise ScopeError(f"{quoted_service(service)} is bound to {count} sites; at most {most} are allowed")
