"""Where a site's proxy listens, and which service a path on each socket belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

from scopeproxy.lang.vocabulary import OPENSTACK, Vocabulary
from scopeproxy.model.topology import Address, Site
from scopeproxy.planning.scoped_paths import HINT, ScopedPath, scoped_path

WELL_KNOWN = "/.well-known/scopeproxy/"


class Entered(NamedTuple):
    """Where a raw target leads: a service, the target below its root, and the scope in the path, if there is one."""

    service: str
    below: str
    path: ScopedPath | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """One socket.  `prefixes`: the services' paths on it, the longest first; `tls`: whether clients speak https;
    `scheme`: what its fronts are; `services`: all of the site's, since every door leads to them by `/scope`."""

    address: Address
    tls: bool
    prefixes: tuple[tuple[str, str], ...]
    scheme: str = "http"
    services: frozenset[str] = frozenset()
    vocabulary: Vocabulary = OPENSTACK

    def service(self, target: str) -> Entered | None:
        """The service of a raw target, and the target below the service's root; None: nobody's.

        Prefixes end at a segment: `/computer` is not under `/compute`.  Our own paths are at home on the bare root too.
        """
        scoped = scoped_path(target)
        if scoped is not None:
            service = self.vocabulary.service(scoped.service)
            if service in self.services:
                return Entered(str(service), scoped.below, scoped)
        path = target.partition("?")[0]
        for prefix, service in self.prefixes:
            if path == prefix or path.startswith(prefix + "/"):
                if scoped is not None and service not in self.vocabulary.own:
                    return None
                below = target[len(prefix) :]
                return Entered(service, below if below.startswith("/") else "/" + below)
        if path.startswith(WELL_KNOWN):
            return Entered(self.prefixes[0][1], target)
        return None

    def hint(self, target: str) -> str:
        """What to say to somebody whose path looks like one with a scope in it, and is none."""
        if scoped_path(target) is None:
            return ""
        return f"; a scope in a path is {HINT}, and the services here are {', '.join(sorted(self.services))}"


def leads_out(below: str) -> bool:
    """Whether the dots in a target below a service's root lead out of it, as a server that resolves them reads it."""
    path = below.partition("?")[0]
    if ".." not in path and "%2e" not in path.lower():
        return False
    depth = 0
    for segment in unquote(path).split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(segment, 1)
        if depth < 0:
            return True
    return False


def doors(site: Site, vocabulary: Vocabulary = OPENSTACK) -> tuple[Door, ...]:
    """All sockets of a site's proxy."""
    found: dict[Address, dict[str, str]] = {}
    tls: dict[Address, bool] = {}
    schemes: dict[Address, str] = {}
    for service, endpoint in site.services.items():
        found.setdefault(endpoint.socket, {})[endpoint.front.path] = service
        # A socket that is not the front's own has something before it that ends the TLS.
        tls[endpoint.socket] = endpoint.front.scheme == "https" and endpoint.listen is None
        schemes[endpoint.socket] = endpoint.front.scheme
    services = frozenset(site.services)
    return tuple(
        Door(address, tls[address], _longest_first(prefixes), schemes[address], services, vocabulary)
        for address, prefixes in found.items()
    )


def _longest_first(prefixes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(prefixes.items(), key=lambda pair: -len(pair[0])))
