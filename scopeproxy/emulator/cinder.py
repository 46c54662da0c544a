"""A site's cinder: volumes, their types and snapshots, with the project in the path."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from scopeproxy.emulator.answers import Fault, access_of, answer, empty, json_of, request_id_of
from scopeproxy.emulator.collection import Item, filtered, now, ordered, orders, page
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.service import Service
from scopeproxy.emulator.serviceuser import CallFailed

_FAULTS = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 409: "conflictingRequest"}
_FILTERS = ("name", "status", "id", "bootable", "project_id", "volume_id")
_PROJECT = "/v3/{project:[0-9a-f]{32}}"


class Cinder(Service):
    """`volumes` and `snapshots`: by id."""

    type, name, path = "block-storage", "cinder", "/v3/$(project_id)s"
    open_paths = frozenset({"/", "", "/v3", "/v3/"})

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.volumes: dict[str, Item] = {}
        self.snapshots: dict[str, Item] = {}
        self.types = {
            (id_ := str(uuid.uuid4())): {"id": id_, "name": "__DEFAULT__", "description": "Default Volume Type"}
        }

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.get("/", self.versions)
        yield web.get("/v3", self.version)
        yield web.get("/v3/", self.version)
        for root in (_PROJECT, "/v3"):  # since microversion 3.67 the project may be left out
            for kind in ("volumes", "snapshots"):
                yield web.get(f"{root}/{kind}", self.index)
                yield web.get(f"{root}/{kind}/detail", self.index)
                yield web.post(f"{root}/{kind}", self.create_volume if kind == "volumes" else self.create_snapshot)
                yield web.get(f"{root}/{kind}/{{id}}", self.show)
                yield web.put(f"{root}/{kind}/{{id}}", self.update)
                yield web.delete(f"{root}/{kind}/{{id}}", self.delete)
            yield web.get(f"{root}/types", self.type_list)
            yield web.get(f"{root}/types/{{id}}", self.one_type)
            yield web.get(f"{root}/limits", self.limits)
            yield web.get(f"{root}/os-quota-sets/{{id}}", self.quotas)

    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        name = _FAULTS.get(fault.status, "computeFault")
        return answer({name: {"code": fault.status, "message": fault.message}}, fault.status)

    def answers_ids(self, local_id: str) -> dict[str, str]:
        return {"x-openstack-request-id": local_id, "x-compute-request-id": local_id}

    # ---- versions

    def _version(self, request: web.Request) -> Item:
        row = {"id": "v3.0", "status": "CURRENT", "version": "3.70", "min_version": "3.0"}
        links = [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{self.base(request)}/v3/"},
        ]
        media = [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}]
        return {**row, "updated": "2022-03-30T00:00:00Z", "links": links, "media-types": media}

    async def versions(self, request: web.Request) -> web.Response:
        return answer({"versions": [self._version(request)]}, 300)

    async def version(self, request: web.Request) -> web.Response:
        return answer({"versions": [self._version(request)]})

    # ---- volumes and snapshots

    def _kind(self, request: web.Request) -> tuple[str, dict[str, Item]]:
        snapshots = "/snapshots" in request.path.removeprefix(self.prefix)
        return ("snapshot", self.snapshots) if snapshots else ("volume", self.volumes)

    def _project(self, request: web.Request) -> str:
        project, access = request.match_info.get("project", access_of(request).project_id), access_of(request)
        if project != access.project_id:
            raise Fault(400, "Malformed request url")
        return str(project)

    def _links(self, request: web.Request, singular: str, id_: str) -> list[Item]:
        base, project = self.base(request), access_of(request).project_id
        links = (
            ("self", f"{base}/v3/{project}/{singular}s/{id_}"),
            ("bookmark", f"{base}/{project}/{singular}s/{id_}"),
        )
        return [{"rel": rel, "href": href} for rel, href in links]

    async def index(self, request: web.Request) -> web.Response:
        project, (singular, items) = self._project(request), self._kind(request)
        everybody = access_of(request).is_admin and "all_tenants" in request.query
        mine = [item for item in items.values() if everybody or item["project_id"] == project]
        order = orders(request.query, [("created_at", True), ("id", True)])
        part = page(ordered(filtered(mine, request.query, _FILTERS), order), request.query, 1000)
        detail = request.path.endswith("/detail")
        body: Item = {f"{singular}s": [self._view(request, singular, item, detail) for item in part.items]}
        if part.marker:
            query = request.rel_url.update_query(marker=part.marker).raw_query_string
            path = request.path.removeprefix(self.prefix)
            body[f"{singular}s_links"] = [{"rel": "next", "href": f"{self.base(request)}{path}?{query}"}]
        return answer(body)

    def _view(self, request: web.Request, singular: str, item: Item, detail: bool = True) -> Item:
        if not detail:
            item = {key: item[key] for key in ("id", "name")}
        else:
            item = {key: value for key, value in item.items() if key != "project_id"}
        return {**item, "links": self._links(request, singular, item["id"])} if singular == "volume" else item

    def _found(self, request: web.Request) -> tuple[str, Item]:
        self._project(request)
        singular, items = self._kind(request)
        item = items.get(request.match_info["id"])
        if item is None or not access_of(request).owns(item["project_id"]):
            raise Fault(404, f"{singular.capitalize()} {request.match_info['id']} could not be found.")
        return singular, item

    async def show(self, request: web.Request) -> web.Response:
        singular, item = self._found(request)
        return answer({singular: self._view(request, singular, item)})

    async def update(self, request: web.Request) -> web.Response:
        singular, item = self._found(request)
        values = await json_of(request, singular)
        item.update({key: values[key] for key in ("name", "description", "metadata") if key in values})
        return answer({singular: self._view(request, singular, item)})

    async def delete(self, request: web.Request) -> web.Response:
        singular, item = self._found(request)
        if any(s["volume_id"] == item["id"] for s in self.snapshots.values()) and singular == "volume":
            message = "Invalid volume: Volume status must be available or error and must not have snapshots."
            raise Fault(400, message)
        del self._kind(request)[1][item["id"]]
        return empty(202)

    async def create_volume(self, request: web.Request) -> web.Response:
        project, values = self._project(request), await json_of(request, "volume")
        size = values.get("size")
        if not isinstance(size, int | str) or not str(size).isdigit():
            raise Fault(400, f"Invalid input received: Invalid volume size provided for create request: {size}")
        image = await self._image(request, values["imageRef"]) if values.get("imageRef") else None
        more = {"volume_image_metadata": {"image_id": image["id"], "image_name": image["name"]}} if image else {}
        volume = {
            **self._named(values, project),
            "status": "creating",
            "size": int(size),
            "volume_type": values.get("volume_type") or "__DEFAULT__",
            "availability_zone": values.get("availability_zone") or "nova",
            "bootable": "true" if image else "false",
            "attachments": [],
            "encrypted": False,
            "multiattach": False,
            "replication_status": None,
            "consistencygroup_id": None,
            "snapshot_id": values.get("snapshot_id"),
            "source_volid": values.get("source_volid"),
            "user_id": access_of(request).user_id,
            "os-vol-tenant-attr:tenant_id": project,
            **more,
        }
        self.volumes[volume["id"]] = volume
        shown = self._view(request, "volume", dict(volume))
        self.in_background(_become_available(volume))
        return answer({"volume": shown}, 202)

    def _named(self, values: Mapping[str, Any], project: str) -> Item:
        given = {key: values.get(key) for key in ("name", "description")}
        item = {"id": str(uuid.uuid4()), **given, "metadata": values.get("metadata") or {}, "project_id": project}
        return item | {"created_at": now()[:-1] + ".000000", "updated_at": None}

    async def _image(self, request: web.Request, image_id: str) -> Item:
        """The image, with the user's token as it came, at the glance of the token's catalog."""
        access = access_of(request)
        root = access.endpoint("image", self.place.site)
        if root is None:
            raise Fault(500, "The server has either erred or is incapable of performing the requested operation.")
        url = f"{root}/v2/images/{image_id}"
        try:
            found = await self.user.on_behalf(self.agent, access, "GET", url, request_id_of(request))
        except CallFailed:
            raise Fault(500, f"Connection to glance failed: {url}") from None
        if not found.ok:
            raise Fault(400, "Invalid image identifier or unable to access requested image.")
        return dict(found.body)

    async def create_snapshot(self, request: web.Request) -> web.Response:
        project, values = self._project(request), await json_of(request, "snapshot")
        volume = self.volumes.get(values.get("volume_id", ""))
        if volume is None or volume["project_id"] != project:
            raise Fault(404, f"Volume {values.get('volume_id')} could not be found.")
        item = self._named(values, project) | {"status": "available", "size": volume["size"]}
        self.snapshots[item["id"]] = item | {"volume_id": volume["id"]}
        return answer({"snapshot": self._view(request, "snapshot", self.snapshots[item["id"]])}, 202)

    # ---- types and limits

    def _type(self, row: Mapping[str, str]) -> Item:
        return {
            **row,
            "is_public": True,
            "extra_specs": {},
            "qos_specs_id": None,
            "os-volume-type-access:is_public": True,
        }

    async def type_list(self, request: web.Request) -> web.Response:
        return answer({"volume_types": [self._type(row) for row in self.types.values()]})

    async def one_type(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        found = next(iter(self.types.values())) if id_ == "default" else self.types.get(id_)
        if found is None:
            raise Fault(404, f"Volume type {id_} could not be found.")
        return answer({"volume_type": self._type(found)})

    async def quotas(self, request: web.Request) -> web.Response:
        self._project(request)
        amounts = {"volumes": 10, "snapshots": 10, "gigabytes": 1000, "backups": 10, "per_volume_gigabytes": -1}
        return answer({"quota_set": {"id": request.match_info["id"], **amounts}})

    async def limits(self, request: web.Request) -> web.Response:
        project = self._project(request)
        own = [volume for volume in self.volumes.values() if volume["project_id"] == project]
        used = {"totalVolumesUsed": len(own), "totalGigabytesUsed": sum(volume["size"] for volume in own)}
        most = {"maxTotalVolumes": 10, "maxTotalVolumeGigabytes": 1000, "maxTotalSnapshots": 10}
        snapshots = sum(item["project_id"] == project for item in self.snapshots.values())
        absolute = {**most, **used, "totalSnapshotsUsed": snapshots}
        return answer({"limits": {"rate": [], "absolute": absolute}})


async def _become_available(volume: Item) -> None:
    volume.update(status="available", updated_at=now()[:-1] + ".000000")
