"""Nova's flavors."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, access_of, answer, empty, facts_of, json_of
from scopeproxy.emulator.collection import Item, ordered, orders, page

_ROOT = "/v2.1/flavors"


class FlavorApi:
    """The handlers below /flavors; `items` by id."""

    def __init__(self, base: Callable[[web.Request], str]) -> None:
        self._base = base
        self.items: dict[str, Item] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get(_ROOT, self.index),
            web.get(_ROOT + "/detail", self.index),
            web.post(_ROOT, self.create),
            web.get(_ROOT + "/{id}", self.show),
            web.put(_ROOT + "/{id}", self.update),
            web.delete(_ROOT + "/{id}", self.delete),
            web.get(_ROOT + "/{id}/os-extra_specs", self.specs),
            web.post(_ROOT + "/{id}/os-extra_specs", self.set_specs),
            web.get(_ROOT + "/{id}/os-flavor-access", self.access),
        ]

    def add(self, name: str, ram: int, disk: int, vcpus: int, **more: object) -> Item:
        """A flavor without asking anybody: for the seed."""
        flavor = {"id": str(uuid.uuid4()), "name": name, "ram": ram, "disk": disk, "vcpus": vcpus}
        flavor |= {"ephemeral": 0, "swap": 0, "rxtx_factor": 1.0, "public": True, "specs": {}, "description": None}
        flavor.update({key: value for key, value in more.items() if value is not None})
        self.items[str(flavor["id"])] = flavor
        return flavor

    def _links(self, request: web.Request, id_: str) -> list[Item]:
        base = self._base(request)
        links = (("self", f"{base}{_ROOT}/{id_}"), ("bookmark", f"{base}/flavors/{id_}"))
        return [{"rel": rel, "href": href} for rel, href in links]

    def _view(self, request: web.Request, flavor: Item, *, detail: bool = True) -> Item:
        view = {"id": flavor["id"], "name": flavor["name"], "links": self._links(request, flavor["id"])}
        if facts_of(request).microversion >= (2, 55):
            view["description"] = flavor["description"]
        if not detail:
            return view
        view |= {key: flavor[key] for key in ("ram", "disk", "vcpus", "rxtx_factor")}
        view |= {
            "swap": flavor["swap"] or (0 if facts_of(request).microversion >= (2, 75) else ""),
            "OS-FLV-EXT-DATA:ephemeral": flavor["ephemeral"],
            "OS-FLV-DISABLED:disabled": False,
            "os-flavor-access:is_public": flavor["public"],
        }
        if facts_of(request).microversion >= (2, 61):
            view["extra_specs"] = flavor["specs"]
        return view

    async def index(self, request: web.Request) -> web.Response:
        detail = request.path.endswith("/detail")
        everything = access_of(request).is_admin and request.query.get("is_public", "").lower() == "none"
        flavors = [flavor for flavor in self.items.values() if flavor["public"] or everything]
        for key, column in (("minRam", "ram"), ("minDisk", "disk")):
            flavors = [flavor for flavor in flavors if flavor[column] >= int(request.query.get(key, 0))]
        order = [
            ("id" if key == "flavorid" else key, down) for key, down in orders(request.query, [("flavorid", False)])
        ]
        if "sort_key" in request.query and "sort_dir" not in request.query:
            order = [(key, False) for key, _ in order]
        part = page(ordered(flavors, order), request.query, 1000)
        body: Item = {"flavors": [self._view(request, flavor, detail=detail) for flavor in part.items]}
        if part.marker:
            next_ = request.rel_url.update_query(marker=part.marker)
            href = f"{self._base(request)}{_ROOT}{'/detail' if detail else ''}?{next_.raw_query_string}"
            body["flavors_links"] = [{"rel": "next", "href": href}]
        return answer(body)

    def _found(self, request: web.Request) -> Item:
        id_ = request.match_info["id"]
        if id_ not in self.items:
            raise Fault(404, f"Flavor {id_} could not be found.")
        return self.items[id_]

    def _admin(self, request: web.Request, rule: str) -> None:
        if not access_of(request).is_admin:
            raise Fault(403, f"Policy doesn't allow os_compute_api:{rule} to be performed.")

    async def show(self, request: web.Request) -> web.Response:
        return answer({"flavor": self._view(request, self._found(request))})

    async def create(self, request: web.Request) -> web.Response:
        self._admin(request, "os-flavor-manage:create")
        values = await json_of(request, "flavor", "name", "ram", "disk", "vcpus")
        if any(flavor["name"] == values["name"] for flavor in self.items.values()):
            raise Fault(409, f"Flavor with name {values['name']} already exists.")
        flavor = self.add(
            values["name"],
            int(values["ram"]),
            int(values["disk"]),
            int(values["vcpus"]),
            id=values.get("id"),
            public=values.get("os-flavor-access:is_public"),
            ephemeral=values.get("OS-FLV-EXT-DATA:ephemeral"),
            swap=values.get("swap") or None,
            description=values.get("description"),
        )
        return answer({"flavor": self._view(request, flavor)})

    async def update(self, request: web.Request) -> web.Response:
        self._admin(request, "os-flavor-manage:update")
        flavor, values = self._found(request), await json_of(request, "flavor", "description")
        flavor["description"] = values["description"]
        return answer({"flavor": self._view(request, flavor)})

    async def delete(self, request: web.Request) -> web.Response:
        self._admin(request, "os-flavor-manage:delete")
        del self.items[self._found(request)["id"]]
        return empty(202)

    async def specs(self, request: web.Request) -> web.Response:
        return answer({"extra_specs": self._found(request)["specs"]})

    async def set_specs(self, request: web.Request) -> web.Response:
        self._admin(request, "os-flavor-extra-specs:create")
        flavor = self._found(request)
        flavor["specs"].update(await json_of(request, "extra_specs"))
        return answer({"extra_specs": flavor["specs"]})

    async def access(self, request: web.Request) -> web.Response:
        self._admin(request, "os-flavor-access")
        if self._found(request)["public"]:
            raise Fault(404, "Access list not available for public flavors.")
        return answer({"flavor_access": []})
