"""Where an id was seen: asked for there first.  Pure; the memory is bounded and belongs to one proxy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from scopeproxy.lang.scope import At, Location, Or, any_of, sites_of
from scopeproxy.model.messages import Reply
from scopeproxy.planning.lists import contents

_REMEMBERED = 100_000

Key = tuple[str, str, str]


class Affinity:
    """Project, service and id → the sites in whose answers the id was seen."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[Key, frozenset[str]] = OrderedDict()

    def learn(self, project: str, service: str, reply: Reply) -> None:
        """Note the ids in an answer that came from one site."""
        here = frozenset((reply.site,))
        for id_ in ids_in(reply):
            key = (project, service, id_)
            known = self._seen.get(key)
            if known is None:
                self._seen[key] = here
                continue
            self._seen.move_to_end(key)
            if not here <= known:
                self._seen[key] = known | here
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)

    def prefer(self, project: str, service: str, id_: str | None, location: Location) -> Location:
        """The location with the site first at which alone, of its sites, the id was seen; else as it is written."""
        if id_ is None or not isinstance(location, Or):
            return location
        seen = self._seen.get((project, service, id_), frozenset()).intersection(sites_of(location))
        if len(seen) != 1:
            return location
        (site,) = seen
        return any_of(sorted(location.parts, key=lambda part: part != At(site)))


def ids_in(reply: Reply) -> tuple[str, ...]:
    """The ids of the resources in an answer: of one, bare or in its envelope, or of the items of a list."""
    return tuple(_ids(contents(reply))) if reply.ok else ()


def _ids(value: Any) -> Iterator[str]:
    # What is inside of a resource that has an id of its own is part of it, or belongs to another service.
    inside = value.values() if isinstance(value, dict) and "id" not in value else (value,)
    for items in inside:
        for item in items if isinstance(items, list) else (items,):
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                yield item["id"]
