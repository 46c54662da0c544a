"""Who is a member of keystone's groups."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, access_of, answer, empty
from scopeproxy.emulator.directory import Directory


class MembershipApi:
    """The handlers below /v3/groups/<id>/users; groups give no roles here."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._members: dict[str, list[str]] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        members = "/v3/groups/{group}/users"
        return [
            web.get(members, self.listed),
            web.put(members + "/{user}", self.add),
            web.get(members + "/{user}", self.check),
            web.delete(members + "/{user}", self.remove),
        ]

    def _of(self, request: web.Request) -> list[str]:
        if not access_of(request).is_admin:
            raise Fault(403, "You are not authorized to perform the requested action: identity:list_users_in_group.")
        for kind in ("group", "user"):
            id_ = request.match_info.get(kind)
            if id_ is not None and id_ not in self._directory.items[f"{kind}s"]:
                raise Fault(404, f"Could not find {kind}: {id_}.")
        return self._members.setdefault(request.match_info["group"], [])

    def _in(self, request: web.Request) -> list[str]:
        members = self._of(request)
        if request.match_info["user"] not in members:
            raise Fault(404, f"User {request.match_info['user']} was not found in the group.")
        return members

    async def listed(self, request: web.Request) -> web.Response:
        users = self._directory.items["users"]
        return answer({"users": [users[id_] for id_ in self._of(request) if id_ in users], "links": {"next": None}})

    async def add(self, request: web.Request) -> web.Response:
        members = self._of(request)
        members[:] = dict.fromkeys([*members, request.match_info["user"]])
        return empty()

    async def check(self, request: web.Request) -> web.Response:
        self._in(request)
        return empty()

    async def remove(self, request: web.Request) -> web.Response:
        self._in(request).remove(request.match_info["user"])
        return empty()
