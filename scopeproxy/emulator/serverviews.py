"""How nova shows a server: less or more of it, by microversion and by who looks."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha224

from aiohttp import web

from scopeproxy.emulator.answers import access_of, facts_of
from scopeproxy.emulator.collection import Item

_INTERNAL = ("nics", "flavor", "flavor_id", "image_id", "host", "fault", "launched_at", "description", "tags", "locked")


class ServerViews:
    """`base`: the root of absolute links, from the request."""

    def __init__(self, base: Callable[[web.Request], str]) -> None:
        self._base = base

    def links(self, request: web.Request, kind: str, id_: str) -> list[Item]:
        base = self._base(request)
        bookmark = {"rel": "bookmark", "href": f"{base}/{kind}/{id_}"}
        return [{"rel": "self", "href": f"{base}/v2.1/{kind}/{id_}"}, bookmark] if kind == "servers" else [bookmark]

    def brief(self, request: web.Request, server: Item) -> Item:
        return {"id": server["id"], "name": server["name"], "links": self.links(request, "servers", server["id"])}

    def full(self, request: web.Request, server: Item) -> Item:
        view = {key: value for key, value in server.items() if key not in _INTERNAL}
        view["links"] = self.links(request, "servers", server["id"])
        image = server["image_id"]
        view["image"] = {"id": image, "links": self.links(request, "images", image)} if image else ""
        view["flavor"] = self._flavor(request, server)
        view["OS-SRV-USG:launched_at"] = server["launched_at"]
        view["OS-SRV-USG:terminated_at"] = None
        host = sha224((server["tenant_id"] + server["host"]).encode()).hexdigest()
        view["hostId"] = host if server["launched_at"] else ""
        if server["status"] in ("ACTIVE", "BUILD"):
            view["progress"] = 0
        if server["status"] in ("ERROR", "DELETED") and server["fault"]:
            view["fault"] = server["fault"]
        self._newer(request, server, view)
        return view

    def _flavor(self, request: web.Request, server: Item) -> Item:
        flavor = server["flavor"]
        if facts_of(request).microversion < (2, 47):
            return {"id": flavor["id"], "links": self.links(request, "flavors", flavor["id"])}
        shown = {key: flavor[key] for key in ("ram", "vcpus", "disk", "swap", "ephemeral")}
        return {**shown, "original_name": flavor["name"], "extra_specs": flavor["specs"]}

    def _newer(self, request: web.Request, server: Item, view: Item) -> None:
        """What later microversions, and admins, see."""
        number = facts_of(request).microversion
        for since, key, value in (
            ((2, 9), "locked", server["locked"]),
            ((2, 19), "description", server["description"]),
            ((2, 26), "tags", server["tags"]),
            ((2, 63), "trusted_image_certificates", None),
            ((2, 71), "server_groups", []),
            ((2, 73), "locked_reason", None),
            ((2, 96), "pinned_availability_zone", None),
        ):
            if number >= since:
                view[key] = value
        if access_of(request).is_admin:
            prefix = "OS-EXT-SRV-ATTR:"
            view[f"{prefix}host"] = view[f"{prefix}hypervisor_hostname"] = server["host"]
            view[f"{prefix}instance_name"] = f"instance-{server['id'][:8]}"
