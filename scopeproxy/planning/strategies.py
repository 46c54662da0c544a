"""Which ways to a token apply to a call: the strategies of `proxy.tokens`, a row each with why it does not apply.

What can be told from the topology alone; execution/tokens/ has the strategies themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from scopeproxy.lang.scope import And, Scope, sites_of
from scopeproxy.model.identity import Login, SiteToken
from scopeproxy.model.topology import Topology
from scopeproxy.planning.credentials import PASSWORD, in_the_clear, withheld


@dataclass(frozen=True, slots=True)
class Case:
    """A call from the proxy at `here` to a service at `site`, by a client whose token `issuer` issued."""

    service: str
    here: str
    site: str
    issuer: str


def _login(case: Case, topology: Topology) -> str | None:
    there = topology.sites[case.site]
    if "identity" not in there.services:
        return f"{case.site} has no keystone"
    return withheld(PASSWORD, topology.sites[case.here], there, there.services["identity"].front)


def _shared(case: Case, topology: Topology) -> str | None:
    if topology.shared("identity", case.issuer, case.site):
        return None
    return f"{case.issuer} and {case.site} do not share identity"


def _home(case: Case, topology: Topology) -> str | None:
    if case.service == "identity":
        return "a keystone serves the tokens of its own site alone"
    return not_honoured(case.issuer, case.site, topology)


def not_honoured(issuer: str, site: str, topology: Topology) -> str | None:
    """Why a site does not have its services accept tokens of another, as *home* is; None: it does."""
    settings = topology.sites[site].proxy
    if "home" not in settings.tokens:
        return f"proxy.tokens of {site} does not list it"
    if not settings.trusts(issuer):
        return f"proxy.trust of {site} does not list {issuer}"
    return None


def _account(case: Case, topology: Topology) -> str | None:
    here = topology.sites[case.here]
    # A peer may name a site that is none.
    there = topology.sites.get(case.site)
    if there is None or case.site not in here.proxy.accounts:
        return f"proxy.accounts of {case.here} has no row for {case.site}"
    if case.issuer != case.here:
        # What the roles and projects of other sites are called is nothing that this site's operator decides.
        return f"the accounts of {case.here} stand for callers with a token of its own, and this one is {case.issuer}'s"
    if "identity" not in there.services:
        return f"{case.site} has no keystone"
    # `password_to` is about clients' passwords: this one belongs to the site that it is sent to.
    return in_the_clear(PASSWORD, here, there, there.services["identity"].front)


def _not_built(case: Case, topology: Topology) -> str | None:
    return "not built yet"


WHY_NOT: Mapping[str, Callable[[Case, Topology], str | None]] = {
    "login": _login,
    "shared": _shared,
    "home": _home,
    "federated": _not_built,
    "account": _account,
}

# What has a token also for those whom the site refused: it is another's.
STANDS_IN = frozenset({"account"})


def why_not(strategy: str, case: Case, topology: Topology) -> str | None:
    """Why a strategy does not apply, as the topology tells; None: it does."""
    return WHY_NOT[strategy](case, topology)


def strategy_for(case: Case, topology: Topology) -> str | None:
    """The first strategy that applies; None when none does."""
    return next((name for name in _listed(case, topology) if why_not(name, case, topology) is None), None)


def covered(here: str, topology: Topology, login: Login) -> list[str]:
    """The sites that are shown a token by a login made here, be it one of their own, be it by another strategy."""
    return [site for site in topology.sites if _covers(login, site, here, topology)]


def _covers(login: Login, site: str, here: str, topology: Topology) -> bool:
    held = login.sites.get(site)
    if isinstance(held, SiteToken):
        return True
    left = STANDS_IN if held is not None else WHY_NOT.keys() - {"login"}
    return any(
        why_not(name, Case(service, here, site, login.issuer), topology) is None
        for name in topology.sites[here].proxy.tokens
        for service in topology.sites[site].services
        if name in left
    )


def remedy(case: Case, topology: Topology) -> str:
    """What would get the call a token, where no strategy did."""
    listed = tuple(_listed(case, topology))
    if "login" in listed and _login(case, topology) is None:
        return "log in again under this scope"
    ways = ["login would do"] if "login" not in listed else []
    if "shared" not in listed or case.service == "identity":
        ways.append("shared would, where the sites share Fernet keys and ids")
    return f"{', or '.join(ways)}: see proxy.tokens of {case.here}" if ways else "let one of them apply to that site"


def where_to_log_in(scope: Scope, here: str) -> tuple[str, ...]:
    """The client's site, in the order in which it is tried: where keystone is bound, else here; `&` asks for one of
    them, this one if it is there."""
    location = scope.location("identity")
    if location is None:
        return (here,)
    sites = sites_of(location)
    if not isinstance(location, And):
        return sites
    return (here,) if here in sites else sites[:1]


def sites_to_log_in_at(scope: Scope, here: str, issuer: str, topology: Topology) -> list[str]:
    """Where a login under the scope has to be made too: something bound there gets its token by *login*, or by nothing
    at all, which is then told as a login's failure."""
    named = dict.fromkeys((here, *(site for location in scope.values() for site in sites_of(location))))
    return [
        site
        for site in named
        if site != issuer
        and "identity" in topology.sites[site].services
        and "login" in topology.sites[here].proxy.tokens
        and any(
            strategy_for(Case(service, here, site, issuer), topology) in ("login", None)
            for service in _used(scope, site, here, topology)
        )
    ]


def _used(scope: Scope, site: str, here: str, topology: Topology) -> Iterator[str]:
    """The services of a site that the scope names there; of the own site, also those that it leaves out."""
    for service in topology.sites[site].services:
        location = scope.location(service)
        if site == here if location is None else site in sites_of(location):
            yield service


def _listed(case: Case, topology: Topology) -> tuple[str, ...]:
    return topology.sites[case.here].proxy.tokens
