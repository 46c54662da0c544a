"""What is written on nova's servers: metadata and tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, answer, empty, json_of
from scopeproxy.emulator.collection import Item


class LabelApi:
    """The handlers below /servers/<id>/metadata and /servers/<id>/tags.  `find`: the server of a request."""

    def __init__(self, find: Callable[[web.Request], Item]) -> None:
        self._find = find

    def routes(self, one: str) -> Iterable[web.RouteDef]:
        return [
            web.get(one + "/metadata", self.metadata),
            web.post(one + "/metadata", self.set_metadata),
            web.get(one + "/metadata/{key}", self.one_value),
            web.delete(one + "/metadata/{key}", self.delete_value),
            web.get(one + "/tags", self.tags),
            web.put(one + "/tags", self.set_tags),
            web.put(one + "/tags/{tag}", self.add_tag),
            web.delete(one + "/tags/{tag}", self.delete_tag),
        ]

    # ---- metadata

    async def metadata(self, request: web.Request) -> web.Response:
        return answer({"metadata": self._find(request)["metadata"]})

    async def set_metadata(self, request: web.Request) -> web.Response:
        server = self._find(request)
        server["metadata"].update(await json_of(request, "metadata"))
        return answer({"metadata": server["metadata"]})

    def _value(self, request: web.Request) -> tuple[Item, str]:
        metadata, key = self._find(request)["metadata"], request.match_info["key"]
        if key not in metadata:
            raise Fault(404, "Metadata item was not found")
        return metadata, key

    async def one_value(self, request: web.Request) -> web.Response:
        metadata, key = self._value(request)
        return answer({"meta": {key: metadata[key]}})

    async def delete_value(self, request: web.Request) -> web.Response:
        metadata, key = self._value(request)
        del metadata[key]
        return empty()

    # ---- tags

    async def tags(self, request: web.Request) -> web.Response:
        return answer({"tags": self._find(request)["tags"]})

    async def set_tags(self, request: web.Request) -> web.Response:
        server, body = self._find(request), await json_of(request)
        server["tags"] = list(dict.fromkeys(body.get("tags", [])))
        return answer({"tags": server["tags"]})

    async def add_tag(self, request: web.Request) -> web.Response:
        server, tag = self._find(request), request.match_info["tag"]
        is_new = tag not in server["tags"]
        server["tags"] = list(dict.fromkeys([*server["tags"], tag]))
        return empty(201 if is_new else 204)

    async def delete_tag(self, request: web.Request) -> web.Response:
        server, tag = self._find(request), request.match_info["tag"]
        if tag not in server["tags"]:
            raise Fault(404, f"Server {server['id']} has no tag '{tag}'")
        server["tags"].remove(tag)
        return empty()
