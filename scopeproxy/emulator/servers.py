"""Nova's servers: create, list, show, act on, delete."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from multidict import MultiDict

from scopeproxy.emulator.answers import Fault, access_of, answer, empty, facts_of, json_of, request_id_of
from scopeproxy.emulator.boot import Boot, BuildFailed, Errand, fail
from scopeproxy.emulator.collection import Item, filtered, now, ordered, orders, page
from scopeproxy.emulator.flavors import FlavorApi
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.serverlabels import LabelApi
from scopeproxy.emulator.serverviews import ServerViews

_ROOT = "/v2.1/servers"
_FILTERS = ("status", "user_id", "tenant_id", "host", "flavor_id", "image_id", "key_name", "id")
_ALIASES = {"flavor": "flavor_id", "image": "image_id", "project_id": "tenant_id", "uuid": "id"}
_SORTS = {"created_at": "created", "updated_at": "updated", "display_name": "name", "project_id": "tenant_id"}
# action: (status it needs, status it leaves, vm state, power state)
_ACTIONS = {
    "os-start": ("SHUTOFF", "ACTIVE", "active", 1),
    "os-stop": ("ACTIVE", "SHUTOFF", "stopped", 4),
    "reboot": ("ACTIVE", "ACTIVE", "active", 1),
    "pause": ("ACTIVE", "PAUSED", "paused", 3),
    "unpause": ("PAUSED", "ACTIVE", "active", 1),
    "suspend": ("ACTIVE", "SUSPENDED", "suspended", 4),
    "resume": ("SUSPENDED", "ACTIVE", "active", 1),
}


class ServerApi:
    """The handlers below /servers; `items` by id."""

    def __init__(
        self,
        place: Place,
        boot: Boot,
        flavors: FlavorApi,
        base: Callable[[web.Request], str],
        in_background: Callable[[Awaitable[None]], None],
    ) -> None:
        self._place, self._boot, self._flavors = place, boot, flavors
        self._base, self._in_background, self._views = base, in_background, ServerViews(base)
        self._labels = LabelApi(self._found)
        self.items: dict[str, Item] = {}
        self.host = f"{place.site.lower()}-compute"

    def routes(self) -> Iterable[web.RouteDef]:
        one = _ROOT + "/{id}"
        return [
            web.get(_ROOT, self.index),
            web.get(_ROOT + "/detail", self.index),
            web.post(_ROOT, self.create),
            web.get(one, self.show),
            web.put(one, self.update),
            web.delete(one, self.delete),
            web.post(one + "/action", self.act),
            *self._labels.routes(one),
            web.get(one + "/os-volume_attachments", self.attachments),
            web.get(one + "/os-interface", self.interfaces),
            web.get(one + "/os-security-groups", self.security_groups),
        ]

    # ---- create

    async def create(self, request: web.Request) -> web.Response:
        values = await json_of(request, "server", "name", "flavorRef")
        if "networks" not in values and facts_of(request).microversion >= (2, 37):
            raise Fault(400, "Invalid input for field/attribute server. 'networks' is a required property")
        flavor = self._flavors.items.get(str(values["flavorRef"]))
        if flavor is None:
            raise Fault(400, f"Flavor {values['flavorRef']} could not be found.")
        errand = Errand(access_of(request), request_id_of(request))
        image = await self._image(errand, values.get("imageRef"), flavor)
        nics = await self._boot.networks(errand, values.get("networks", "auto"))
        server = self._new(values, flavor, image, nics, errand)
        self._in_background(self._boot.build(server, errand))
        body = {
            "id": server["id"],
            "links": self._views.links(request, "servers", server["id"]),
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": server["security_groups"],
            "adminPass": "secret",
        }
        return answer({"server": body}, 202, {"Location": f"{self._base(request)}{_ROOT}/{server['id']}"})

    async def _image(self, errand: Errand, image_id: str | None, flavor: Item) -> Item | None:
        if not image_id:
            return None
        image = await self._boot.image(errand, image_id)
        if (image.get("min_ram") or 0) > flavor["ram"]:
            raise Fault(400, "Flavor's memory is too small for requested image.")
        if (image.get("min_disk") or 0) > flavor["disk"] > 0:
            raise Fault(400, "Flavor's disk is smaller than the minimum size specified in image metadata.")
        return image

    def _new(self, values: Item, flavor: Item, image: Item | None, nics: list[Item], errand: Errand) -> Item:
        stamp = now()
        server: Item = {
            "id": str(uuid.uuid4()),
            "name": values["name"],
            "status": "BUILD",
            "tenant_id": errand.access.project_id,
            "user_id": errand.access.user_id,
            "created": stamp,
            "updated": stamp,
            "metadata": dict(values.get("metadata") or {}),
            "tags": list(values.get("tags") or []),
            "locked": False,
            "addresses": {},
            "accessIPv4": "",
            "accessIPv6": "",
            "key_name": values.get("key_name"),
            "config_drive": "",
            "security_groups": values.get("security_groups") or [{"name": "default"}],
            "os-extended-volumes:volumes_attached": [],
            "OS-DCF:diskConfig": "MANUAL",
            "OS-EXT-AZ:availability_zone": values.get("availability_zone") or "nova",
            "OS-EXT-STS:vm_state": "building",
            "OS-EXT-STS:task_state": None,
            "OS-EXT-STS:power_state": 0,
            "description": values.get("description"),
            "image_id": image and image["id"],
            "flavor": dict(flavor),
            "flavor_id": flavor["id"],
            "nics": nics,
            "host": self.host,
            "fault": None,
            "launched_at": None,
        }
        self.items[server["id"]] = server
        return server

    # ---- read

    def _matching(self, request: web.Request) -> list[Item]:
        access = access_of(request)
        everybody = access.is_admin and request.query.get("all_tenants", "0").lower() in ("1", "true", "")
        servers = [s for s in self.items.values() if everybody or s["tenant_id"] == access.project_id]
        query = MultiDict(request.query)
        for alias, column in _ALIASES.items():
            for value in query.popall(alias, []):
                query.add(column, value)
        if not everybody:
            query.popall("tenant_id", None)
        if "status" in query:
            query["status"] = query["status"].upper()
        if name := query.get("name"):
            pattern = _pattern(name)
            servers = [server for server in servers if pattern.search(server["name"])]
        return filtered(servers, query, _FILTERS)

    async def index(self, request: web.Request) -> web.Response:
        detail = request.path.endswith("/detail")
        order = [(_SORTS.get(key, key), down) for key, down in orders(request.query, [("created", True), ("id", True)])]
        part = page(ordered(self._matching(request), order), request.query, 1000)
        if detail:
            errand = Errand(access_of(request), request_id_of(request))
            for server in part.items[:1]:  # one look at neutron for the page, as nova's for security groups
                await self._boot.ports(errand, server["id"])
        show = self._views.full if detail else self._views.brief
        body: Item = {"servers": [show(request, server) for server in part.items]}
        if part.marker:
            next_ = request.rel_url.update_query(marker=part.marker).raw_query_string
            href = f"{self._base(request)}{_ROOT}{'/detail' if detail else ''}?{next_}"
            body["servers_links"] = [{"rel": "next", "href": href}]
        return answer(body)

    def _found(self, request: web.Request) -> Item:
        id_ = request.match_info["id"]
        server = self.items.get(id_)
        if server is None or not access_of(request).owns(server["tenant_id"]):
            raise Fault(404, f"Instance {id_} could not be found.")
        return server

    async def show(self, request: web.Request) -> web.Response:
        server = self._found(request)
        await self._boot.ports(Errand(access_of(request), request_id_of(request)), server["id"])
        return answer({"server": self._views.full(request, server)})

    # ---- change

    async def update(self, request: web.Request) -> web.Response:
        server, values = self._found(request), await json_of(request, "server")
        server.update({key: values[key] for key in ("name", "description") if key in values}, updated=now())
        return answer({"server": self._views.full(request, server)})

    async def delete(self, request: web.Request) -> web.Response:
        server = self._found(request)
        server["OS-EXT-STS:task_state"] = "deleting"
        self._in_background(self._remove(server, Errand(access_of(request), request_id_of(request))))
        return empty()

    async def _remove(self, server: Item, errand: Errand) -> None:
        try:
            await self._boot.tear_down(server, errand)
        except BuildFailed as failure:
            fail(server, str(failure), failure.code)
        else:
            self.items.pop(server["id"], None)

    async def act(self, request: web.Request) -> web.Response:
        server, body = self._found(request), await json_of(request)
        action = next(iter(body), "")
        if action == "os-getConsoleOutput":
            return answer({"output": f"Booting {server['name']} at {self._place.site}\n{server['name']} login: \n"})
        if action == "os-resetState":
            state = str(body[action]["state"])
            server.update({"status": state.upper(), "OS-EXT-STS:vm_state": state, "OS-EXT-STS:task_state": None})
            return empty(202)
        if action in ("lock", "unlock"):
            server["locked"] = action == "lock"
            return empty(202)
        if action not in _ACTIONS:
            raise Fault(400, f"There is no such action: {action}")
        needs, leaves, vm_state, power = _ACTIONS[action]
        if server["status"] != needs:
            state = server["OS-EXT-STS:vm_state"]
            message = f"Cannot '{action.removeprefix('os-')}' instance {server['id']} while it is in vm_state {state}"
            raise Fault(409, message)
        server.update(status=leaves, updated=now())
        server.update({"OS-EXT-STS:vm_state": vm_state, "OS-EXT-STS:power_state": power})
        return empty(202)

    async def attachments(self, request: web.Request) -> web.Response:
        self._found(request)
        return answer({"volumeAttachments": []})

    async def interfaces(self, request: web.Request) -> web.Response:
        server = self._found(request)
        ports = await self._boot.ports(Errand(access_of(request), request_id_of(request)), server["id"])
        rows = [
            {"net_id": p["network_id"], "port_id": p["id"], "mac_addr": p["mac_address"], "port_state": p["status"]}
            | {"fixed_ips": p["fixed_ips"]}
            for p in ports
        ]
        return answer({"interfaceAttachments": rows})

    async def security_groups(self, request: web.Request) -> web.Response:
        return answer({"security_groups": self._found(request)["security_groups"]})


def _pattern(name: str) -> re.Pattern[str]:
    """Nova's name filter is a regular expression; what is none is taken as text."""
    try:
        return re.compile(name)
    except re.error:
        return re.compile(re.escape(name))
