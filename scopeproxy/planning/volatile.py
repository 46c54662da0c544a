"""Fields in which replicas may differ without being different, as tables: what each site makes, measures or counts for
itself.

Names are globs, and hold at whatever depth of what a site shows; what users write under names of their own (metadata,
properties) is always compared.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache

from scopeproxy.planning.reference_fields import FREE

ANY = "*"

# Service, collection, and the names.  `status` is among the first: it runs by itself, and at each site in its own time.
ROWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        ANY,
        ANY,
        (
            *("links", "*_links", "self", "href", "schema", "scope_site"),
            *("created", "created_at", "updated", "updated_at", "deleted_at", "creation_time", "updated_time"),
            *("revision_number", "generation", "status", "*_status", "status_reason"),
            *("project_id", "tenant_id", "user_id", "owner", "region", "region_id", "availability_zone*"),
        ),
    ),
    (
        "compute",
        "servers",
        (
            *("addresses", "hostId", "progress", "fault", "config_drive", "adminPass", "locked_reason"),
            *("OS-EXT-AZ:*", "OS-EXT-SRV-ATTR:*", "OS-EXT-STS:*", "OS-SRV-USG:*", "pinned_availability_zone"),
        ),
    ),
    ("compute", "os-aggregates", ("deleted", "hosts")),
    ("compute", "os-server-groups", ("members",)),
    (
        "image",
        "images",
        ("file", "direct_url", "locations", "stores", "os_hash_algo", "os_glance_*", "virtual_size"),
    ),
    ("identity", "users", ("password_expires_at",)),
    ("identity", "endpoints", ("url",)),
    ("network", ANY, ("standard_attr_id",)),
    ("network", "networks", ("ipv4_address_scope", "ipv6_address_scope", "l2_adjacency", "mtu", "provider:*")),
    ("network", "subnets", ("segment_id",)),
    ("network", "routers", ("distributed", "external_fixed_ips", "flavor_id", "ha")),
    (
        "network",
        "ports",
        (
            *("binding:*", "device_owner", "dns_assignment", "fixed_ips", "ip_allocation", "mac_address"),
            *("propagate_uplink_status", "resource_request"),
        ),
    ),
    ("network", "floatingips", ("fixed_ip_address", "floating_ip_address", "port_details")),
    (
        "block-storage",
        ANY,
        ("attachments", "cluster_name", "host", "os-*-attr:*", "os-extended-snapshot-attributes:*", "progress"),
    ),
    ("block-storage", "volumes", ("provider_id", "service_uuid", "shared_targets", "volume_image_metadata")),
    ("load-balancer", ANY, ("vip_address",)),
    ("orchestration", "stacks", ("outputs", "parameters", "stack_status*")),
    ("placement", ANY, ("resource_provider_generation",)),
)

# Collections in which users may write fields of their own: there one that only some sites show is a difference.
# Elsewhere it is only another release, or another extension, of the service.
OPEN = frozenset(
    {("image", "images"), *(("identity", one) for one in ("domains", "groups", "projects", "roles", "users"))}
)

# What is only to be compared where sites have made it in the same way, as the other field tells: sums of data.
MADE_BY = {("image", "images", "os_hash_value"): "os_hash_algo"}

# What a resource is called at its site stands at the top of it; below that, ids are those of other things.
OWN_ID = ("id", "uuid")


@lru_cache(maxsize=4096)
def is_volatile(service: str, collection: str, field: str) -> bool:
    """Whether this field may differ between replicas."""
    return bool(_names(service, collection).match(field))


@lru_cache(maxsize=256)
def _names(service: str, collection: str) -> re.Pattern[str]:
    fitting = (names for of, kind, names in ROWS if of in (ANY, service) and kind in (ANY, collection))
    return re.compile("|".join(translate(name) for names in fitting for name in names))


def is_of_users(field: str) -> bool:
    """Whether what is below a field has names that users chose."""
    return field in FREE
