"""The words a scope may use: OpenStack's service names, a deployment's own, and, where known, sites and groups.

Names come from the OpenStack Service Types Authority (https://service-types.openstack.org/) by os-service-types, which
carries the published table with it: nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from os_service_types import ServiceTypes

from scopeproxy.lang.scope import EVERY_SERVICE

# Service types that stand in the catalogs of real clouds but not in the published table.
_IN_CATALOGS = {"compute_legacy": "compute"}


@lru_cache(maxsize=1)
def openstack_services() -> dict[str, str]:
    """Every name of an OpenStack service (type, alias, project; lower case) to its official service type."""
    names: dict[str, str] = {}
    table = ServiceTypes().services
    for row in table:
        service_type: str = row["service_type"]
        for name in (row.get("project"), *(row.get("aliases") or ())):
            if name:
                names.setdefault(name.lower(), service_type)
    names.update(_IN_CATALOGS)
    # An official type is never another's alias.
    names.update({row["service_type"]: row["service_type"] for row in table})
    return names


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What may be named.  `own`: services of the deployment's own; `sites` None: not known here (a client), so every
    name is taken as it is and the proxy checks it."""

    own: frozenset[str] = frozenset()
    sites: frozenset[str] | None = None
    groups: frozenset[str] = frozenset()

    def service(self, name: str) -> str | None:
        """The service type for a type, alias or project name in any case; None when there is no such service."""
        if name == EVERY_SERVICE or name in self.own:
            return name
        return openstack_services().get(name.lower()) or self._own(name, str.lower)

    def service_by_key(self, key: str) -> str | None:
        """The service for a key of clouds.yaml: the SDK turns every `-` of a key into `_`."""
        return self.service(key) or self.service(key.replace("_", "-")) or self._own(key, _folded)

    @property
    def services(self) -> tuple[str, ...]:
        """Every name that `service` knows, to suggest from."""
        return (*sorted(self.own), *openstack_services())

    def _own(self, name: str, fold: Callable[[str], str]) -> str | None:
        return next((own for own in sorted(self.own) if fold(own) == fold(name)), None)


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


OPENSTACK = Vocabulary()
