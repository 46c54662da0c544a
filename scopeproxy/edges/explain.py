"""What a scope means, and what a call under it would do, without doing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopeproxy.errors import CallerError, ScopeProxyError
from scopeproxy.lang.parser import parse
from scopeproxy.lang.scope import EVERY_SERVICE, Location, Scope, explained, sites_of
from scopeproxy.lang.suggestions import did_you_mean, shortened
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.messages import Request
from scopeproxy.model.topology import Site, Topology
from scopeproxy.planning.credentials import TOKEN, withheld
from scopeproxy.planning.intent import Intent, Kind, classify
from scopeproxy.planning.plan import Plan, Refuse, Work, calls_of
from scopeproxy.planning.planner import check, make_plan
from scopeproxy.planning.selectors import expand
from scopeproxy.planning.strategies import Case, remedy, strategy_for, where_to_log_in, why_not

RoundTrip = Callable[[str, str], float | None]


def explain(
    text: str,
    topology: Topology,
    here: str,
    vocabulary: Vocabulary,
    round_trip: RoundTrip,
    call: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """The scope as it is read, where each service goes, by which token, and why it would be refused.  `text` may be
    the name of one of the topology's.

    `call`: a method and a URL on one of this site's fronts (or `service:/path`), whose plan is told as well.  A text
    that is no scope raises ScopeError.
    """
    scope = expand(parse(topology.scopes.get(text, text), vocabulary), topology, here, round_trip)
    told: dict[str, Any] = {
        "scope": str(scope),
        "explained": explained(scope),
        "entry": here,
        "services": [_service(name, location, topology) for name, location in scope.bindings],
        "tokens": {site: _token(scope, here, site, topology) for site in _sites(scope)},
        "plan": None,
        "endpoints": [],
        "refusal": None,
    }
    if call is None:
        told["refusal"] = _refusal(scope, here, topology)
        return told
    return {**told, **_planned(scope, here, topology, vocabulary, *call)}


def _service(name: str, location: Location, topology: Topology) -> dict[str, Any]:
    sites = sites_of(location)
    fronts = {} if name == EVERY_SERVICE else {site: _front(topology, site, name) for site in sites}
    return {"service": name, "location": explained(location), "sites": list(sites), "fronts": fronts}


def _front(topology: Topology, site: str, service: str) -> str | None:
    endpoint = topology.sites[site].services.get(service)
    return str(endpoint.front) if endpoint else None


def _sites(scope: Scope) -> list[str]:
    return list(dict.fromkeys(site for location in scope.values() for site in sites_of(location)))


def _token(scope: Scope, here: str, site: str, topology: Topology) -> str:
    """By which strategy calls to the site get their token; several, where that depends on the service."""
    issuer = where_to_log_in(scope, here)[0]
    if site == issuer:
        return "the client's own"
    if "identity" not in topology.sites[site].services:
        return "none needed: the site has no keystone"
    bound = [service for service, location in scope.bindings if site in sites_of(location)]
    services = [name for name in topology.sites[site].services if {name, EVERY_SERVICE} & set(bound)] or ["identity"]
    told: dict[str, list[str]] = {}
    for service in services:
        told.setdefault(_way(Case(service, here, site, issuer), topology), []).append(service)
    if len(told) == 1:
        return next(iter(told))
    return "; ".join(f"{', '.join(names)}: {way}" for way, names in told.items())


def _way(case: Case, topology: Topology) -> str:
    here, there = topology.sites[case.here], topology.sites[case.site]
    reason = withheld(TOKEN, here, there, there.services[case.service].front)
    if reason:
        return f"none: {reason}"
    strategy = strategy_for(case, topology)
    if strategy is not None:
        return strategy
    tried = [f"{name} ({why_not(name, case, topology)})" for name in here.proxy.tokens]
    return f"none: {', '.join(tried) or 'proxy.tokens is empty'}; {remedy(case, topology)}"


def _refusal(scope: Scope, here: str, topology: Topology) -> str | None:
    anything = Request("identity" if topology.has_identity else next(iter(topology.sites[here].services)), "GET", "/")
    try:
        check(Work(anything, Intent(Kind.DISCOVERY), scope, here), topology)
    except ScopeProxyError as error:
        return str(error)
    return None


def _planned(
    scope: Scope, here: str, topology: Topology, vocabulary: Vocabulary, method: str, url: str
) -> dict[str, Any]:
    request = _request(method, url, topology.sites[here], vocabulary)
    intent = classify(request)
    plan = make_plan(Work(request, intent, scope, here), topology)
    return {
        "call": {"service": request.service, "method": request.method, "path": request.path},
        "intent": intent.kind.value,
        "plan": None if isinstance(plan, Refuse) else str(plan),
        "endpoints": _endpoints(plan, topology),
        "refusal": str(plan.error) if isinstance(plan, Refuse) else None,
    }


def _request(method: str, url: str, site: Site, vocabulary: Vocabulary) -> Request:
    name, colon, path = url.partition(":")
    service = vocabulary.service(name) if colon and path.startswith("/") and not path.startswith("//") else None
    if service is not None:
        return Request(service, method.upper(), path)
    if colon and path.startswith("/") and not path.startswith("//"):
        raise CallerError(f"unknown service {shortened(name)}{did_you_mean(name, vocabulary.services)}")
    for service, endpoint in site.services.items():
        front = str(endpoint.front)
        if url == front or url.startswith((front + "/", front + "?")):
            return Request(service, method.upper(), url.removeprefix(front) or "/")
    fronts = ", ".join(str(endpoint.front) for endpoint in site.services.values())
    raise CallerError(f"{url[:200]!r} is on none of the fronts of {site.name}: {fronts}; or say nova:/v2.1/servers")


def _endpoints(plan: Plan, topology: Topology) -> list[str]:
    return [
        f"{call.request.method} {topology.sites[call.site].services[call.request.service].front}{call.request.target}"
        for call in calls_of(plan)
    ]


def shown(told: dict[str, Any]) -> str:
    """The explanation as a person reads it."""
    lines = [f"scope    {told['explained']}", f"entry    {told['entry']}"]
    for service in told["services"]:
        lines.append(f"  {service['service']}: {service['location']}")
        lines += [f"      {site:<12} {front or '-'}" for site, front in service["fronts"].items()]
    lines += [f"token    {site}: {strategy}" for site, strategy in told["tokens"].items()]
    if told.get("call"):
        call = told["call"]
        lines.append(f"call     {call['service']} {call['method']} {call['path']} ({told['intent']})")
        lines.append(f"plan     {told['plan'] or '-'}")
        lines += [f"      {endpoint}" for endpoint in told["endpoints"]]
    lines.append(f"refused  {told['refusal']}" if told["refusal"] else "refused  no")
    return "\n".join(lines)
