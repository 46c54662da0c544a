"""Where ids of other things stand in a request's target, as tables: of filters in queries, and of parts of paths."""

from __future__ import annotations

from scopeproxy.planning.reference_fields import ANY, BODIES, Row

# Service, collection, filter, service and collection: a list filtered by an id of elsewhere would wrongly be empty.
# `x=y`: what follows `y=` in the filter x.
_FILTERS: tuple[Row, ...] = (
    ("compute", "servers", "image", "image", "images"),
    ("compute", "servers", "image_ref", "image", "images"),
    ("compute", "servers", "kernel_id", "image", "images"),
    ("compute", "servers", "ramdisk_id", "image", "images"),
    ("compute", "servers", "flavor", "compute", "flavors"),
    ("compute", "os-migrations", "instance_uuid", "compute", "servers"),
    ("block-storage", ANY, "volume_id", "block-storage", "volumes"),
    ("block-storage", ANY, "snapshot_id", "block-storage", "snapshots"),
    ("block-storage", ANY, "group_id", "block-storage", "groups"),
    ("block-storage", ANY, "vol_type_id", "block-storage", "types"),
    ("block-storage", "attachments", "instance_id", "compute", "servers"),
    ("image", "images", "owner", "identity", "projects"),
    ("image", "images", "kernel_id", "image", "images"),
    ("image", "images", "ramdisk_id", "image", "images"),
    ("network", "ports", "fixed_ips=subnet_id", "network", "subnets"),
    ("load-balancer", ANY, "loadbalancer_id", "load-balancer", "loadbalancers"),
    ("load-balancer", ANY, "listener_id", "load-balancer", "listeners"),
    ("load-balancer", ANY, "pool_id", "load-balancer", "pools"),
    ("load-balancer", ANY, "vip_network_id", "network", "networks"),
    ("load-balancer", ANY, "vip_subnet_id", "network", "subnets"),
    ("load-balancer", ANY, "vip_port_id", "network", "ports"),
    ("identity", "role_assignments", "user.id", "identity", "users"),
    ("identity", "role_assignments", "group.id", "identity", "groups"),
    ("identity", "role_assignments", "role.id", "identity", "roles"),
    ("identity", "role_assignments", "scope.project.id", "identity", "projects"),
    ("identity", "role_assignments", "scope.domain.id", "identity", "domains"),
    ("identity", ANY, "parent_id", "identity", "projects"),
    ("identity", ANY, "service_id", "identity", "services"),
    ("identity", "trusts", "trustor_user_id", "identity", "users"),
    ("identity", "trusts", "trustee_user_id", "identity", "users"),
    (ANY, ANY, "project_id", "identity", "projects"),
    (ANY, ANY, "tenant_id", "identity", "projects"),
    (ANY, ANY, "user_id", "identity", "users"),
    (ANY, ANY, "domain_id", "identity", "domains"),
)

# Neutron filters by every attribute.
_ATTRIBUTES: tuple[Row, ...] = tuple(
    (service, of, name, to, what)
    for service, of, field, to, what in BODIES
    if service == "network" and to and field.startswith("*.") and "." not in (name := field[2:].rstrip("[]"))
)

QUERIES: tuple[Row, ...] = (*_FILTERS, *_ATTRIBUTES)

# The filters that name the listed things themselves.
OWN_QUERIES = frozenset({"id", "uuid"})

# Service, part of the path, service and collection that the part after it names one of.  Every other part of a path
# that follows a collection names one of that collection.
PATHS: tuple[tuple[str, str, str, str], ...] = (
    ("compute", "os-volume_attachments", "block-storage", "volumes"),
    ("compute", "os-interface", "network", "ports"),
    ("compute", "os-quota-sets", "identity", "projects"),
    ("compute", "os-simple-tenant-usage", "identity", "projects"),
    ("compute", "shares", "shared-file-system", "shares"),
    # What old clients ask nova for, and nova others.
    ("compute", "images", "image", "images"),
    ("compute", "os-networks", "network", "networks"),
    ("compute", "os-tenant-networks", "network", "networks"),
    ("compute", "os-security-groups", "network", "security-groups"),
    ("compute", "os-floating-ips", "network", "floatingips"),
    ("compute", "os-volumes", "block-storage", "volumes"),
    ("compute", "os-snapshots", "block-storage", "snapshots"),
    ("block-storage", "os-quota-sets", "identity", "projects"),
    ("block-storage", "default-types", "identity", "projects"),
    ("image", "members", "identity", "projects"),
    ("network", "quotas", "identity", "projects"),
    ("network", "auto-allocated-topology", "identity", "projects"),
    ("network", "network-ip-availabilities", "network", "networks"),
    ("network", "dhcp-networks", "network", "networks"),
    ("network", "l3-routers", "network", "routers"),
    ("network", "dhcp-agents", "network", "agents"),
    ("network", "l3-agents", "network", "agents"),
    ("identity", "implies", "identity", "roles"),
)

# Where several parts of one path name what is known elsewhere, too: who has which role where, who is in which group.
RELATIONS = {
    "identity": frozenset(
        {"projects", "domains", "users", "groups", "roles", "implies", "endpoints", "endpoint_groups", "services"}
    )
}

# Parts of a path that are no collections of things with ids: what follows is a word.
WORDS = frozenset({"tags", "metadata", "os-extra_specs", "extra_specs", "properties", "detail"})
