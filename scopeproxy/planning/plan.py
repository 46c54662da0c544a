"""A plan: where one request goes, and how the answers become one.  A value: print it, compare it, test it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scopeproxy.errors import ScopeProxyError
from scopeproxy.lang.scope import Scope
from scopeproxy.lang.wire import Options
from scopeproxy.model.messages import Request
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.paging import Turn
from scopeproxy.planning.references import Reference
from scopeproxy.planning.translations import Translation

UNSCOPED = Scope()


@dataclass(frozen=True, slots=True)
class Call:
    """One request to its service at one site, with what is left of the scope for what it may cause there.

    `missing`: ids in it which are right elsewhere only, and have to be looked up before it is sent.
    """

    site: str
    request: Request
    scope: Scope = UNSCOPED
    missing: tuple[Reference, ...] = ()

    def __str__(self) -> str:
        return self.site


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Left to right, lazily, until an outcome does not fall through."""

    plans: tuple[Plan, ...]

    def __str__(self) -> str:
        return "first of (" + ", ".join(map(str, self.plans)) + ")"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All at once; the outcomes are merged in this order."""

    plans: tuple[Plan, ...]

    def __str__(self) -> str:
        return "all of (" + ", ".join(map(str, self.plans)) + ")"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing is sent."""

    error: ScopeProxyError

    def __str__(self) -> str:
        return f"refuse: {self.error}"


Plan = Call | FirstOf | AllOf | Refuse


@dataclass(frozen=True, slots=True)
class Work:
    """One scoped call on its way: what was asked, what it means, and under which scope (selectors expanded).

    `entry` is the site whose proxy decides.  `policy`: what becomes of a create that only some sites did; `shape`: of
    the faults of a service of the deployment's own; `prefixes`: paths that links in answers may begin with; `turn`: the
    page of a list over several sites that is wanted; `translations`: by site, the ids of the request as that site has
    them; `replicas`: by site, the id of what the request is about, where that is known to be several.
    """

    request: Request
    intent: Intent
    scope: Scope
    entry: str
    options: Options = field(default_factory=Options)
    policy: str = "undo"
    quota_moves_on: bool = False
    shape: str | None = None
    prefixes: tuple[str, ...] = ()
    turn: Turn | None = None
    translations: Mapping[str, Translation] = field(default_factory=dict)
    replicas: Mapping[str, str] = field(default_factory=dict)


def calls_of(plan: Plan) -> tuple[Call, ...]:
    """Every call that the plan could make, in written order."""
    match plan:
        case Call():
            return (plan,)
        case FirstOf(plans) | AllOf(plans):
            return tuple(call for part in plans for call in calls_of(part))
        case Refuse():
            return ()


def sites_in(plan: Plan) -> frozenset[str]:
    """The sites that the plan could call."""
    return frozenset(call.site for call in calls_of(plan))


def spreads(plan: Plan) -> bool:
    """Whether it asks several sites at once, in whatever branch."""
    match plan:
        case AllOf():
            return True
        case FirstOf(plans):
            return any(map(spreads, plans))
        case _:
            return False


def goes_everywhere(plan: Plan) -> bool:
    """Whether it asks all of its sites, and all at once: nothing depends on what another one answers."""
    return isinstance(plan, AllOf) and all(isinstance(part, Call) or goes_everywhere(part) for part in plan.plans)


def choices(plan: Plan) -> tuple[tuple[Call, ...], ...] | None:
    """The parts of a plan that does all of several: for each, the calls of which one has to succeed, in written order.

    None where it is no such plan, or where alternatives are nested deeper, or a site is in two parts: then nobody could
    say which of them a site gets later.
    """
    if not isinstance(plan, AllOf):
        return None
    parts = [part.plans if isinstance(part, FirstOf) else (part,) for part in plan.plans]
    calls = tuple(tuple(one for one in part if isinstance(one, Call)) for part in parts)
    sites = [call.site for part in calls for call in part]
    whole = all(len(some) == len(part) for some, part in zip(calls, parts, strict=True))
    return calls if whole and len(set(sites)) == len(sites) else None


def always_in(plan: Plan) -> tuple[str, ...]:
    """The sites that it calls whatever any of them is found to have, in written order."""
    match plan:
        case Call(site):
            return (site,)
        case AllOf(plans):
            return tuple(dict.fromkeys(site for part in plans for site in always_in(part)))
        case FirstOf() | Refuse():
            return ()
