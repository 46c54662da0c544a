"""Where a site's proxy listens, and which service a path on each socket belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scopeproxy.model.topology import Address, Site

WELL_KNOWN = "/.well-known/scopeproxy/"


@dataclass(frozen=True, slots=True)
class Door:
    """One socket.  `prefixes`: the services' paths on it, the longest first; `tls`: whether clients speak https."""

    address: Address
    tls: bool
    prefixes: tuple[tuple[str, str], ...]

    def service(self, target: str) -> tuple[str, str] | None:
        """The service of a raw target, and the target below the service's root; None: nobody's.

        Prefixes end at a segment: `/computer` is not under `/compute`.  Our own paths are at home on the bare root too.
        """
        path = target.partition("?")[0]
        for prefix, service in self.prefixes:
            if path == prefix or path.startswith(prefix + "/"):
                below = target[len(prefix) :]
                return service, below if below.startswith("/") else "/" + below
        if path.startswith(WELL_KNOWN):
            return self.prefixes[0][1], target
        return None


def doors(site: Site) -> tuple[Door, ...]:
    """All sockets of a site's proxy."""
    found: dict[Address, dict[str, str]] = {}
    tls: dict[Address, bool] = {}
    for service, endpoint in site.services.items():
        found.setdefault(endpoint.socket, {})[endpoint.front.path] = service
        # A socket that is not the front's own has something before it that ends the TLS.
        tls[endpoint.socket] = endpoint.front.scheme == "https" and endpoint.listen is None
    return tuple(Door(address, tls[address], _longest_first(prefixes)) for address, prefixes in found.items())


def _longest_first(prefixes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(prefixes.items(), key=lambda pair: -len(pair[0])))
