"""A volume's metadata: all of it, or one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, answer, json_of
from scopeproxy.emulator.collection import Item

_KEY = "/{key}"


class MetadataApi:
    """The handlers below `…/volumes/<id>/metadata`; `found` gives the volume that a request is about, or raises."""

    def __init__(self, found: Callable[[web.Request], Item]) -> None:
        self._found = found

    def routes(self, volume: str) -> Iterable[web.RouteDef]:
        root = f"{volume}/metadata"
        yield web.get(root, self.show)
        yield web.post(root, self.add)
        yield web.put(root, self.replace)
        yield web.get(root + _KEY, self.show_one)
        yield web.put(root + _KEY, self.set_one)
        yield web.delete(root + _KEY, self.remove)

    async def show(self, request: web.Request) -> web.Response:
        return answer({"metadata": self._found(request)["metadata"]})

    async def add(self, request: web.Request) -> web.Response:
        volume = self._found(request)
        volume["metadata"] = volume["metadata"] | await json_of(request, "metadata")
        return answer({"metadata": volume["metadata"]})

    async def replace(self, request: web.Request) -> web.Response:
        volume = self._found(request)
        volume["metadata"] = await json_of(request, "metadata")
        return answer({"metadata": volume["metadata"]})

    async def show_one(self, request: web.Request) -> web.Response:
        volume, key = self._one(request)
        return answer({"meta": {key: volume["metadata"][key]}})

    async def set_one(self, request: web.Request) -> web.Response:
        volume, key, given = self._found(request), request.match_info["key"], await json_of(request, "meta")
        if set(given) != {key}:
            raise Fault(400, "Request body and URI mismatch")
        volume["metadata"] = volume["metadata"] | given
        return answer({"meta": given})

    async def remove(self, request: web.Request) -> web.Response:
        volume, key = self._one(request)
        volume["metadata"] = {name: value for name, value in volume["metadata"].items() if name != key}
        return web.Response()

    def _one(self, request: web.Request) -> tuple[Item, str]:
        volume, key = self._found(request), request.match_info["key"]
        if key not in volume["metadata"]:
            raise Fault(404, f"Volume {volume['id']} has no metadata with key {key}.")
        return volume, key
