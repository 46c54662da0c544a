"""A site's cinder: volumes and snapshots, with the project in the path or without it."""

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
from scopeproxy.emulator.volumemetadata import MetadataApi
from scopeproxy.emulator.volumetypes import TypeApi

_FAULTS = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 409: "conflictingRequest"}
_FILTERS = ("name", "status", "id", "bootable", "project_id", "volume_id")
_HAS_SNAPSHOTS = (
    "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing "
    "and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated "
    "from snapshots after volume transfer."
)
_PROJECT = "/v3/{project:[0-9a-f]{32}}"


class Cinder(Service):
    """`volumes` and `snapshots`: by id."""

    type, name, path = "block-storage", "cinder", "/v3/$(project_id)s"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.volumes: dict[str, Item] = {}
        self.snapshots: dict[str, Item] = {}
        self.types = TypeApi()
        self._metadata = MetadataApi(lambda request: self._found(request)[1])

    def routes(self) -> Iterable[web.RouteDef]:
        yield web.get("/", self.versions)
        yield web.get("/v3", self.moved)
        yield web.get("/v3/", self.version)
        for root in (_PROJECT, "/v3"):  # since microversion 3.67 the project may be left out
            for kind in ("volumes", "snapshots"):
                yield web.get(f"{root}/{kind}", self.index)
                yield web.get(f"{root}/{kind}/detail", self.index)
                yield web.post(f"{root}/{kind}", self.create_volume if kind == "volumes" else self.create_snapshot)
                yield web.get(f"{root}/{kind}/{{id}}", self.show)
                yield web.put(f"{root}/{kind}/{{id}}", self.update)
                yield web.delete(f"{root}/{kind}/{{id}}", self.delete)
            yield from self._metadata.routes(f"{root}/volumes/{{id}}")
            yield from self.types.routes(root)
            yield web.get(f"{root}/limits", self.limits)
            yield web.get(f"{root}/os-quota-sets/{{id}}", self.quotas)

    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        name = _FAULTS.get(fault.status, "computeFault")
        return answer({name: {"code": fault.status, "message": fault.message}}, fault.status)

    def answers_ids(self, local_id: str) -> dict[str, str]:
        return {"x-openstack-request-id": local_id, "x-compute-request-id": local_id}

    # ---- versions

    def _version(self, request: web.Request) -> Item:
        row = {"id": "v3.0", "status": "CURRENT", "version": "3.71", "min_version": "3.0"}
        links = [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{self.base(request)}/v3/"},
        ]
        media = [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}]
        return {**row, "updated": "2023-08-31T00:00:00Z", "links": links, "media-types": media}

    async def versions(self, request: web.Request) -> web.Response:
        return answer({"versions": [self._version(request)]}, 300)

    async def moved(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{self.base(request)}/v3/"})

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
        view = self._detailed if detail else self._listed
        body: Item = {f"{singular}s": [view(request, singular, item) for item in part.items]}
        if part.marker:
            query = request.rel_url.update_query(marker=part.marker).raw_query_string
            path = request.path.removeprefix(self.prefix)
            body[f"{singular}s_links"] = [{"rel": "next", "href": f"{self.base(request)}{path}?{query}"}]
        return answer(body)

    def _view(self, request: web.Request, singular: str, item: Item) -> Item:
        """As one that was just made or changed is told."""
        item = {key: value for key, value in item.items() if key not in ("project_id", "volume_image_metadata")}
        return {**item, "links": self._links(request, singular, item["id"])} if singular == "volume" else item

    def _listed(self, request: web.Request, singular: str, item: Item) -> Item:
        view = self._view(request, singular, item)
        return {key: view[key] for key in ("id", "name", "links")} if singular == "volume" else view

    def _detailed(self, request: web.Request, singular: str, item: Item) -> Item:
        view, project = self._view(request, singular, item), item["project_id"]
        if singular == "volume":
            kept = {key: item[key] for key in ("volume_image_metadata",) if key in item}
            return view | {"os-vol-tenant-attr:tenant_id": project} | kept
        more = {"project_id": project, "progress": "100%" if item["status"] == "available" else "0%"}
        return view | {f"os-extended-snapshot-attributes:{key}": value for key, value in more.items()}

    def _found(self, request: web.Request) -> tuple[str, Item]:
        self._project(request)
        singular, items = self._kind(request)
        item = items.get(request.match_info["id"])
        if item is None or not access_of(request).owns(item["project_id"]):
            raise Fault(404, f"{singular.capitalize()} {request.match_info['id']} could not be found.")
        return singular, item

    async def show(self, request: web.Request) -> web.Response:
        singular, item = self._found(request)
        return answer({singular: self._detailed(request, singular, item)})

    async def update(self, request: web.Request) -> web.Response:
        singular, item = self._found(request)
        values = await json_of(request, singular)
        item.update({key: values[key] for key in ("name", "description", "metadata") if key in values})
        return answer({singular: self._view(request, singular, item)})

    async def delete(self, request: web.Request) -> web.Response:
        singular, item = self._found(request)
        if any(s["volume_id"] == item["id"] for s in self.snapshots.values()) and singular == "volume":
            raise Fault(400, _HAS_SNAPSHOTS)
        item["status"] = "deleting"
        self.in_background(_forgotten(self._kind(request)[1], item["id"]))
        return empty(202)

    async def create_volume(self, request: web.Request) -> web.Response:
        project, values = self._project(request), await json_of(request, "volume")
        size = values.get("size")
        if not isinstance(size, int | str) or not str(size).isdigit() or int(size) < 1:
            raise Fault(400, f"Invalid input for field/attribute size. Value: {size}. It must be 1 or more")
        kind = self.types.name(values.get("volume_type"))
        image = await self._image(request, values["imageRef"]) if values.get("imageRef") else None
        more = {"volume_image_metadata": {"image_id": image["id"], "image_name": image["name"]}} if image else {}
        volume = {
            **self._named(values, project),
            "status": "creating",
            "size": int(size),
            "volume_type": kind,
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
            **more,
        }
        return self._created(request, "volume", volume)

    def _created(self, request: web.Request, singular: str, item: Item) -> web.Response:
        (self.volumes if singular == "volume" else self.snapshots)[item["id"]] = item
        self.in_background(_become_available(item))
        return answer({singular: self._view(request, singular, dict(item))}, 202)

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
        more = {"status": "creating", "size": volume["size"], "volume_id": volume["id"]}
        return self._created(request, "snapshot", self._named(values, project) | more)

    # ---- limits

    async def quotas(self, request: web.Request) -> web.Response:
        self._project(request)
        amounts = {
            "volumes": 10,
            "snapshots": 10,
            "gigabytes": 1000,
            "backups": 10,
            "backup_gigabytes": 1000,
            "groups": 10,
        }
        amounts |= {"per_volume_gigabytes": -1} | {
            f"{kind}___DEFAULT__": -1 for kind in ("volumes", "gigabytes", "snapshots")
        }
        return answer({"quota_set": {"id": request.match_info["id"], **amounts}})

    async def limits(self, request: web.Request) -> web.Response:
        project = self._project(request)
        own = [volume for volume in self.volumes.values() if volume["project_id"] == project]
        used = {"totalVolumesUsed": len(own), "totalGigabytesUsed": sum(volume["size"] for volume in own)}
        most = {"maxTotalVolumes": 10, "maxTotalVolumeGigabytes": 1000, "maxTotalSnapshots": 10}
        snapshots = sum(item["project_id"] == project for item in self.snapshots.values())
        backups = {"maxTotalBackups": 10, "maxTotalBackupGigabytes": 1000, "totalBackupsUsed": 0}
        absolute = {**most, **used, "totalSnapshotsUsed": snapshots, **backups, "totalBackupGigabytesUsed": 0}
        return answer({"limits": {"rate": [], "absolute": absolute}})


async def _become_available(volume: Item) -> None:
    volume.update(status="available", updated_at=now()[:-1] + ".000000")


async def _forgotten(items: dict[str, Item], id_: str) -> None:
    items.pop(id_, None)
