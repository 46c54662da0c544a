"""Glance's image members: the projects that an image is shared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from scopeproxy.emulator.answers import Fault, answer, empty, json_of
from scopeproxy.emulator.collection import Item, now

_ROOT = "/v2/images/{id}/members"


class FindImage(Protocol):
    """The image that a request is about; `own`: only if the caller may change it."""

    def __call__(self, request: web.Request, *, own: bool = False) -> Item: ...


class MemberApi:
    """The handlers below /members."""

    def __init__(self, found: FindImage) -> None:
        self._found = found
        self._rows: dict[str, dict[str, Item]] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get(_ROOT, self.index),
            web.post(_ROOT, self.add),
            web.put(_ROOT + "/{member}", self.decide),
            web.delete(_ROOT + "/{member}", self.remove),
        ]

    def shared(self, image_id: str, project_id: str | None) -> bool:
        """Whether the image is shared with a project."""
        return (project_id or "") in self._rows.get(image_id, {})

    async def index(self, request: web.Request) -> web.Response:
        rows = list(self._rows.get(self._found(request)["id"], {}).values())
        return answer({"members": rows, "schema": "/v2/schemas/members"})

    async def add(self, request: web.Request) -> web.Response:
        image, values = self._found(request, own=True), await json_of(request, None, "member")
        rows = self._rows.setdefault(image["id"], {})
        if values["member"] in rows:
            raise Fault(409, f"Image member {values['member']} already exists for image {image['id']}")
        stamp, row = now(), {"image_id": image["id"], "member_id": values["member"], "status": "pending"}
        rows[values["member"]] = {**row, "created_at": stamp, "updated_at": stamp, "schema": "/v2/schemas/member"}
        return answer(rows[values["member"]])

    def _member(self, request: web.Request) -> Item:
        row = self._rows.get(self._found(request)["id"], {}).get(request.match_info["member"])
        if row is None:
            raise Fault(404, f"{request.match_info['member']} not found in the member list of the image.")
        return row

    async def decide(self, request: web.Request) -> web.Response:
        row = self._member(request)
        row.update(status=(await json_of(request, None, "status"))["status"], updated_at=now())
        return answer(row)

    async def remove(self, request: web.Request) -> web.Response:
        del self._rows[request.match_info["id"]][self._member(request)["member_id"]]
        return empty()
