"""A site's volume types: the default one, which every new cinder has."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, access_of, answer
from scopeproxy.emulator.collection import Item

DEFAULT = "__DEFAULT__"


class TypeApi:
    """The handlers below /types.  `rows`: by id."""

    def __init__(self) -> None:
        id_ = str(uuid.uuid4())
        self.rows: dict[str, Item] = {
            id_: {"id": id_, "name": DEFAULT, "is_public": True, "description": "Default Volume Type"}
        }

    def routes(self, root: str) -> Iterable[web.RouteDef]:
        yield web.get(f"{root}/types", self.index)
        yield web.get(f"{root}/types/{{id}}", self.show)

    def name(self, wanted: str | None) -> str:
        """Of the type that a new volume gets."""
        for row in self.rows.values():
            if (wanted or DEFAULT) in (row["id"], row["name"]):
                return str(row["name"])
        raise Fault(404, f"Volume type with name {wanted} could not be found.")

    def _view(self, request: web.Request, row: Item) -> Item:
        return {**row, "extra_specs": {}, **({"qos_specs_id": None} if access_of(request).is_admin else {})}

    async def index(self, request: web.Request) -> web.Response:
        public = {"os-volume-type-access:is_public": True}
        return answer({"volume_types": [self._view(request, row) | public for row in self.rows.values()]})

    async def show(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        found = next(iter(self.rows.values())) if id_ == "default" else self.rows.get(id_)
        if found is None:
            raise Fault(404, f"Volume type {id_} could not be found.")
        return answer({"volume_type": self._view(request, found)})
