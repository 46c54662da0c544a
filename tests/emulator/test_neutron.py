"""Networks, subnets, ports, and the faults of neutron."""

from __future__ import annotations

import pytest

N = "/v2.0"


async def test_versions_and_resources(nobody, alice):
    status, body, _ = await nobody("GET", "network", "/", Host="cloud.example")
    assert status == 200
    assert body["versions"][0]["links"][0]["href"] == "http://cloud.example/v2.0/"
    _, body, _ = await alice("GET", "network", f"{N}/", Host="cloud.example")
    assert {"http://cloud.example/v2.0/networks"} < {r["links"][0]["href"] for r in body["resources"]}
    assert (await nobody("GET", "network", f"{N}/networks"))[0] == 401


async def test_names_are_found_by_filter_and_not_in_the_path(alice):
    status, body, _ = await alice("GET", "network", f"{N}/networks/private")
    message = "Network private could not be found."
    assert status == 404
    assert body == {"NeutronError": {"type": "NetworkNotFound", "message": message, "detail": ""}}
    _, body, _ = await alice("GET", "network", f"{N}/networks?name=private")
    assert body["networks"][0]["shared"] is True


async def test_a_network_with_a_subnet_and_a_port(alice, bob, admin, site):
    status, body, _ = await alice("POST", "network", f"{N}/networks", {"network": {"name": "mine"}})
    assert status == 201
    network = body["network"]
    assert network["project_id"] == site.project("demo")
    values = {"network_id": network["id"], "cidr": "192.0.2.0/24", "name": "s"}
    status, body, _ = await alice("POST", "network", f"{N}/subnets", {"subnet": values})
    assert (status, body["subnet"]["gateway_ip"]) == (201, "192.0.2.1")
    addresses = []
    for _ in range(2):
        _, made, _ = await alice("POST", "network", f"{N}/ports", {"port": {"network_id": network["id"]}})
        addresses.append(made["port"]["fixed_ips"][0]["ip_address"])
    assert addresses == ["192.0.2.2", "192.0.2.3"]
    assert made["port"]["security_groups"]
    _, shown, _ = await alice("GET", "network", f"{N}/networks/{network['id']}")
    assert shown["network"]["subnets"] == [body["subnet"]["id"]]
    status, fault, _ = await alice("DELETE", "network", f"{N}/networks/{network['id']}")
    assert (status, fault["NeutronError"]["type"]) == (409, "NetworkInUse")
    change = {"port": {"binding:host_id": "paris-compute"}}
    _, bound, _ = await admin("PUT", "network", f"{N}/ports/{made['port']['id']}", change)
    assert (bound["port"]["binding:vif_type"], bound["port"]["status"]) == ("ovs", "ACTIVE")


async def test_subnets_that_are_none(alice, site):
    network = next(iter(site.neutron.items["networks"]))
    for values, status in (({"cidr": "x"}, 400), ({"cidr": "192.0.2.0/24", "network_id": "nowhere"}, 404)):
        body = {"subnet": {"network_id": network, **values}}
        assert (await alice("POST", "network", f"{N}/subnets", body))[0] == status


async def test_only_admins_share(alice, admin):
    new = {"network": {"name": "all", "shared": True}}
    assert (await alice("POST", "network", f"{N}/networks", new))[0] == 403
    status, body, _ = await admin("POST", "network", f"{N}/networks", new)
    assert status == 201
    assert (await alice("DELETE", "network", f"{N}/networks/{body['network']['id']}"))[0] == 403
    assert (await alice("GET", "network", f"{N}/networks/{body['network']['id']}"))[0] == 200


async def test_paging_both_ways(alice):
    for name in "abcd":
        await alice("POST", "network", f"{N}/networks", {"network": {"name": name}})
    seen, path = [], f"{N}/networks?limit=2&sort_key=name&sort_dir=asc&shared=false"
    while path:
        _, body, _ = await alice("GET", "network", path, Host="cloud.example")
        seen += [network["name"] for network in body["networks"]]
        links = {link["rel"]: link["href"].removeprefix("http://cloud.example") for link in body["networks_links"]}
        path = links.get("next")
    assert seen == list("abcd")
    assert "page_reverse=True" in links["previous"]


async def test_fields_and_filters(alice):
    _, body, _ = await alice("GET", "network", f"{N}/networks?fields=id&fields=name")
    assert set(body["networks"][0]) == {"id", "name"}
    assert (await alice("GET", "network", f"{N}/networks?shared=false"))[1]["networks"] == []


async def test_every_project_has_a_default_security_group(alice, admin):
    _, body, _ = await alice("GET", "network", f"{N}/security-groups")
    assert [group["name"] for group in body["security_groups"]] == ["default"]
    assert {rule["direction"] for rule in body["security_groups"][0]["security_group_rules"]} == {"egress"}
    missing = await alice("GET", "network", f"{N}/security-groups/none")
    assert missing[1]["NeutronError"]["type"] == "SecurityGroupNotFound"


async def test_rules_belong_to_their_group(alice, site):
    _, body, _ = await alice("POST", "network", f"{N}/security-groups", {"security_group": {"name": "web"}})
    group = body["security_group"]
    new = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    _, body, _ = await alice("POST", "network", f"{N}/security-group-rules", {"security_group_rule": new})
    rule = body["security_group_rule"]
    _, body, _ = await alice("GET", "network", f"{N}/security-groups/{group['id']}")
    assert rule in body["security_group"]["security_group_rules"]
    assert (await alice("DELETE", "network", f"{N}/security-group-rules/{rule['id']}"))[0] == 204
    _, body, _ = await alice("GET", "network", f"{N}/security-groups/{group['id']}")
    assert len(body["security_group"]["security_group_rules"]) == 2
    assert (await alice("DELETE", "network", f"{N}/security-groups/{group['id']}"))[0] == 204
    assert site.neutron.items["security-group-rules"] == {}


@pytest.mark.parametrize("path", ["extensions", "quotas/x", "agents", "availability_zones", "extensions/router"])
async def test_small_documents(alice, path):
    assert (await alice("GET", "network", f"{N}/{path}"))[0] == 200


async def test_an_unknown_extension(alice):
    assert (await alice("GET", "network", f"{N}/extensions/none"))[1]["NeutronError"]["type"] == "ExtensionNotFound"
