"""Ids inside a call that are right at one site only: where they stand, and to which service they refer.

A table of JSON paths (`[]`: each item, `*`: any key) in the bodies of writes, and one of filters in queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scopeproxy.lang.scope import Scope, sites_of
from scopeproxy.model.messages import Request
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.intent import Intent, classify
from scopeproxy.planning.rules import spread, substrates


@dataclass(frozen=True, slots=True)
class Reference:
    """An id in a call: the field it stands in, and the service, collection and site where it is known."""

    service: str
    collection: str
    field: str
    value: str
    known_at: str


Row = tuple[str, str, str, str, str]
_ANY = "*"

# Service, collection, field of the body, service and collection that it refers to.
BODIES: tuple[Row, ...] = (
    ("compute", "servers", "server.flavorRef", "compute", "flavors"),
    ("compute", "servers", "server.imageRef", "image", "images"),
    ("compute", "servers", "server.networks[].uuid", "network", "networks"),
    ("compute", "servers", "server.networks[].port", "network", "ports"),
    ("compute", "servers", "server.block_device_mapping_v2[].uuid", "", ""),
    ("compute", "servers", "server.block_device_mapping[].volume_id", "block-storage", "volumes"),
    ("compute", "servers", "server.block_device_mapping[].snapshot_id", "block-storage", "snapshots"),
    ("compute", "servers", "os:scheduler_hints.group", "compute", "os-server-groups"),
    ("compute", "servers", "resize.flavorRef", "compute", "flavors"),
    ("compute", "servers", "rebuild.imageRef", "image", "images"),
    ("compute", "servers", "rescue.rescue_image_ref", "image", "images"),
    ("compute", "servers", "interfaceAttachment.port_id", "network", "ports"),
    ("compute", "servers", "interfaceAttachment.net_id", "network", "networks"),
    ("compute", "servers", "volumeAttachment.volumeId", "block-storage", "volumes"),
    ("compute", "flavors", "addTenantAccess.tenant", "identity", "projects"),
    ("block-storage", "volumes", "volume.imageRef", "image", "images"),
    ("block-storage", "volumes", "volume.snapshot_id", "block-storage", "snapshots"),
    ("block-storage", "volumes", "volume.source_volid", "block-storage", "volumes"),
    ("block-storage", "volumes", "volume.backup_id", "block-storage", "backups"),
    ("block-storage", "volumes", "os-attach.instance_uuid", "compute", "servers"),
    ("block-storage", "snapshots", "snapshot.volume_id", "block-storage", "volumes"),
    ("block-storage", "backups", "backup.volume_id", "block-storage", "volumes"),
    ("block-storage", "backups", "restore.volume_id", "block-storage", "volumes"),
    ("block-storage", "attachments", "attachment.volume_uuid", "block-storage", "volumes"),
    ("block-storage", "attachments", "attachment.instance_uuid", "compute", "servers"),
    ("image", "images", "member", "identity", "projects"),
    ("network", _ANY, "*.network_id", "network", "networks"),
    ("network", _ANY, "*.subnet_id", "network", "subnets"),
    ("network", _ANY, "*.port_id", "network", "ports"),
    ("network", _ANY, "*.router_id", "network", "routers"),
    ("network", _ANY, "*.floating_network_id", "network", "networks"),
    ("network", _ANY, "*.security_group_id", "network", "security-groups"),
    ("network", _ANY, "*.remote_group_id", "network", "security-groups"),
    ("network", _ANY, "*.qos_policy_id", "network", "policies"),
    ("network", _ANY, "*.security_groups[]", "network", "security-groups"),
    ("network", _ANY, "*.fixed_ips[].subnet_id", "network", "subnets"),
    ("network", _ANY, "*.external_gateway_info.network_id", "network", "networks"),
    ("network", "routers", "subnet_id", "network", "subnets"),
    ("network", "routers", "port_id", "network", "ports"),
    ("network", "ports", "*.device_id", "compute", "servers"),
    ("load-balancer", _ANY, "*.vip_subnet_id", "network", "subnets"),
    ("load-balancer", _ANY, "*.vip_network_id", "network", "networks"),
    ("load-balancer", _ANY, "*.vip_port_id", "network", "ports"),
    ("load-balancer", _ANY, "*.subnet_id", "network", "subnets"),
    ("load-balancer", _ANY, "*.loadbalancer_id", "load-balancer", "loadbalancers"),
    ("load-balancer", _ANY, "*.listener_id", "load-balancer", "listeners"),
    (_ANY, _ANY, "*.project_id", "identity", "projects"),
    (_ANY, _ANY, "*.tenant_id", "identity", "projects"),
    (_ANY, _ANY, "*.default_project_id", "identity", "projects"),
    (_ANY, _ANY, "*.domain_id", "identity", "domains"),
    (_ANY, _ANY, "*.user_id", "identity", "users"),
)

# What the items of block_device_mapping_v2 refer to is told by their source_type.
SOURCES = {
    "image": ("image", "images"),
    "volume": ("block-storage", "volumes"),
    "snapshot": ("block-storage", "snapshots"),
}

# Service, collection, filter, service and collection: a list filtered by an id of elsewhere would wrongly be empty.
QUERIES: tuple[Row, ...] = (
    ("compute", "servers", "image", "image", "images"),
    ("network", "ports", "device_id", "compute", "servers"),
)


def foreign_references(
    request: Request, scope: Scope, entry: str, site: str, own_ids: frozenset[str] = frozenset()
) -> tuple[Reference, ...]:
    """The references in this call which mean nothing at `site`: they were looked up elsewhere.  `scope` is expanded."""
    intent = classify(request)
    found = [
        Reference(service, collection, field, value, known_at)
        for service, collection, field, value in (
            _written(request, intent) if intent.writes else _asked(request, intent)
        )
        if value
        and value != "default"
        and value not in own_ids
        and (known_at := _known_only_at(service, request.service, intent, scope, entry, site)) is not None
    ]
    return tuple(dict.fromkeys(found))


def advice(reference: Reference, site: str) -> str:
    """What the caller is told: the reference, the site, and the hint to bind that service too."""
    return (
        f"{reference.field} names {reference.value} of {reference.collection}, an id of {reference.known_at}, and what "
        f"it is called at {site} cannot be found out: translating ids is not built yet; bind {reference.service} as "
        f"well, to the one site where the id is known, or everything to one site (*: {site})"
    )


def _known_only_at(service: str, called: str, intent: Intent, scope: Scope, entry: str, site: str) -> str | None:
    """Where an id of that service was found, when that is not where the call's branch at `site` would look for it."""
    location = scope.location(service)
    if location is None:
        return entry if site != entry else None
    # A service that is bound is the same for all branches, but for the called one itself, and for its substrates:
    # each branch has those of its own site.
    each_its_own = service == called or (service in substrates(called) and site in sites_of(location))
    return f"one of {location}" if each_its_own and intent.writes and spread(location) else None


def _written(request: Request, intent: Intent) -> Iterator[tuple[str, str, str, str]]:
    body = request.json
    for service, collection, path, to_service, to_collection in BODIES:
        if not _concerns(service, collection, request, intent):
            continue
        for field, holder, value in _at(body, path.replace("[]", ".[]").split("."), "", None):
            to = (to_service, to_collection) if to_service else SOURCES.get(str((holder or {}).get("source_type")))
            if to is not None and isinstance(value, str):
                yield *to, field, value


def _asked(request: Request, intent: Intent) -> Iterator[tuple[str, str, str, str]]:
    for service, collection, key, to_service, to_collection in QUERIES:
        if _concerns(service, collection, request, intent):
            yield from ((to_service, to_collection, key, value) for name, value in request.query if name == key)


def _concerns(service: str, collection: str, request: Request, intent: Intent) -> bool:
    # What a field means in an application of one's own is not ours to guess.
    of_service = service == request.service or (service == _ANY and request.service in SERVICES)
    return of_service and collection in (_ANY, intent.collection)


def _at(value: Any, path: list[str], field: str, holder: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every value at the path, with its field as it is written and the object that holds it."""
    if not path:
        yield field, holder, value
        return
    step, rest = path[0], path[1:]
    if isinstance(value, list) and step != "[]":
        # Neutron creates many at once: {"ports": […]} in the place of {"port": …}.
        step, rest = "[]", path
    for name, inner in _steps(value, step):
        yield from _at(inner, rest, f"{field}{name}" if name.startswith("[") else f"{field}.{name}".lstrip("."), value)


def _steps(value: Any, step: str) -> Iterable[tuple[str, Any]]:
    if step == "[]":
        return ((f"[{index}]", inner) for index, inner in enumerate(value)) if isinstance(value, list) else ()
    if not isinstance(value, dict):
        return ()
    return value.items() if step == _ANY else [(step, value[step])] if step in value else ()
