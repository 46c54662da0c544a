"""What a neutron knows, and how a new item is completed: addresses, default groups and rules.  No HTTP here."""

from __future__ import annotations

import ipaddress
import itertools
import secrets
import uuid
from collections.abc import Callable

from scopeproxy.emulator.answers import Fault
from scopeproxy.emulator.collection import Item, now
from scopeproxy.emulator.networkkinds import KINDS


class NetworkState:
    """`items`: by collection and id."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Item]] = {kind: {} for kind in KINDS}
        self._prepare: dict[str, Callable[[Item], None]] = {
            "subnets": self._as_subnet,
            "ports": self._as_port,
            "security-groups": self._as_group,
            "security-group-rules": self._as_rule,
        }

    def add(self, kind: str, values: Item, project: str) -> Item:
        """A new item, completed as neutron completes it."""
        stamp = now()
        item = {"id": str(uuid.uuid4()), "name": "", **KINDS[kind].defaults, "description": "", "tags": [], **values}
        item |= {"project_id": project, "tenant_id": project, "created_at": stamp, "updated_at": stamp}
        item["revision_number"] = 1
        item = {key: list(value) if isinstance(value, list) else value for key, value in item.items()}
        if kind in self._prepare:
            self._prepare[kind](item)
        self.items[kind][item["id"]] = item
        return item

    def network_of(self, item: Item) -> Item:
        network = self.items["networks"].get(item.get("network_id", ""))
        if network is None:
            raise Fault(404, f"Network {item.get('network_id')} could not be found.", "NetworkNotFound")
        return network

    def _as_subnet(self, item: Item) -> None:
        try:
            net = ipaddress.ip_network(item.get("cidr", ""))
        except ValueError:
            raise Fault(
                400, f"Invalid input for cidr. Reason: '{item.get('cidr')}' is not a valid IP subnet."
            ) from None
        item.setdefault("gateway_ip", str(net[1]))
        item.setdefault("allocation_pools", [{"start": str(net[2]), "end": str(net[-2])}])
        self.network_of(item)["subnets"].append(item["id"])

    def _as_port(self, item: Item) -> None:
        network = self.network_of(item)
        item.setdefault("mac_address", "fa:16:3e:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3)))
        asked = item.get("fixed_ips") or []
        item["fixed_ips"] = [self._address(network, row) for row in asked or ([{}] if network["subnets"] else [])]
        if not item.get("security_groups"):
            item["security_groups"] = [self.default_group(item["project_id"])["id"]]

    def _address(self, network: Item, asked: Item) -> Item:
        subnet = self.items["subnets"].get(asked.get("subnet_id") or network["subnets"][0])
        if subnet is None:
            raise Fault(404, f"Subnet {asked['subnet_id']} could not be found.", "SubnetNotFound")
        used = {ip["ip_address"] for port in self.items["ports"].values() for ip in port["fixed_ips"]}
        addresses = map(str, itertools.islice(ipaddress.ip_network(subnet["cidr"]), 2, None))
        free = asked.get("ip_address") or next((address for address in addresses if address not in used), None)
        if free is None:
            message = f"No more IP addresses available on network {network['id']}."
            raise Fault(409, message, "IpAddressGenerationFailure")
        return {"subnet_id": subnet["id"], "ip_address": free}

    def default_group(self, project: str) -> Item:
        """Every project has a group `default`, made when it is first looked at."""
        groups = self.items["security-groups"].values()
        found = next((g for g in groups if (g["project_id"], g["name"]) == (project, "default")), None)
        return found or self.add("security-groups", {"name": "default"}, project)

    def _as_group(self, item: Item) -> None:
        row = {"security_group_id": item["id"], "direction": "egress"}
        item["security_group_rules"] = [
            self.add("security-group-rules", {**row, "ethertype": type_}, item["project_id"])
            for type_ in ("IPv4", "IPv6")
        ]

    def _as_rule(self, item: Item) -> None:
        if group := self.items["security-groups"].get(item.get("security_group_id", "")):
            group["security_group_rules"].append(item)

    def remove(self, kind: str, item: Item) -> None:
        """Delete an item, and take it out of what lists it."""
        del self.items[kind][item["id"]]
        if kind == "subnets":
            self.network_of(item)["subnets"].remove(item["id"])
        elif kind == "security-groups":
            for rule in item["security_group_rules"]:
                self.items["security-group-rules"].pop(rule["id"], None)
        elif group := self.items["security-groups"].get(item.get("security_group_id", "")):
            group["security_group_rules"].remove(item)
