"""Addresses and groups without HTTP."""

from __future__ import annotations

import pytest

from scopeproxy.emulator.answers import Fault
from scopeproxy.emulator.networkstate import NetworkState


@pytest.fixture
def state():
    return NetworkState()


def test_addresses_run_out(state):
    network = state.add("networks", {}, "p")
    subnet = state.add("subnets", {"network_id": network["id"], "cidr": "192.0.2.0/30"}, "p")
    ports = [state.add("ports", {"network_id": network["id"]}, "p") for _ in range(2)]
    assert [port["fixed_ips"][0]["ip_address"] for port in ports] == ["192.0.2.2", "192.0.2.3"]
    with pytest.raises(Fault, match="No more IP addresses"):
        state.add("ports", {"network_id": network["id"]}, "p")
    asked = [{"subnet_id": subnet["id"], "ip_address": "192.0.2.9"}]
    assert state.add("ports", {"network_id": network["id"], "fixed_ips": asked}, "p")["fixed_ips"] == asked
    with pytest.raises(Fault, match="Subnet none"):
        state.add("ports", {"network_id": network["id"], "fixed_ips": [{"subnet_id": "none"}]}, "p")


def test_items_share_no_lists(state):
    one, other = (state.add("networks", {}, "p") for _ in range(2))
    state.add("subnets", {"network_id": one["id"], "cidr": "192.0.2.0/24"}, "p")
    assert other["subnets"] == []
    state.remove("subnets", next(iter(state.items["subnets"].values())))
    assert one["subnets"] == []


def test_the_default_group_is_made_once(state):
    assert state.default_group("p") is state.default_group("p")
    assert state.default_group("p") is not state.default_group("q")
