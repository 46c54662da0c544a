"""Where ids of other things stand in a call, as tables: of JSON paths in bodies (`[]`: each item, `[,]`: each between
commas, `*`: any key), of filters in queries, and of parts of paths.

tests/planning/id_fields.txt has every field for ids that the services of a release declare: each is here, or is told
there why it is none.
"""

from __future__ import annotations

Row = tuple[str, str, str, str, str]
ANY = "*"


def _each(*rows: Row) -> tuple[Row, ...]:
    """The rows with one field each."""
    return tuple((service, of, field, to, what) for service, of, fields, to, what in rows for field in fields.split())


# Service, collection, fields of the body, service and collection that they refer to; "": HOLDERS tell.
BODIES: tuple[Row, ...] = _each(
    ("compute", "servers", "server.flavorRef resize.flavorRef", "compute", "flavors"),
    (
        "compute",
        "servers",
        "server.imageRef rebuild.imageRef rescue.rescue_image_ref server.block_device_mapping_v2[].image_id",
        "image",
        "images",
    ),
    (
        "compute",
        "servers",
        "server.networks[].uuid interfaceAttachment.net_id addFixedIp.networkId",
        "network",
        "networks",
    ),
    ("compute", "servers", "server.networks[].port interfaceAttachment.port_id", "network", "ports"),
    (
        "compute",
        "servers",
        "server.security_groups[].name addSecurityGroup.name removeSecurityGroup.name",
        "network",
        "security-groups",
    ),
    ("compute", "servers", "server.block_device_mapping_v2[].uuid", "", ""),
    (
        "compute",
        "servers",
        "server.block_device_mapping[].volume_id server.block_device_mapping_v2[].volume_id "
        "volumeAttachment.volumeId volumeAttachment.id",
        "block-storage",
        "volumes",
    ),
    (
        "compute",
        "servers",
        "server.block_device_mapping[].snapshot_id server.block_device_mapping_v2[].snapshot_id",
        "block-storage",
        "snapshots",
    ),
    (
        "compute",
        "servers",
        "os:scheduler_hints.group[] OS-SCH-HNT:scheduler_hints.group[]",
        "compute",
        "os-server-groups",
    ),
    (
        "compute",
        "servers",
        "os:scheduler_hints.same_host[] os:scheduler_hints.different_host[] OS-SCH-HNT:scheduler_hints.same_host[] "
        "OS-SCH-HNT:scheduler_hints.different_host[] volumeAttachment.serverId",
        "compute",
        "servers",
    ),
    ("compute", "servers", "share.share_id", "shared-file-system", "shares"),
    ("compute", "flavors", "addTenantAccess.tenant removeTenantAccess.tenant", "identity", "projects"),
    ("compute", "os-aggregates", "cache[].id", "image", "images"),
    ("compute", "os-server-external-events", "events[].server_uuid", "compute", "servers"),
    ("compute", "os-volumes", "volume.snapshot_id", "block-storage", "snapshots"),
    ("compute", "os-snapshots", "snapshot.volume_id", "block-storage", "volumes"),
    ("compute", "os-assisted-volume-snapshots", "snapshot.volume_id", "block-storage", "volumes"),
    ("compute", "os-assisted-volume-snapshots", "snapshot.create_info.snapshot_id", "block-storage", "snapshots"),
    (
        "compute",
        "os-security-group-rules",
        "security_group_rule.group_id security_group_rule.parent_group_id",
        "network",
        "security-groups",
    ),
    ("block-storage", "volumes", "volume.imageRef volume.image_id os-reimage.image_id", "image", "images"),
    ("block-storage", "volumes", "volume.snapshot_id revert.snapshot_id", "block-storage", "snapshots"),
    (
        "block-storage",
        "volumes",
        "volume.source_volid os-migrate_volume_completion.new_volume OS-SCH-HNT:scheduler_hints.same_host[] "
        "OS-SCH-HNT:scheduler_hints.different_host[]",
        "block-storage",
        "volumes",
    ),
    ("block-storage", "volumes", "volume.backup_id", "block-storage", "backups"),
    ("block-storage", "volumes", "volume.group_id", "block-storage", "groups"),
    ("block-storage", "volumes", "volume.consistencygroup_id", "block-storage", "consistencygroups"),
    ("block-storage", "volumes", "volume.volume_type os-retype.new_type", "block-storage", "types"),
    (
        "block-storage",
        "volumes",
        "os-detach.attachment_id os-force_detach.attachment_id",
        "block-storage",
        "attachments",
    ),
    (
        "block-storage",
        "volumes",
        "os-attach.instance_uuid OS-SCH-HNT:scheduler_hints.local_to_instance",
        "compute",
        "servers",
    ),
    ("block-storage", ANY, "snapshot.volume_id transfer.volume_id", "block-storage", "volumes"),
    ("block-storage", "backups", "backup.volume_id restore.volume_id", "block-storage", "volumes"),
    ("block-storage", "backups", "backup.snapshot_id", "block-storage", "snapshots"),
    ("block-storage", "attachments", "attachment.volume_uuid", "block-storage", "volumes"),
    ("block-storage", "attachments", "attachment.instance_uuid", "compute", "servers"),
    ("block-storage", "types", "addProjectAccess.project removeProjectAccess.project", "identity", "projects"),
    ("block-storage", "default-types", "default_type.volume_type", "block-storage", "types"),
    ("block-storage", "groups", "group.group_type create-from-src.group_type", "block-storage", "group_types"),
    ("block-storage", "groups", "group.volume_types[]", "block-storage", "types"),
    ("block-storage", "groups", "group.add_volumes[,] group.remove_volumes[,]", "block-storage", "volumes"),
    ("block-storage", "groups", "create-from-src.source_group_id", "block-storage", "groups"),
    ("block-storage", "groups", "create-from-src.group_snapshot_id", "block-storage", "group_snapshots"),
    ("block-storage", "group_snapshots", "group_snapshot.group_id", "block-storage", "groups"),
    (
        "block-storage",
        "consistencygroups",
        "consistencygroup.add_volumes[,] consistencygroup.remove_volumes[,]",
        "block-storage",
        "volumes",
    ),
    ("block-storage", "consistencygroups", "consistencygroup.volume_types[,]", "block-storage", "types"),
    ("block-storage", "consistencygroups", "consistencygroup-from-src.cgsnapshot_id", "block-storage", "cgsnapshots"),
    (
        "block-storage",
        "consistencygroups",
        "consistencygroup-from-src.source_cgid",
        "block-storage",
        "consistencygroups",
    ),
    ("block-storage", "cgsnapshots", "cgsnapshot.consistencygroup_id", "block-storage", "consistencygroups"),
    ("image", "images", "member owner", "identity", "projects"),
    ("image", "images", "kernel_id ramdisk_id", "image", "images"),
    ("image", "images", "[].value", "", ""),
    ("image", "namespaces", "owner", "identity", "projects"),
    (
        "network",
        ANY,
        "*.network_id *.floating_network_id *.external_gateway_info.network_id *.external_gateways[].network_id",
        "network",
        "networks",
    ),
    (
        "network",
        ANY,
        "*.subnet_id *.fixed_ips[].subnet_id *.external_gateway_info.external_fixed_ips[].subnet_id "
        "*.external_gateways[].external_fixed_ips[].subnet_id",
        "network",
        "subnets",
    ),
    (
        "network",
        ANY,
        "*.port_id *.sub_ports[].port_id *.fixed_port_id *.internal_port_id *.local_port_id *.ports[] *.source_port "
        "*.logical_source_port *.logical_destination_port",
        "network",
        "ports",
    ),
    ("network", "port_pairs", "*.ingress *.egress", "network", "ports"),
    ("network", ANY, "*.router_id", "network", "routers"),
    ("network", ANY, "*.security_group_id *.remote_group_id *.security_groups[]", "network", "security-groups"),
    ("network", ANY, "*.remote_address_group_id", "network", "address-groups"),
    (
        "network",
        ANY,
        "*.qos_policy_id *.external_gateway_info.qos_policy_id *.external_gateways[].qos_policy_id",
        "network",
        "policies",
    ),
    ("network", ANY, "*.subnetpool_id", "network", "subnetpools"),
    ("network", ANY, "*.address_scope_id", "network", "address-scopes"),
    ("network", ANY, "*.segment_id", "network", "segments"),
    ("network", ANY, "*.flavor_id", "network", "flavors"),
    ("network", "flavors", "*.service_profiles[]", "network", "service_profiles"),
    ("network", "flavors", "service_profile.id", "network", "service_profiles"),
    ("network", ANY, "*.metering_label_id", "network", "metering-labels"),
    ("network", "routers", "subnet_id", "network", "subnets"),
    ("network", "routers", "port_id", "network", "ports"),
    ("network", "trunks", "sub_ports[].port_id", "network", "ports"),
    ("network", "ports", "*.device_id", "compute", "servers"),
    ("network", "ports", "*.device_id", "network", "routers"),
    ("network", "rbac-policies", "*.target_tenant", "identity", "projects"),
    ("network", "rbac-policies", "*.object_id", "", ""),
    ("network", "logs", "*.resource_id", "", ""),
    ("network", "logs", "*.target_id", "network", "ports"),
    (
        "network",
        ANY,
        "*.ingress_firewall_policy_id *.egress_firewall_policy_id",
        "network",
        "firewall_policies",
    ),
    ("network", ANY, "*.firewall_rules[] firewall_rule_id insert_before insert_after", "network", "firewall_rules"),
    (
        "network",
        ANY,
        "*.source_firewall_group_id *.destination_firewall_group_id *.firewall_id",
        "network",
        "firewall_groups",
    ),
    ("network", ANY, "*.ikepolicy_id", "network", "ikepolicies"),
    ("network", ANY, "*.ipsecpolicy_id", "network", "ipsecpolicies"),
    ("network", ANY, "*.vpnservice_id", "network", "vpnservices"),
    ("network", ANY, "*.local_ep_group_id *.peer_ep_group_id", "network", "endpoint-groups"),
    ("network", ANY, "*.routes[].bgpvpn_id", "network", "bgpvpns"),
    ("network", "bgp-speakers", "bgp_peer_id", "network", "bgp-peers"),
    ("network", "bgp-speakers", "network_id", "network", "networks"),
    ("network", ANY, "*.flow_classifiers[]", "network", "flow_classifiers"),
    ("network", ANY, "*.port_pair_groups[]", "network", "port_pair_groups"),
    ("network", ANY, "*.port_pairs[]", "network", "port_pairs"),
    ("network", ANY, "*.tap_service_id", "network", "tap_services"),
    ("identity", ANY, "*.parent_id", "identity", "projects"),
    ("identity", ANY, "*.trustor_user_id *.trustee_user_id", "identity", "users"),
    ("identity", ANY, "*.roles[].id roles[].id", "identity", "roles"),
    ("identity", ANY, "*.roles[].domain_id", "identity", "domains"),
    ("identity", ANY, "*.redelegated_trust_id", "identity", "trusts"),
    ("identity", ANY, "*.access_rules[].id", "identity", "access_rules"),
    ("identity", ANY, "*.service_id *.filters.service_id", "identity", "services"),
    ("load-balancer", ANY, "*.vip_subnet_id *.subnet_id *.additional_vips[].subnet_id", "network", "subnets"),
    ("load-balancer", ANY, "*.vip_network_id", "network", "networks"),
    ("load-balancer", ANY, "*.vip_port_id", "network", "ports"),
    ("load-balancer", ANY, "*.vip_qos_policy_id", "network", "policies"),
    ("load-balancer", ANY, "*.loadbalancer_id", "load-balancer", "loadbalancers"),
    ("load-balancer", ANY, "*.listener_id", "load-balancer", "listeners"),
    ("load-balancer", ANY, "*.pool_id *.default_pool_id *.redirect_pool_id", "load-balancer", "pools"),
    ("load-balancer", ANY, "*.flavor_id", "load-balancer", "flavors"),
    ("load-balancer", ANY, "*.flavor_profile_id", "load-balancer", "flavorprofiles"),
    ("placement", ANY, "parent_provider_uuid", "placement", "resource_providers"),
    ("placement", ANY, "project_id", "identity", "projects"),
    ("placement", ANY, "user_id", "identity", "users"),
    (ANY, ANY, "*.project_id *.tenant_id *.default_project_id", "identity", "projects"),
    (ANY, ANY, "*.domain_id", "identity", "domains"),
    (ANY, ANY, "*.user_id", "identity", "users"),
)

# What `*` does not stand for: what holds words of users.
FREE = frozenset({"metadata", "meta", "extra_specs", "properties", "parameters", "template", "environment", "files"})

# Fields that take a name as well, as clients like it: only a UUID is an id there.
OR_NAMES = frozenset({"name", "volume_type", "volume_types", "new_type", "group_type"})

# Fields that hold whatever their caller likes: an id that nobody knows stays there.
MAYBE = frozenset({"device_id"})

# What an id refers to that tells nothing by itself: by another field of what holds it, and by what stands there.
HOLDERS: dict[str, dict[str, tuple[str, str]]] = {
    "source_type": {
        "image": ("image", "images"),
        "volume": ("block-storage", "volumes"),
        "snapshot": ("block-storage", "snapshots"),
    },
    "path": {
        "/owner": ("identity", "projects"),
        "/kernel_id": ("image", "images"),
        "/ramdisk_id": ("image", "images"),
    },
    "object_type": {
        "network": ("network", "networks"),
        "qos_policy": ("network", "policies"),
        "security_group": ("network", "security-groups"),
        "address_scope": ("network", "address-scopes"),
        "subnetpool": ("network", "subnetpools"),
        "address_group": ("network", "address-groups"),
        "bgpvpn": ("network", "bgpvpns"),
    },
    "resource_type": {"security_group": ("network", "security-groups")},
}
