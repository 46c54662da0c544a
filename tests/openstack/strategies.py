"""The token strategies that the suite runs under, and what each changes in the topology."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Change = Callable[[dict[str, Any]], dict[str, Any]]


# Independent of each other.
SITES = ("Paris", "Corte", "Marseille")
# Its keystone is a copy of Paris's: users, ids and keys are the same.
NICE = "Nice"


@dataclass(frozen=True)
class Strategy:
    """`partner`: the site which Paris's tokens are taken to; `sites`: all that take part.

    `proxy`: keys of `proxy:`, for every site.
    """

    name: str
    partner: str
    proxy: Mapping[str, Any]
    sites: tuple[str, ...] = SITES

    def change(self, topology: dict[str, Any]) -> dict[str, Any]:
        """The cloud's topology, served by this strategy."""
        sites = {name: row for name, row in topology["sites"].items() if name in self.sites}
        return with_proxy({**topology, "sites": sites}, self.proxy)


def with_proxy(topology: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the proxy, for every site: said at each, since a site's own count for more than the defaults."""
    for site in topology["sites"].values():
        site["proxy"] = {**site.get("proxy", {}), **settings}
    return topology


# alice's project has a counterpart everywhere, of the same name.
_HOMES = {"*": {"projects": {"demo": "demo"}}}

# Bob stands at the others for whoever is a member of the project demo here, the admins for the admins.  They have one
# password everywhere; the cloud has it in a file beside its topology.
PASSWORD_FILE = "accounts.pw"
_ACCOUNTS = [
    {"role": "admin", "user": "admin", "password": PASSWORD_FILE, "projects": {"admin": "admin"}},
    {"role": "member", "user": "bob", "password": PASSWORD_FILE, "projects": {"demo": "demo"}},
]

STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("login", "Corte", {"tokens": ["login"]}),
        Strategy("shared", NICE, {"tokens": ["shared", "login"]}, (*SITES, NICE)),
        Strategy("home", "Corte", {"tokens": ["home"], "homes": _HOMES}),
        Strategy("account", "Corte", {"tokens": ["account"], "accounts": dict.fromkeys(SITES, _ACCOUNTS)}),
    )
}
