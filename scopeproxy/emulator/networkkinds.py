"""The collections of neutron, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scopeproxy.emulator.collection import Item


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection: how one of it is called, in bodies and in messages, and what a new one has."""

    singular: str
    title: str
    defaults: Mapping[str, Any]

    def shared(self, item: Item) -> bool:
        """Whether everybody sees it."""
        return bool(item.get("shared") or item.get("router:external"))


_UP = {"admin_state_up": True, "status": "ACTIVE"}
KINDS = {
    "networks": Kind(
        "network",
        "Network",
        {**_UP, "subnets": [], "shared": False, "router:external": False, "mtu": 1500, "port_security_enabled": True},
    ),
    "subnets": Kind(
        "subnet",
        "Subnet",
        {"ip_version": 4, "enable_dhcp": True, "dns_nameservers": [], "host_routes": [], "subnetpool_id": None},
    ),
    "ports": Kind(
        "port",
        "Port",
        {
            **_UP,
            "status": "DOWN",
            "name": "",
            "device_id": "",
            "device_owner": "",
            "binding:host_id": "",
            "binding:vif_type": "unbound",
            "binding:vnic_type": "normal",
            "binding:profile": {},
            "allowed_address_pairs": [],
            "port_security_enabled": True,
        },
    ),
    "routers": Kind("router", "Router", {**_UP, "external_gateway_info": None, "routes": []}),
    "floatingips": Kind("floatingip", "Floating IP", {"status": "DOWN", "port_id": None, "router_id": None}),
    "security-groups": Kind("security_group", "Security group", {"stateful": True, "shared": False}),
    "security-group-rules": Kind(
        "security_group_rule",
        "Security group rule",
        {
            "ethertype": "IPv4",
            "protocol": None,
            "port_range_min": None,
            "port_range_max": None,
            "remote_ip_prefix": None,
            "remote_group_id": None,
        },
    ),
    "subnetpools": Kind("subnetpool", "Subnet pool", {"shared": False, "prefixes": []}),
    "address-groups": Kind("address_group", "Address group", {"addresses": []}),
}
