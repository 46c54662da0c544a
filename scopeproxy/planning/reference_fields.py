"""Where ids of other things stand in a call, as tables: of JSON paths in bodies (`[]`: each item, `*`: any key), of
filters in queries, and of parts of paths."""

from __future__ import annotations

Row = tuple[str, str, str, str, str]
ANY = "*"

# Service, collection, field of the body, service and collection that it refers to.  A `name` is one only where it is a
# UUID: nova takes both, and clients write either.
BODIES: tuple[Row, ...] = (
    ("compute", "servers", "server.flavorRef", "compute", "flavors"),
    ("compute", "servers", "server.imageRef", "image", "images"),
    ("compute", "servers", "server.networks[].uuid", "network", "networks"),
    ("compute", "servers", "server.networks[].port", "network", "ports"),
    ("compute", "servers", "server.security_groups[].name", "network", "security-groups"),
    ("compute", "servers", "addSecurityGroup.name", "network", "security-groups"),
    ("compute", "servers", "removeSecurityGroup.name", "network", "security-groups"),
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
    ("compute", "flavors", "removeTenantAccess.tenant", "identity", "projects"),
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
    ("block-storage", "types", "addProjectAccess.project", "identity", "projects"),
    ("block-storage", "types", "removeProjectAccess.project", "identity", "projects"),
    ("image", "images", "member", "identity", "projects"),
    ("image", "images", "owner", "identity", "projects"),
    ("network", ANY, "*.network_id", "network", "networks"),
    ("network", ANY, "*.subnet_id", "network", "subnets"),
    ("network", ANY, "*.port_id", "network", "ports"),
    ("network", ANY, "*.router_id", "network", "routers"),
    ("network", ANY, "*.floating_network_id", "network", "networks"),
    ("network", ANY, "*.security_group_id", "network", "security-groups"),
    ("network", ANY, "*.remote_group_id", "network", "security-groups"),
    ("network", ANY, "*.qos_policy_id", "network", "policies"),
    ("network", ANY, "*.security_groups[]", "network", "security-groups"),
    ("network", ANY, "*.fixed_ips[].subnet_id", "network", "subnets"),
    ("network", ANY, "*.external_gateway_info.network_id", "network", "networks"),
    ("network", "routers", "subnet_id", "network", "subnets"),
    ("network", "routers", "port_id", "network", "ports"),
    ("network", "ports", "*.device_id", "compute", "servers"),
    ("network", "rbac-policies", "*.target_tenant", "identity", "projects"),
    ("load-balancer", ANY, "*.vip_subnet_id", "network", "subnets"),
    ("load-balancer", ANY, "*.vip_network_id", "network", "networks"),
    ("load-balancer", ANY, "*.vip_port_id", "network", "ports"),
    ("load-balancer", ANY, "*.subnet_id", "network", "subnets"),
    ("load-balancer", ANY, "*.loadbalancer_id", "load-balancer", "loadbalancers"),
    ("load-balancer", ANY, "*.listener_id", "load-balancer", "listeners"),
    (ANY, ANY, "*.project_id", "identity", "projects"),
    (ANY, ANY, "*.tenant_id", "identity", "projects"),
    (ANY, ANY, "*.default_project_id", "identity", "projects"),
    (ANY, ANY, "*.domain_id", "identity", "domains"),
    (ANY, ANY, "*.user_id", "identity", "users"),
)

# What `*` does not stand for: what holds words of users.
FREE = frozenset({"metadata", "meta", "extra_specs", "properties", "parameters", "template", "environment", "files"})

# What the items of block_device_mapping_v2 refer to is told by their source_type.
SOURCES = {
    "image": ("image", "images"),
    "volume": ("block-storage", "volumes"),
    "snapshot": ("block-storage", "snapshots"),
}

# Service, collection, filter, service and collection: a list filtered by an id of elsewhere would wrongly be empty.
QUERIES: tuple[Row, ...] = (
    ("compute", "servers", "image", "image", "images"),
    ("compute", "servers", "flavor", "compute", "flavors"),
    ("block-storage", "snapshots", "volume_id", "block-storage", "volumes"),
    ("block-storage", "backups", "volume_id", "block-storage", "volumes"),
    ("image", "images", "owner", "identity", "projects"),
    ("network", "ports", "device_id", "compute", "servers"),
    ("network", ANY, "network_id", "network", "networks"),
    ("network", ANY, "subnet_id", "network", "subnets"),
    ("network", ANY, "router_id", "network", "routers"),
    ("network", ANY, "port_id", "network", "ports"),
    ("network", ANY, "floating_network_id", "network", "networks"),
    ("network", ANY, "security_group_id", "network", "security-groups"),
    ("network", ANY, "remote_group_id", "network", "security-groups"),
    ("load-balancer", ANY, "loadbalancer_id", "load-balancer", "loadbalancers"),
    ("identity", "role_assignments", "user.id", "identity", "users"),
    ("identity", "role_assignments", "group.id", "identity", "groups"),
    ("identity", "role_assignments", "role.id", "identity", "roles"),
    ("identity", "role_assignments", "scope.project.id", "identity", "projects"),
    ("identity", "role_assignments", "scope.domain.id", "identity", "domains"),
    (ANY, ANY, "project_id", "identity", "projects"),
    (ANY, ANY, "tenant_id", "identity", "projects"),
    (ANY, ANY, "user_id", "identity", "users"),
    (ANY, ANY, "domain_id", "identity", "domains"),
)

# The filters that name the listed things themselves.
OWN_QUERIES = frozenset({"id", "uuid"})

# Service, part of the path, service and collection that the part after it names one of.  Every other part of a path
# that follows a collection names one of that collection.
PATHS: tuple[tuple[str, str, str, str], ...] = (
    ("compute", "os-volume_attachments", "block-storage", "volumes"),
    ("compute", "os-interface", "network", "ports"),
    ("compute", "os-quota-sets", "identity", "projects"),
    ("compute", "os-simple-tenant-usage", "identity", "projects"),
    ("block-storage", "os-quota-sets", "identity", "projects"),
    ("image", "members", "identity", "projects"),
    ("network", "quotas", "identity", "projects"),
)

# Where several parts of one path name what is known elsewhere, too: who has which role where, who is in which group.
RELATIONS = {"identity": frozenset({"projects", "domains", "users", "groups", "roles"})}

# Parts of a path that are no collections of things with ids: what follows is a word.
WORDS = frozenset({"tags", "metadata", "os-extra_specs", "extra_specs", "properties", "detail"})
