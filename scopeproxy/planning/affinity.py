"""Where an id was seen: asked for there first.  Pure; the memory is bounded and belongs to one proxy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scopeproxy.lang.scope import At, Location, Or, any_of, sites_of
from scopeproxy.model.messages import Reply
from scopeproxy.planning.lists import contents

# Half of them are kept for certain.
_REMEMBERED = 100_000

# A project, a service, and a site in whose answers ids were seen.
Seen = dict[tuple[str, str, str], set[str]]


class Affinity:
    """The ids that were seen in the answers of each site.

    A list may hold ten thousand, of which each is seen again with every reading: so they are noted by the list, and
    forgotten by the half, the one in which nothing was noted for longest.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._half = remembered // 2
        self._new: Seen = {}
        self._old: Seen = {}
        self._count = 0

    def learn(self, project: str, service: str, reply: Reply) -> None:
        """Note the ids in an answer that came from one site."""
        ids = ids_in(reply)
        if not ids:
            return
        known = self._new.setdefault((project, service, reply.site), set())
        before = len(known)
        known.update(ids)
        self._count += len(known) - before
        if self._count > self._half:
            self._old, self._new, self._count = self._new, {}, 0

    def prefer(self, project: str, service: str, id_: str | None, location: Location) -> Location:
        """The location with the site first at which alone, of its sites, the id was seen; else as it is written."""
        if id_ is None or not isinstance(location, Or):
            return location
        seen = {site for site in sites_of(location) if self._was_seen((project, service, site), id_)}
        if len(seen) != 1:
            return location
        (site,) = seen
        return any_of(sorted(location.parts, key=lambda part: part != At(site)))

    def _was_seen(self, key: tuple[str, str, str], id_: str) -> bool:
        return id_ in self._new.get(key, ()) or id_ in self._old.get(key, ())


def ids_in(reply: Reply) -> tuple[str, ...]:
    """The ids of the resources in an answer: of one, bare or in its envelope, or of the items of a list."""
    return tuple(_ids(contents(reply))) if reply.ok else ()


def _ids(value: Any) -> list[str]:
    # What is inside of a resource that has an id of its own is part of it, or belongs to another service.
    inside = value.values() if isinstance(value, dict) and "id" not in value else (value,)
    return [id_ for items in inside for id_ in _of(items if isinstance(items, list) else [items])]


def _of(items: list[Any]) -> Sequence[Any]:
    try:
        found = [item["id"] for item in items]
    except (TypeError, LookupError):
        found = [item.get("id") for item in items if isinstance(item, dict)]
    return found if all(kind is str for kind in set(map(type, found))) else [id_ for id_ in found if type(id_) is str]
