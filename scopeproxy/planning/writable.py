"""How things of a collection are shown, made and changed, as a table: which of their fields which call takes.

For whoever mends replicas; the calls themselves are made by repairs.py.
"""

from __future__ import annotations

from dataclasses import dataclass

# Every field but those that are volatile, or only read.
ANY = ("*",)
NOTHING_AT_ALL: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beneath:
    """A field that is set by a call of its own, below the resource's path.

    `key`: where it stands in what is sent; `adds`: what the resource has beyond that stays; `by_null`: but for what is
    sent as null.
    """

    field: str
    method: str
    path: str
    key: str
    adds: bool = False
    by_null: bool = False


_TAGS = (Beneath("tags", "PUT", "tags", "tags"),)
_SPECS = (Beneath("extra_specs", "POST", "os-extra_specs", "extra_specs", adds=True),)
_ZONE = (Beneath("metadata", "POST", "action", "set_metadata.metadata", by_null=True),)
_LABELS = (Beneath("metadata", "PUT", "metadata", "metadata"), *_TAGS)


@dataclass(frozen=True, slots=True)
class Row:
    """One collection.

    `envelope`: the key around the fields in bodies, "" for none; `made_with`, `set_with`: the fields that a create and
    a change (`verb`) take; `once`: of ANY, those that only a create takes; `only_read`: those that neither does;
    `owner`: the field that tells whose a new one is; `beneath`: fields with calls of their own; `version`: the
    microversion that shows and takes them; `data`: where its data are, below its path; `without`: what a new one lacks;
    `blank`: what takes a text away.
    """

    service: str
    collection: str
    envelope: str
    verb: str
    made_with: tuple[str, ...]
    set_with: tuple[str, ...]
    once: tuple[str, ...] = ()
    only_read: tuple[str, ...] = ()
    owner: str = ""
    beneath: tuple[Beneath, ...] = ()
    version: str = ""
    data: str = ""
    without: str = ""
    blank: str | None = None


_SPOKEN = ("name", "description")
_SUBNET = (*_SPOKEN, "gateway_ip", "enable_dhcp", "dns_nameservers", "host_routes", "allocation_pools", "service_types")
_NETWORK = (
    *(*_SPOKEN, "admin_state_up", "shared", "router:external", "is_default", "port_security_enabled"),
    *("dns_domain", "qos_policy_id"),
)
_FLAVOR = (*_SPOKEN, "ram", "vcpus", "disk", "OS-FLV-EXT-DATA:ephemeral", "swap", "rxtx_factor")
_RULE = (
    *("description", "direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix"),
    *("remote_group_id", "security_group_id"),
)
_NOVA = "compute 2.61"

ROWS = {
    (row.service, row.collection): row
    for row in (
        Row("identity", "domains", "domain", "PATCH", ANY, ANY),
        Row("identity", "groups", "group", "PATCH", ANY, ANY, ("domain_id",)),
        Row("identity", "projects", "project", "PATCH", ANY, ANY, ("domain_id", "parent_id", "is_domain")),
        Row("identity", "roles", "role", "PATCH", ANY, ANY, ("domain_id",)),
        Row("identity", "users", "user", "PATCH", ANY, ANY, ("domain_id",), without="its password, which is not shown"),
        Row(
            *("image", "images", "", "PATCH", ANY, ANY),
            only_read=("size", "checksum", "os_hash_value"),
            owner="owner",
            data="file",
        ),
        Row(
            *("compute", "flavors", "flavor", "PUT"),
            (*_FLAVOR, "os-flavor-access:is_public"),
            ("description",),
            beneath=_SPECS,
            version=_NOVA,
        ),
        Row(
            *("compute", "os-aggregates", "aggregate", "PUT"),
            ("name", "availability_zone"),
            ("name",),
            beneath=_ZONE,
            without="its hosts",
        ),
        Row("compute", "os-server-groups", "server_group", "", ("name", "policies"), NOTHING_AT_ALL, version=_NOVA),
        Row(
            *("compute", "servers", "server", "PUT", NOTHING_AT_ALL),
            (*_SPOKEN, "accessIPv4", "accessIPv6"),
            beneath=_LABELS,
            version=_NOVA,
        ),
        Row("network", "networks", "network", "PUT", _NETWORK, _NETWORK, owner="project_id", beneath=_TAGS),
        Row(
            *("network", "subnets", "subnet", "PUT"),
            (*_SUBNET, "network_id", "cidr", "ip_version", "ipv6_ra_mode", "ipv6_address_mode"),
            _SUBNET,
            owner="project_id",
            beneath=_TAGS,
        ),
        Row(
            *("network", "routers", "router", "PUT"),
            (*_SPOKEN, "admin_state_up"),
            (*_SPOKEN, "admin_state_up", "routes"),
            owner="project_id",
            beneath=_TAGS,
        ),
        Row(
            *("network", "security-groups", "security_group", "PUT"),
            (*_SPOKEN, "stateful"),
            (*_SPOKEN, "stateful"),
            owner="project_id",
            beneath=_TAGS,
            without="its rules, but for those that each new one has",
        ),
        Row(
            *("network", "security-group-rules", "security_group_rule", ""),
            _RULE,
            NOTHING_AT_ALL,
            owner="project_id",
        ),
        Row("network", "ports", "port", "PUT", NOTHING_AT_ALL, (*_SPOKEN, "admin_state_up"), beneath=_TAGS),
        Row(
            *("network", "policies", "policy", "PUT"),
            (*_SPOKEN, "shared", "is_default"),
            (*_SPOKEN, "shared", "is_default"),
            owner="project_id",
            without="its rules",
        ),
        Row("block-storage", "volumes", "volume", "PUT", NOTHING_AT_ALL, (*_SPOKEN, "metadata"), blank=""),
        Row("block-storage", "snapshots", "snapshot", "PUT", NOTHING_AT_ALL, _SPOKEN, blank=""),
        Row("block-storage", "backups", "backup", "PUT", NOTHING_AT_ALL, _SPOKEN, blank=""),
        Row(
            *("block-storage", "types", "volume_type", "PUT"),
            (*_SPOKEN, "os-volume-type-access:is_public", "extra_specs"),
            (*_SPOKEN, "is_public"),
            blank="",
        ),
    )
}
