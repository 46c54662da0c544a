"""A site's neutron: networks, subnets, ports and the other rows of the table, all by the same handlers."""

from __future__ import annotations

import ipaddress
import itertools
import secrets
import uuid
from collections.abc import Callable, Iterable

from aiohttp import web

from scopeproxy.emulator.access import Access
from scopeproxy.emulator.answers import Fault, Handler, access_of, answer, empty, json_of
from scopeproxy.emulator.collection import Item, filtered, now, ordered, orders, page
from scopeproxy.emulator.networkkinds import KINDS
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.service import Service

_ROOT = "/v2.0"


_EXTENSIONS = ("security-group", "router", "external-net", "quotas", "binding", "port-security", "project-id")
_KINDS_OF_FAULT = {400: "HTTPBadRequest", 403: "PolicyNotAuthorized", 404: "HTTPNotFound", 409: "Conflict"}


class Neutron(Service):
    """`items`: by collection and id."""

    type, name = "network", "neutron"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.items: dict[str, dict[str, Item]] = {kind: {} for kind in KINDS}
        self._prepare: dict[str, Callable[[Item], None]] = {
            "subnets": self._as_subnet,
            "ports": self._as_port,
            "security-groups": self._as_group,
            "security-group-rules": self._as_rule,
        }

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.get("/", self.versions)
        yield web.get(_ROOT + "/", self.resources)
        yield web.get(_ROOT + "/extensions", self.extensions)
        yield web.get(_ROOT + "/extensions/{alias}", self.extension)
        yield web.get(_ROOT + "/quotas/{project}", self.quotas)
        yield web.get(_ROOT + "/agents", self.agents)
        yield web.get(_ROOT + "/availability_zones", self.zones)
        for kind in KINDS:
            yield web.get(f"{_ROOT}/{kind}", self._listing(kind))
            yield web.post(f"{_ROOT}/{kind}", self._creating(kind))
            yield web.get(f"{_ROOT}/{kind}/{{id}}", self._showing(kind))
            yield web.put(f"{_ROOT}/{kind}/{{id}}", self._changing(kind))
            yield web.delete(f"{_ROOT}/{kind}/{{id}}", self._deleting(kind))

    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        kind = fault.kind or _KINDS_OF_FAULT.get(fault.status, "HTTPError")
        return answer({"NeutronError": {"type": kind, "message": fault.message, "detail": ""}}, fault.status)

    # ---- documents

    async def versions(self, request: web.Request) -> web.Response:
        links = [{"rel": "self", "href": f"{self.base(request)}/v2.0/"}]
        return answer({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})

    async def resources(self, request: web.Request) -> web.Response:
        rows = [
            {
                "name": KINDS[kind].singular,
                "collection": kind,
                "links": [{"rel": "self", "href": f"{self.base(request)}{_ROOT}/{kind}"}],
            }
            for kind in ("networks", "subnets", "subnetpools", "ports")
        ]
        return answer({"resources": rows})

    def _extension(self, alias: str) -> Item:
        row = {"alias": alias, "name": alias, "description": alias, "links": []}
        return {**row, "updated": "2013-01-01T10:00:00-00:00"}

    async def extensions(self, request: web.Request) -> web.Response:
        return answer({"extensions": [self._extension(alias) for alias in _EXTENSIONS]})

    async def extension(self, request: web.Request) -> web.Response:
        alias = request.match_info["alias"]
        if alias not in _EXTENSIONS:
            raise Fault(404, f"Extension with alias {alias} does not exist", "ExtensionNotFound")
        return answer({"extension": self._extension(alias)})

    async def quotas(self, request: web.Request) -> web.Response:
        amounts = {"network": 100, "subnet": 100, "subnetpool": -1, "port": 500, "router": 10, "floatingip": 50}
        return answer({"quota": {**amounts, "security_group": 10, "security_group_rule": 100}})

    async def agents(self, request: web.Request) -> web.Response:
        host = f"{self.place.site.lower()}-compute"
        row = {"id": str(uuid.UUID(int=1)), "agent_type": "Open vSwitch agent", "host": host, "alive": True}
        row |= {"binary": "neutron-openvswitch-agent", "admin_state_up": True, "topic": "N/A"}
        return answer({"agents": [row] if access_of(request).is_admin else []})

    async def zones(self, request: web.Request) -> web.Response:
        return answer({"availability_zones": [{"name": "nova", "resource": "network", "state": "available"}]})

    # ---- the table's collections

    def add(self, kind: str, values: Item, project: str) -> Item:
        """An item without asking anybody: for the seed, and for create."""
        stamp = now()
        item = {"id": str(uuid.uuid4()), "name": "", **KINDS[kind].defaults, "description": "", "tags": [], **values}
        item |= {"project_id": project, "tenant_id": project, "created_at": stamp, "updated_at": stamp}
        item["revision_number"] = 1
        item = {key: list(value) if isinstance(value, list) else value for key, value in item.items()}
        if kind in self._prepare:
            self._prepare[kind](item)
        self.items[kind][item["id"]] = item
        return item

    def _parent(self, item: Item) -> Item:
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
        self._parent(item)["subnets"].append(item["id"])

    def _as_port(self, item: Item) -> None:
        network = self._parent(item)
        item.setdefault("mac_address", "fa:16:3e:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3)))
        asked = item.get("fixed_ips") or []
        item["fixed_ips"] = [self._address(network, row) for row in asked or ([{}] if network["subnets"] else [])]
        if not item.get("security_groups"):
            item["security_groups"] = [self._default_group(item["project_id"])["id"]]

    def _address(self, network: Item, asked: Item) -> Item:
        subnet = self.items["subnets"][asked.get("subnet_id") or network["subnets"][0]]
        used = {ip["ip_address"] for port in self.items["ports"].values() for ip in port["fixed_ips"]}
        free = (
            str(ip) for ip in itertools.islice(ipaddress.ip_network(subnet["cidr"]), 2, None) if str(ip) not in used
        )
        return {"subnet_id": subnet["id"], "ip_address": asked.get("ip_address") or next(free)}

    def _default_group(self, project: str) -> Item:
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

    def _sees(self, access: Access, kind: str, item: Item) -> bool:
        if access.owns(item["project_id"]) or KINDS[kind].shared(item):
            return True
        return kind == "subnets" and KINDS["networks"].shared(self._parent(item))

    def _found(self, request: web.Request, kind: str, *, own: bool = False) -> Item:
        id_, access, row = request.match_info["id"], access_of(request), KINDS[kind]
        item = self.items[kind].get(id_)
        if item is None or not self._sees(access, kind, item):
            name = "".join(part.capitalize() for part in row.singular.split("_"))
            message = f"{row.title} {id_} could not be found."
            if kind.startswith("security-group"):
                message = f"{row.title} {id_} does not exist"
            raise Fault(404, message, f"{name}NotFound")
        if own and not access.owns(item["project_id"]):
            raise Fault(403, f"rule:update_{row.singular} is disallowed by policy")
        return item

    def _listing(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            access = access_of(request)
            if kind == "security-groups" and access.project_id:
                self._default_group(access.project_id)
            items = [item for item in self.items[kind].values() if self._sees(access, kind, item)]
            order = [(key, down) for key, down in orders(request.query, [("id", False)])]
            if "sort_key" in request.query and "sort_dir" not in request.query:
                order = [(key, False) for key, _ in order]
            found = ordered(_matching(items, request), order)
            if request.query.get("page_reverse", "").lower() == "true":
                found.reverse()
            part = page(found, request.query)
            fields = request.query.getall("fields", [])
            shown = [{key: i[key] for key in fields if key in i} if fields else i for i in part.items]
            body: Item = {kind.replace("-", "_"): shown}
            if "limit" in request.query:
                body[f"{kind.replace('-', '_')}_links"] = self._page_links(request, kind, part.marker, part.items)
            return answer(body)

        return handler

    def _page_links(self, request: web.Request, kind: str, marker: str | None, items: list[Item]) -> list[Item]:
        links, root = [], f"{self.base(request)}{_ROOT}/{kind}"
        if marker:
            query = request.rel_url.update_query(marker=marker).raw_query_string
            links.append({"rel": "next", "href": f"{root}?{query}"})
        if items and "marker" in request.query:
            query = request.rel_url.update_query(marker=items[0]["id"], page_reverse="True").raw_query_string
            links.append({"rel": "previous", "href": f"{root}?{query}"})
        return links

    def _creating(self, kind: str) -> Handler:
        singular = KINDS[kind].singular

        async def handler(request: web.Request) -> web.Response:
            access, values = access_of(request), await json_of(request, singular)
            if not access.is_admin and (values.get("shared") or values.get("router:external")):
                raise Fault(403, f"(rule:create_{singular}) is disallowed by policy")
            asked = values.get("project_id") or values.get("tenant_id")
            project = asked if asked and access.is_admin else access.project_id
            return answer({singular: self.add(kind, values, project or "")}, 201)

        return handler

    def _showing(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            return answer({KINDS[kind].singular: self._found(request, kind)})

        return handler

    def _changing(self, kind: str) -> Handler:
        singular = KINDS[kind].singular

        async def handler(request: web.Request) -> web.Response:
            item = self._found(request, kind, own=True)
            item.update(await json_of(request, singular), updated_at=now())
            item["revision_number"] += 1
            if item.get("binding:host_id") and kind == "ports":
                item.update({"binding:vif_type": "ovs", "status": "ACTIVE"})
            return answer({singular: item})

        return handler

    def _deleting(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            item = self._found(request, kind, own=True)
            if kind == "networks" and any(port["network_id"] == item["id"] for port in self.items["ports"].values()):
                message = (
                    f"Unable to complete operation on network {item['id']}. There are one or more ports still in use."
                )
                raise Fault(409, message, "NetworkInUse")
            del self.items[kind][item["id"]]
            self._detach(kind, item)
            return empty()

        return handler

    def _detach(self, kind: str, item: Item) -> None:
        """Take a deleted item out of what lists it."""
        if kind == "subnets":
            self._parent(item)["subnets"].remove(item["id"])
        elif kind == "security-groups":
            for rule in item["security_group_rules"]:
                self.items["security-group-rules"].pop(rule["id"], None)
        elif group := self.items["security-groups"].get(item.get("security_group_id", "")):
            group["security_group_rules"].remove(item)


def _matching(items: list[Item], request: web.Request) -> list[Item]:
    """Filters are attributes; one that no item has is ignored, as neutron ignores what it does not know."""
    known = {key for item in items for key in item} | {"name", "id", "device_id"}
    return filtered(items, request.query, known)
