"""What stands for the same thing at two sites without being a replica: the same name in the same collection, just once.

A table of how each collection is asked: for the name of an id, and for what has a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from scopeproxy.model.messages import Reply, Request
from scopeproxy.planning.references import Reference

# Where each service's API begins; `{project}`: the project of whoever asks.
ROOTS = {
    "compute": "/v2.1",
    "image": "/v2",
    "network": "/v2.0",
    "identity": "/v3",
    "block-storage": "/v3/{project}",
    "load-balancer": "/v2/lbaas",
}


@dataclass(frozen=True, slots=True)
class Naming:
    """How things of a collection are found by name.

    `path`: of the collection, below the service's root; `listed`: of the list that tells names, where that is another;
    `of_domain`: names are one domain's, and only the default domain is the same everywhere.
    """

    service: str
    collection: str
    path: str
    listed: str = ""
    query: tuple[tuple[str, str], ...] = ()
    by_name: bool = True
    of_domain: bool = False


# Neutron's all have names, and are found by them.
_NETWORK = (
    "networks subnets ports routers security-groups qos/policies subnetpools address-scopes address-groups segments "
    "flavors metering/metering-labels fwaas/firewall_groups fwaas/firewall_policies fwaas/firewall_rules "
    "vpn/ikepolicies vpn/ipsecpolicies vpn/vpnservices vpn/endpoint-groups bgpvpn/bgpvpns bgp-peers "
    "sfc/flow_classifiers sfc/port_pairs sfc/port_pair_groups taas/tap_services"
)

NAMINGS = {
    (row.service, row.collection): row
    for row in (
        Naming("compute", "flavors", "flavors", "flavors/detail", (("is_public", "None"),), by_name=False),
        Naming("compute", "servers", "servers", "servers/detail", by_name=False),
        Naming("compute", "os-server-groups", "os-server-groups", by_name=False),
        Naming("image", "images", "images"),
        *(Naming("network", path.rpartition("/")[2], path) for path in _NETWORK.split()),
        Naming("block-storage", "volumes", "volumes", "volumes/detail"),
        Naming("block-storage", "snapshots", "snapshots", "snapshots/detail"),
        Naming("block-storage", "backups", "backups", "backups/detail"),
        Naming("block-storage", "types", "types", by_name=False),
        Naming("identity", "projects", "projects", of_domain=True),
        Naming("identity", "users", "users", of_domain=True),
        Naming("identity", "groups", "groups", of_domain=True),
        Naming("identity", "roles", "roles", of_domain=True),
        Naming("identity", "domains", "domains"),
        Naming("identity", "services", "services"),
        Naming("load-balancer", "loadbalancers", "loadbalancers"),
        Naming("load-balancer", "listeners", "listeners"),
        Naming("load-balancer", "pools", "pools"),
        Naming("load-balancer", "flavors", "flavors"),
        Naming("load-balancer", "flavorprofiles", "flavorprofiles"),
    )
}

_DEFAULT = (None, "default")


def shown(reference: Reference, project: str) -> Request | None:
    """The question for what is known under the reference's id; None where nobody knows how to ask."""
    naming = NAMINGS.get((reference.service, reference.collection))
    return None if naming is None else _get(naming, f"{naming.path}/{quote(reference.value, safe='')}", (), project)


def searched(reference: Reference, name: str, project: str) -> Request | None:
    """The question for what is of a name."""
    naming = NAMINGS.get((reference.service, reference.collection))
    if naming is None:
        return None
    named = (("name", name),) if naming.by_name else ()
    return _get(naming, naming.listed or naming.path, (*named, *naming.query), project)


def _get(naming: Naming, path: str, query: tuple[tuple[str, str], ...], project: str) -> Request:
    root = ROOTS[naming.service].format(project=quote(project, safe=""))
    target = f"{root}/{path}?{urlencode(query)}" if query else f"{root}/{path}"
    return Request(naming.service, "GET", target, (("Accept", "application/json"),))


def name_of(reference: Reference, reply: Reply) -> str | None:
    """The name in the answer to `shown`; None where it has none by which it could be found elsewhere."""
    naming, document = NAMINGS[reference.service, reference.collection], reply.json
    inside = [value for value in document.values() if isinstance(value, dict)] if isinstance(document, dict) else []
    item = document if isinstance(document, dict) and "id" in document else inside[0] if len(inside) == 1 else {}
    if str(item.get("id")) != reference.value or (naming.of_domain and item.get("domain_id") not in _DEFAULT):
        return None
    name = item.get("name")
    return name if isinstance(name, str) and name else None


def ids_named(reference: Reference, name: str, reply: Reply) -> tuple[str, ...]:
    """The ids of what is of that name in the answer to `searched`."""
    naming, document = NAMINGS[reference.service, reference.collection], reply.json
    lists = [value for value in document.values() if isinstance(value, list)] if isinstance(document, dict) else []
    items: list[Any] = next(
        (value for value in lists if all(isinstance(one, dict) and "id" in one for one in value)), []
    )
    return tuple(
        dict.fromkeys(
            str(item["id"])
            for item in items
            if item.get("name") == name and not (naming.of_domain and item.get("domain_id") not in _DEFAULT)
        )
    )
