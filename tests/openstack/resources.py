"""The kinds of resources that the services have, a row each: how openstacksdk makes, lists, shows, changes and deletes
one.  The SDK's naming (`create_network`, `networks`, `get_network`, …) holds unless a row says otherwise."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openstack.utils import iterate_timeout
from scopeproxy.osc.session import scoped

PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g a key of nobody's"  # no secret
)


@dataclass(frozen=True)
class Cell:
    """One use of a row: the connection to the entry under the scope, the site where all must happen, and a name that
    is used nowhere else.  `made`: what the rows which this one needs have made, by kind."""

    conn: Any
    site: str
    name: str
    made: Mapping[str, Any] = field(default_factory=dict)


Deed = Callable[[Cell, Any], None]


def _nothing(_: Cell) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Row:
    """One kind of resource.

    `values`: what it is made of, beside `named` (the argument that takes the name; "" for none); `change`: attributes
    to set; `needs`: kinds of the same service which must be there first; `scope`: the scope for a site; `deeds`: what
    else can be done with one, each checks itself; `key`: the attribute that says which it is; `extension`: the one of
    neutron's that brings it; `real_only`: the emulator has none.
    """

    service: str
    what: str
    values: Callable[[Cell], Mapping[str, Any]] = _nothing
    change: Mapping[str, Any] = field(default_factory=dict)
    user: str = "alice"
    needs: tuple[str, ...] = ()
    named: str = "name"
    key: str = "id"
    plural: str = ""
    scope: str = ""
    deeds: Sequence[Deed] = ()
    methods: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    real_only: bool = False
    extension: str = ""

    def __str__(self) -> str:
        return f"{self.service}-{self.what}"

    def scope_at(self, site: str) -> str:
        """The scope under which all of it happens at the site."""
        return (self.scope or "{SERVICE: SITE}").replace("SERVICE", self.service).replace("SITE", site)

    # ---- the verbs

    def create(self, cell: Cell) -> Any:
        named = {self.named: cell.name} if self.named else {}
        return self._call("create", cell, **named, **self.values(cell))

    def listed(self, cell: Cell) -> list[Any]:
        plural = self.plural or f"{self.what}s"
        special = self.methods.get("list")
        return list(special(cell) if special else getattr(self._api(cell), plural)())

    def get(self, cell: Cell, item: Any) -> Any:
        return self._call("get", cell, item)

    def update(self, cell: Cell, item: Any) -> Any:
        return self._call("update", cell, item, **self.change)

    def delete(self, cell: Cell, item: Any) -> None:
        self._call("delete", cell, item, **({} if "delete" in self.methods else {"ignore_missing": False}))

    def id(self, item: Any) -> str:
        return str(getattr(item, self.key))

    def _api(self, cell: Cell) -> Any:
        return getattr(cell.conn, self.service)

    def _call(self, verb: str, cell: Cell, *args: Any, **values: Any) -> Any:
        special = self.methods.get(verb)
        return (
            special(cell, *args, **values)
            if special
            else getattr(self._api(cell), f"{verb}_{self.what}")(*args, **values)
        )


# ---- identity


def _grant_and_take_away(cell: Cell, user: Any) -> None:
    """The role `member` in the project `demo`, for a new user."""
    identity = cell.conn.identity
    project, role = identity.find_project("demo"), identity.find_role("member")

    def assigned() -> bool:
        found = identity.role_assignments(user_id=user.id, scope_project_id=project.id)
        return any(one.role["id"] == role.id for one in found)

    identity.assign_project_role_to_user(project, user, role)
    assert assigned()
    assert identity.validate_user_has_project_role(project, user, role)
    identity.unassign_project_role_from_user(project, user, role)
    assert not assigned()


def _add_and_remove_a_user(cell: Cell, group: Any) -> None:
    identity = cell.conn.identity
    # Not alice: keystone revokes the tokens of whoever leaves a group.
    user = cell.made["user"]
    identity.add_user_to_group(user, group)
    assert identity.check_user_in_group(user, group)
    assert [one.id for one in identity.group_users(group)] == [user.id]
    identity.remove_user_from_group(user, group)
    assert not identity.check_user_in_group(user, group)


def _own_user(cell: Cell) -> str:
    return str(cell.conn.current_user_id)


def _of_own(method: str) -> Callable[..., Any]:
    return lambda cell, *args, **values: getattr(cell.conn.identity, method)(_own_user(cell), *args, **values)


_NEW = {"description": "changed"}
_IDENTITY = (
    Row("identity", "user", lambda _: {"password": uuid.uuid4().hex}, _NEW, "admin", deeds=[_grant_and_take_away]),
    Row("identity", "project", change=_NEW, user="admin"),
    Row("identity", "group", change=_NEW, user="admin", needs=("user",), deeds=[_add_and_remove_a_user]),
    Row("identity", "role", change=_NEW, user="admin"),
    Row("identity", "domain", lambda _: {"is_enabled": False}, _NEW, "admin"),
    Row("identity", "region", change=_NEW, user="admin", named="id"),
    Row("identity", "service", lambda _: {"type": "object-store"}, _NEW, "admin"),
    Row(
        "identity",
        "endpoint",
        lambda cell: {"service_id": cell.made["service"].id, "interface": "public", "url": "http://127.0.0.1:1"},
        {"url": "http://127.0.0.1:2"},
        "admin",
        ("service",),
        named="",
    ),
    Row(
        "identity",
        "credential",
        lambda cell: {"user_id": _own_user(cell), "type": "cert", "blob": "nothing", "project_id": None},
        {"blob": "something"},
        "admin",
        named="",
    ),
    Row(
        "identity",
        "application_credential",
        lambda _: {"description": "of alice's"},
        methods={verb: _of_own(f"{verb}_application_credential") for verb in ("create", "get", "delete")}
        | {"list": lambda cell: cell.conn.identity.application_credentials(_own_user(cell))},
    ),
)

# ---- image


def _tag_an_image(cell: Cell, image: Any) -> None:
    cell.conn.image.add_tag(image, "blue")
    assert cell.conn.image.get_image(image).tags == ["blue"]
    cell.conn.image.remove_tag(image, "blue")
    assert cell.conn.image.get_image(image).tags == []


def _share_an_image(cell: Cell, image: Any) -> None:
    # Whose keystone knows the project must be told as well.
    with scoped(cell.conn, f"{{glance: {cell.site}, keystone: {cell.site}}}"):
        project = uuid.uuid4().hex
        cell.conn.image.add_member(image, member_id=project)
        assert [member.member_id for member in cell.conn.image.members(image)] == [project]
        cell.conn.image.remove_member(project, image, ignore_missing=False)
        assert list(cell.conn.image.members(image)) == []


def _give_an_image_properties(cell: Cell, image: Any) -> None:
    """By a patch of our own: the SDK would remove glance's `stores` as well, which glance refuses."""
    changes = [{"op": "add", "path": f"/{key}", "value": "blue"} for key in ("colour", "os_shade")]
    headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    answer = cell.conn.image.patch(f"/images/{image.id}", json=changes, headers=headers)
    assert answer.status_code == 200, answer.text
    found = cell.conn.image.get_image(image).properties
    assert (found["colour"], found["os_shade"]) == ("blue", "blue")


def _deactivate_an_image(cell: Cell, image: Any) -> None:
    cell.conn.image.deactivate_image(image)
    assert cell.conn.image.get_image(image).status == "deactivated"
    cell.conn.image.reactivate_image(image)
    assert cell.conn.image.get_image(image).status == "active"


def _make_an_image(cell: Cell, **values: Any) -> Any:
    cell.conn.image.create_image(allow_duplicates=True, data=b"x" * 1024, **values)
    return cell.conn.image.find_image(values["name"], ignore_missing=False)


_IMAGE = (
    Row(
        "image",
        "image",
        lambda _: {"disk_format": "raw", "container_format": "bare"},
        {"min_ram": 64},
        deeds=[_tag_an_image, _share_an_image, _give_an_image_properties, _deactivate_an_image],
        methods={"create": _make_an_image},
    ),
    Row(
        "image",
        "metadef_namespace",
        change=_NEW,
        user="admin",
        named="namespace",
        key="namespace",
        # Glance wants the name again with every change.
        methods={
            "update": lambda cell, item, **change: cell.conn.image.put(
                f"/metadefs/namespaces/{item.namespace}", json={"namespace": item.namespace, **change}
            )
        },
        real_only=True,
    ),
)

# ---- compute


def _give_a_flavor_specs(cell: Cell, flavor: Any) -> None:
    cell.conn.compute.create_flavor_extra_specs(flavor, {"hw:cpu_policy": "shared"})
    assert cell.conn.compute.fetch_flavor_extra_specs(flavor).extra_specs == {"hw:cpu_policy": "shared"}


def _fill_an_aggregate(cell: Cell, aggregate: Any) -> None:
    compute, host = cell.conn.compute, f"{cell.site.lower()}-compute"
    compute.set_aggregate_metadata(aggregate, {"ssd": "true"})
    assert compute.get_aggregate(aggregate).metadata["ssd"] == "true"
    # A host with servers cannot change its availability zone: it goes to one that has none.
    plain = compute.create_aggregate(name=f"{cell.name}-plain")
    compute.add_host_to_aggregate(plain, host)
    assert compute.get_aggregate(plain).hosts == [host]
    compute.remove_host_from_aggregate(plain, host)
    compute.delete_aggregate(plain, ignore_missing=False)


def _tell_of_a_server(cell: Cell, server: Any) -> None:
    compute = cell.conn.compute
    compute.set_server_metadata(server, colour="blue")
    assert compute.get_server_metadata(server).metadata["colour"] == "blue"
    compute.delete_server_metadata(server, ["colour"])
    assert "colour" not in compute.get_server_metadata(server).metadata
    compute.add_tag_to_server(server, "blue")
    assert compute.get_server(server).tags == ["blue"]
    compute.remove_tag_from_server(server, "blue")
    assert compute.get_server(server).tags == []


def _switch_a_server(cell: Cell, server: Any) -> None:
    compute = cell.conn.compute
    compute.stop_server(server)
    compute.wait_for_server(server, "SHUTOFF", interval=0.2, wait=60)
    compute.start_server(server)
    compute.wait_for_server(server, "ACTIVE", interval=0.2, wait=60)
    compute.lock_server(server)
    assert compute.get_server(server).is_locked
    compute.unlock_server(server)
    assert not compute.get_server(server).is_locked


def _boot(cell: Cell, **values: Any) -> Any:
    conn = cell.conn
    image, network = conn.image.find_image("cirros"), conn.network.find_network("private")
    flavor = conn.compute.find_flavor("m1.tiny")
    server = conn.compute.create_server(
        image_id=image.id, flavor_id=flavor.id, networks=[{"uuid": network.id}], **values
    )
    return conn.compute.wait_for_server(server, interval=0.2, wait=90)


def _end(cell: Cell, server: Any) -> None:
    cell.conn.compute.delete_server(server, ignore_missing=False)
    # The SDK's own waiting ends when nova says that it is DELETED, shortly before it is gone.
    for _ in iterate_timeout(60, f"the server {server.id} is still there", wait=0.2):
        if cell.conn.compute.find_server(server.id, ignore_missing=True) is None:
            break


_COMPUTE = (
    Row(
        "compute",
        "flavor",
        lambda _: {"ram": 64, "vcpus": 1, "disk": 1},
        _NEW,
        "admin",
        deeds=[_give_a_flavor_specs],
    ),
    Row("compute", "keypair", lambda _: {"public_key": PUBLIC_KEY}, key="name"),
    Row("compute", "server_group", lambda _: {"policy": "anti-affinity"}, real_only=True),
    Row(
        "compute",
        "aggregate",
        change={"availability_zone": "one"},
        user="admin",
        deeds=[_fill_an_aggregate],
        real_only=True,
    ),
    Row(
        "compute",
        "server",
        change={"description": "changed"},
        scope="{nova: SITE, glance: SITE, neutron: SITE}",
        deeds=[_tell_of_a_server, _switch_a_server],
        methods={"create": _boot, "delete": _end},
    ),
)

# ---- network


def _tag_a_network(cell: Cell, network: Any) -> None:
    cell.conn.network.set_tags(network, ["blue", "green"])
    assert sorted(cell.conn.network.get_network(network).tags) == ["blue", "green"]
    assert [one.id for one in cell.conn.network.networks(tags="blue,green")] == [network.id]
    cell.conn.network.set_tags(network, [])
    assert cell.conn.network.get_network(network).tags == []


def _in_network(cell: Cell) -> Mapping[str, Any]:
    return {"network_id": cell.made["network"].id}


_NETWORK = (
    Row("network", "network", change=_NEW, deeds=[_tag_a_network]),
    Row(
        "network",
        "subnet",
        lambda cell: {**_in_network(cell), "ip_version": 4, "cidr": "192.0.2.0/24", "is_dhcp_enabled": False},
        _NEW,
        needs=("network",),
    ),
    Row("network", "port", _in_network, _NEW, needs=("network",)),
    Row("network", "security_group", change=_NEW),
    Row(
        "network",
        "security_group_rule",
        lambda cell: {"security_group_id": cell.made["security_group"].id, "direction": "ingress", "protocol": "icmp"},
        needs=("security_group",),
        named="description",
    ),
    Row("network", "subnet_pool", lambda _: {"prefixes": ["198.51.100.0/24"], "default_prefix_length": 28}, _NEW),
    Row("network", "address_group", lambda _: {"addresses": ["192.0.2.1/32"]}, _NEW),
    Row("network", "router", change=_NEW, extension="router"),
)

# ---- placement


def _fill_a_provider(cell: Cell, provider: Any) -> None:
    """Inventory, traits, an allocation and what it uses."""
    placement, consumer = cell.conn.placement, str(uuid.uuid4())
    placement.create_resource_provider_inventory(provider, "VCPU", total=8)
    headers = {"OpenStack-API-Version": "placement 1.28"}
    traits = f"/resource_providers/{provider.id}/traits"
    generation = placement.get(traits, headers=headers).json()["resource_provider_generation"]
    body = {"traits": ["HW_CPU_X86_SSE"], "resource_provider_generation": generation}
    assert placement.put(traits, json=body, headers=headers).json()["traits"] == ["HW_CPU_X86_SSE"]
    wanted = {
        "allocations": {provider.id: {"resources": {"VCPU": 3}}},
        "project_id": cell.conn.current_project_id,
        "user_id": cell.conn.current_user_id,
        "consumer_generation": None,
    }
    put = placement.put(f"/allocations/{consumer}", json=wanted, headers=headers)
    assert put.status_code == 204, put.text
    assert placement.get(f"/resource_providers/{provider.id}/usages").json()["usages"] == {"VCPU": 3}
    # The ids of the caller are those which the site knows it by.
    used = placement.get(f"/usages?project_id={cell.conn.current_project_id}", headers=headers).json()["usages"]
    assert used.get("VCPU", 0) >= 3
    assert placement.delete(f"/allocations/{consumer}").status_code == 204
    placement.delete_resource_provider_inventory("VCPU", provider)


_PLACEMENT = (
    Row("placement", "resource_provider", user="admin", deeds=[_fill_a_provider], real_only=True),
    Row("placement", "trait", user="admin", key="name", real_only=True),
    Row("placement", "resource_class", user="admin", key="name", plural="resource_classes", real_only=True),
)

ROWS = (*_IDENTITY, *_IMAGE, *_COMPUTE, *_NETWORK, *_PLACEMENT)
