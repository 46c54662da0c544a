"""A site's glance: images v2, their data, members and tags."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict

from scopeproxy.emulator.access import Access
from scopeproxy.emulator.answers import Fault, access_of, answer, empty, json_of
from scopeproxy.emulator.collection import Item, filtered, now, ordered, orders, page
from scopeproxy.emulator.imagemembers import MemberApi
from scopeproxy.emulator.images import DEFAULTS, READ_ONLY, Images, patch
from scopeproxy.emulator.imagestore import ImageStore
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.service import Service

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MINORS = (15, 13, 12, 11, 10, 9, 8, 17, 7, 6, 5, 4, 3, 2, 1, 0)
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Request Entity Too Large",
    416: "Requested Range Not Satisfiable",
    500: "Internal Server Error",
}
_SETS = frozenset({"id", "name", "status", "container_format", "disk_format"})  # `in:one,other` is understood for these
_CHUNK = 1 << 20


class Glance(Service):
    """Ids are unique at this site only."""

    type, name = "image", "glance"
    open_paths = frozenset({"/", "", "/versions"})
    _schema: ClassVar[Item] = {key: {"type": ["null", "string"]} for key in ("id", "owner", *DEFAULTS)}

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.state = Images(ImageStore(place.directory / "images"))
        self.images, self.add = self.state.items, self.state.add
        self._members = MemberApi(self._found)

    def routes(self) -> Iterable[web.RouteDef]:
        image = "/v2/images/{id}"
        return [
            web.get("/", self.versions),
            web.get("/versions", self.versions),
            web.get("/v2/schemas/{kind:image|images}", self.schema),
            web.get("/v2/images", self.index),
            web.post("/v2/images", self.create),
            web.get(image, self.show),
            web.patch(image, self.update),
            web.delete(image, self.delete),
            web.put(image + "/file", self.upload),
            web.get(image + "/file", self.download),
            web.post(image + "/actions/{action:deactivate|reactivate}", self.act),
            web.put(image + "/tags/{tag}", self.tag),
            web.delete(image + "/tags/{tag}", self.untag),
            *self._members.routes(),
        ]

    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        """WebOb's answer: HTML, or JSON for those who ask for it."""
        title = _TITLES.get(fault.status, "Error")
        if "application/json" in request.headers.get("Accept", ""):
            message = f"{html.escape(fault.message)}<br /><br />\n\n\n"
            return answer({"message": message, "code": f"{fault.status} {title}", "title": title}, fault.status)
        page_ = (
            f"<html>\n <head>\n  <title>{fault.status} {title}</title>\n </head>\n <body>\n  <h1>{fault.status} {title}"
            f"</h1>\n  {html.escape(fault.message)}<br /><br />\n\n\n </body>\n</html>"
        )
        return web.Response(status=fault.status, text=page_, content_type="text/html")

    # ---- documents

    async def versions(self, request: web.Request) -> web.Response:
        links = [{"rel": "self", "href": f"{self.base(request)}/v2/"}]
        rows = [
            {"id": f"v2.{minor}", "status": "CURRENT" if minor == 17 else "SUPPORTED", "links": links}
            for minor in _MINORS
        ]
        explicit = request.path.removeprefix(self.prefix) == "/versions"
        return answer({"versions": rows}, 200 if explicit else 300)

    async def schema(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        one = {"name": "image", "properties": self._schema, "additionalProperties": {"type": "string"}}
        links = [{"rel": "self", "href": "{self}"}]
        many = {"name": "images", "properties": {"images": {"type": "array", "items": one}}, "links": links}
        return answer(one if kind == "image" else many)

    # ---- images

    def _sees(self, access: Access, image: Item) -> bool:
        member = self._members.shared(image["id"], access.project_id)
        return access.owns(image["owner"]) or image["visibility"] in ("public", "community") or member

    def _found(self, request: web.Request, *, own: bool = False) -> Item:
        id_, access = request.match_info["id"], access_of(request)
        image = self.images.get(id_)
        if image is None or not self._sees(access, image):
            raise Fault(404, f"No image found with ID {id_}")
        if own and not access.owns(image["owner"]):
            raise Fault(403, f"You are not permitted to modify image {id_}.")
        return image

    def _listed(self, request: web.Request) -> list[Item]:
        access, wanted = access_of(request), request.query.get("visibility")
        images = [image for image in self.images.values() if self._sees(access, image)]
        if wanted is None:  # community images of others show only when they are asked for, hidden ones likewise
            images = [i for i in images if i["visibility"] != "community" or access.owns(i["owner"])]
        if "os_hidden" not in request.query:
            images = [image for image in images if not image["os_hidden"]]
        query = MultiDict(request.query)
        for key in ("visibility",) if wanted == "all" else ():
            query.popall(key)
        query.popall("member_status", None)
        for key in _SETS & set(query):
            if query[key].startswith("in:"):
                wanted_values = query.pop(key).removeprefix("in:").split(",")
                images = [image for image in images if image[key] in wanted_values]
        tags = query.popall("tag", [])
        return [image for image in filtered(images, query) if set(tags) <= set(image["tags"])]

    async def index(self, request: web.Request) -> web.Response:
        if not request.query.get("limit", "0").isdigit():
            raise Fault(400, "limit param must be an integer")
        order = orders(request.query, [("created_at", True), ("id", True)])
        longest = 1000 if "limit" in request.query else 25  # glance's api_limit_max and limit_param_default
        part = page(ordered(self._listed(request), order), request.query, longest)
        rest = [(key, value) for key, value in request.query.items() if key != "marker"]
        body: dict[str, Any] = {
            "images": [self.state.view(image) for image in part.items],
            "schema": "/v2/schemas/images",
        }
        body["first"] = "/v2/images" + (f"?{urlencode(rest)}" if rest else "")
        if part.marker:
            body["next"] = f"/v2/images?{urlencode([*rest, ('marker', part.marker)])}"
        return answer(body)

    async def create(self, request: web.Request) -> web.Response:
        access, values = access_of(request), await json_of(request)
        read_only = next((key for key in values if key in READ_ONLY - {"id"}), None)
        if read_only:
            raise Fault(403, f"Attribute '{read_only}' is read-only.")
        if values.get("visibility") == "public" and not access.is_admin:
            raise Fault(403, "You are not authorized to complete publicize_image action.")
        id_ = values.get("id", "")
        if id_ and not _UUID.match(id_):
            raise Fault(400, "Invalid image id format")
        if id_ in self.images:
            raise Fault(409, f"Image ID {id_} already exists!")
        owner = values.pop("owner", None) if access.is_admin else None
        image = self.add({**values, "owner": owner or access.project_id})
        location = f"{self.base(request)}/v2/images/{image['id']}"
        more = {"OpenStack-image-import-methods": "glance-direct,web-download", "OpenStack-image-store-ids": "fs"}
        return answer(self.state.view(image), 201, {"Location": location, **more})

    async def show(self, request: web.Request) -> web.Response:
        return answer(self.state.view(self._found(request)))

    async def update(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("application/openstack-images-v2"):
            raise Fault(415, "Unsupported Content-Type")
        image = self._found(request, own=True)
        try:
            for change in json.loads(await request.read()):
                patch(image, change["op"], change["path"], change.get("value"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Fault(400, "Invalid JSON pointer or operation for this resource") from None
        image["updated_at"] = now()
        return answer(self.state.view(image))

    async def delete(self, request: web.Request) -> web.Response:
        image = self._found(request, own=True)
        if image["protected"]:
            raise Fault(403, f"Image {image['id']} is protected and cannot be deleted.")
        self.state.delete(image)
        return empty()

    async def act(self, request: web.Request) -> web.Response:
        image = self._found(request, own=True)
        before, after = ("active", "deactivated")[:: 1 if request.match_info["action"] == "deactivate" else -1]
        if image["status"] not in (before, after):
            raise Fault(403, f"Not allowed to {request.match_info['action']} image in status '{image['status']}'")
        image.update(status=after, updated_at=now())
        return empty()

    # ---- data

    async def upload(self, request: web.Request) -> web.Response:
        image = self._found(request, own=True)
        if request.content_type != "application/octet-stream":
            raise Fault(415, "Unsupported Content-Type")
        if image["status"] != "queued":
            raise Fault(409, f"Image status transition from {image['status']} to saving is not allowed")
        image["status"] = "saving"
        try:
            stored = await self.state.store.receive(image["id"], request.content.iter_chunked(_CHUNK))
        except BaseException:
            image["status"] = "queued"
            raise
        self.state.activate(image, stored)
        return empty()

    async def download(self, request: web.Request) -> web.StreamResponse:
        image = self._found(request)
        if image["status"] == "deactivated":
            raise Fault(403, "The requested image has been deactivated. Image data download is forbidden.")
        if image["status"] != "active":
            return empty()
        headers = {"Content-Type": "application/octet-stream", "Content-MD5": image["checksum"]}
        return web.FileResponse(self.state.store.path(image["id"]), chunk_size=_CHUNK, headers=headers)

    # ---- tags

    async def tag(self, request: web.Request) -> web.Response:
        tags, tag = self._found(request, own=True)["tags"], request.match_info["tag"]
        if tag not in tags:
            tags.append(tag)
        return empty()

    async def untag(self, request: web.Request) -> web.Response:
        tags, tag = self._found(request, own=True)["tags"], request.match_info["tag"]
        if tag not in tags:
            raise Fault(404, "The specified tag could not be found.")
        tags.remove(tag)
        return empty()
