"""The tags of neutron's resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, answer, empty, json_of
from scopeproxy.emulator.collection import Item

# A network's own, say: the request, its collection, and whether it must be the caller's.
Find = Callable[[web.Request, str, bool], Item]


class TagApi:
    """The handlers below /v2.0/<kind>/<id>/tags."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def routes(self, root: str, kinds: Iterable[str]) -> Iterable[web.RouteDef]:
        for kind in kinds:
            tags = f"{root}/{{kind:{kind}}}/{{id}}/tags"
            yield web.get(tags, self.listed)
            yield web.put(tags, self.replace)
            yield web.delete(tags, self.clear)
            yield web.get(tags + "/{tag}", self.check)
            yield web.put(tags + "/{tag}", self.add)
            yield web.delete(tags + "/{tag}", self.remove)

    def _tags(self, request: web.Request, *, own: bool = True) -> list[str]:
        tags: list[str] = self._find(request, request.match_info["kind"], own).setdefault("tags", [])
        return tags

    def _there(self, request: web.Request, *, own: bool) -> tuple[list[str], str]:
        tags, tag = self._tags(request, own=own), request.match_info["tag"]
        if tag not in tags:
            raise Fault(404, f"Tag {tag} could not be found.", "TagNotFound")
        return tags, tag

    async def listed(self, request: web.Request) -> web.Response:
        return answer({"tags": self._tags(request, own=False)})

    async def replace(self, request: web.Request) -> web.Response:
        tags, body = self._tags(request), await json_of(request)
        if not isinstance(body.get("tags"), list):
            raise Fault(400, "Invalid input for tags.")
        tags[:] = dict.fromkeys(body["tags"])
        return answer({"tags": tags})

    async def clear(self, request: web.Request) -> web.Response:
        self._tags(request).clear()
        return empty()

    async def check(self, request: web.Request) -> web.Response:
        self._there(request, own=False)
        return empty()

    async def add(self, request: web.Request) -> web.Response:
        tags, tag = self._tags(request), request.match_info["tag"]
        tags[:] = dict.fromkeys([*tags, tag])
        return empty(201)

    async def remove(self, request: web.Request) -> web.Response:
        tags, tag = self._there(request, own=True)
        tags.remove(tag)
        return empty()
