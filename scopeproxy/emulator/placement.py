"""A site's placement: one resource provider, the site's compute host, and what is allocated of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, access_of, answer, empty, json_of, request_id_of
from scopeproxy.emulator.collection import Item
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.service import Service

_TITLES = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict"}


class Placement(Service):
    """Its links are relative.  `inventory` may be changed to make a site small."""

    type, name = "placement", "placement"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.provider = str(uuid.uuid4())
        self.inventory = {"VCPU": 64, "MEMORY_MB": 131072, "DISK_GB": 2048}
        self.allocations: dict[str, Item] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/", self.version),
            web.get("/allocation_candidates", self.candidates),
            web.get("/resource_providers", self.providers),
            web.get("/resource_providers/{id}", self.one_provider),
            web.get("/resource_providers/{id}/inventories", self.inventories),
            web.get("/resource_providers/{id}/usages", self.usages),
            web.get("/resource_providers/{id}/allocations", self.provider_allocations),
            web.get("/allocations/{consumer}", self.show),
            web.put("/allocations/{consumer}", self.allocate),
            web.delete("/allocations/{consumer}", self.free),
        ]

    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        title = _TITLES.get(fault.status, "Error")
        row = {"status": fault.status, "title": title, "detail": fault.message, "request_id": request_id_of(request)}
        return answer({"errors": [row]}, fault.status)

    async def version(self, request: web.Request) -> web.Response:
        row = {"id": "v1.0", "min_version": "1.0", "max_version": "1.39", "status": "CURRENT"}
        return answer({"versions": [{**row, "links": [{"rel": "self", "href": ""}]}]})

    def _used(self, name: str) -> int:
        rows = (row for a in self.allocations.values() for row in a["allocations"].values())
        return sum(row["resources"].get(name, 0) for row in rows)

    async def candidates(self, request: web.Request) -> web.Response:
        self._trusted(request)
        pairs = [part.partition(":") for part in request.query.get("resources", "").split(",") if part]
        if not pairs:
            raise Fault(400, "JSON does not validate: 'resources' is a required property")
        wanted = {name: int(amount) for name, _, amount in pairs}
        fits = all(self._used(name) + amount <= self.inventory.get(name, 0) for name, amount in wanted.items())
        rows = [{"allocations": {self.provider: {"resources": wanted}}, "mappings": {"": [self.provider]}}]
        resources = {n: {"capacity": size, "used": self._used(n)} for n, size in self.inventory.items()}
        summary: Item = {"resources": resources, "traits": [], "parent_provider_uuid": None}
        summary["root_provider_uuid"] = self.provider
        summaries = {self.provider: summary}
        return answer({"allocation_requests": rows if fits else [], "provider_summaries": summaries if fits else {}})

    def _trusted(self, request: web.Request) -> None:
        if not access_of(request).roles & {"admin", "service"}:
            raise Fault(403, "Policy does not allow placement to be performed.")

    def _provider(self) -> Item:
        path = f"/resource_providers/{self.provider}"
        links = [{"rel": "self", "href": path}, {"rel": "usages", "href": f"{path}/usages"}]
        name = f"{self.place.site.lower()}-compute"
        row = {"uuid": self.provider, "name": name, "generation": len(self.allocations), "links": links}
        return row | {"root_provider_uuid": self.provider, "parent_provider_uuid": None}

    def _known(self, request: web.Request) -> None:
        self._trusted(request)
        if request.match_info["id"] != self.provider:
            raise Fault(404, f"No resource provider with uuid {request.match_info['id']} found")

    async def providers(self, request: web.Request) -> web.Response:
        self._trusted(request)
        return answer({"resource_providers": [self._provider()]})

    async def one_provider(self, request: web.Request) -> web.Response:
        self._known(request)
        return answer(self._provider())

    async def inventories(self, request: web.Request) -> web.Response:
        self._known(request)
        rows = {n: {"total": t, "reserved": 0, "allocation_ratio": 1.0} for n, t in self.inventory.items()}
        return answer({"inventories": rows, "resource_provider_generation": len(self.allocations)})

    async def usages(self, request: web.Request) -> web.Response:
        self._known(request)
        rows = {name: self._used(name) for name in self.inventory}
        return answer({"usages": rows, "resource_provider_generation": len(self.allocations)})

    async def provider_allocations(self, request: web.Request) -> web.Response:
        self._known(request)
        rows = {consumer: a["allocations"][self.provider] for consumer, a in self.allocations.items()}
        return answer({"allocations": rows, "resource_provider_generation": len(self.allocations)})

    async def show(self, request: web.Request) -> web.Response:
        self._trusted(request)
        return answer(self.allocations.get(request.match_info["consumer"], {"allocations": {}}))

    async def allocate(self, request: web.Request) -> web.Response:
        self._trusted(request)
        self.allocations[request.match_info["consumer"]] = await json_of(request)
        return empty()

    async def free(self, request: web.Request) -> web.Response:
        self._trusted(request)
        consumer = request.match_info["consumer"]
        if self.allocations.pop(consumer, None) is None:
            raise Fault(404, f"No allocations for consumer '{consumer}'")
        return empty()
