"""A site's neutron: networks, subnets, ports and the other rows of the table, all by the same handlers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from aiohttp import web

from scopeproxy.emulator.access import Access
from scopeproxy.emulator.answers import Fault, Handler, access_of, answer, empty, json_of
from scopeproxy.emulator.collection import Item, filtered, now, ordered, orders, page
from scopeproxy.emulator.networkkinds import KINDS
from scopeproxy.emulator.networkstate import NetworkState
from scopeproxy.emulator.networktags import TagApi
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
        self.state = NetworkState()
        self.items, self.add = self.state.items, self.state.add

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.get("/", self.versions)
        yield web.get(_ROOT + "/", self.resources)
        yield web.get(_ROOT + "/extensions", self.extensions)
        yield web.get(_ROOT + "/extensions/{alias}", self.extension)
        yield web.get(_ROOT + "/quotas/{project}", self.quotas)
        yield web.get(_ROOT + "/agents", self.agents)
        yield web.get(_ROOT + "/availability_zones", self.zones)
        yield from TagApi(lambda request, kind, own: self._found(request, kind, own=own)).routes(_ROOT, KINDS)
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

    def _sees(self, access: Access, kind: str, item: Item) -> bool:
        if access.owns(item["project_id"]) or KINDS[kind].shared(item):
            return True
        return kind == "subnets" and KINDS["networks"].shared(self.state.network_of(item))

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
                self.state.default_group(access.project_id)
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
            self.state.remove(kind, item)
            return empty()

        return handler


def _matching(items: list[Item], request: web.Request) -> list[Item]:
    """Filters are attributes; one that no item has is ignored, as neutron ignores what it does not know."""
    known = {key for item in items for key in item} | {"name", "id", "device_id"}
    if "tags" in request.query:  # all of them, where other lists are met by one
        wanted = set(request.query["tags"].split(","))
        items = [item for item in items if wanted <= set(item.get("tags", []))]
    return filtered(items, request.query, known - {"tags"})
