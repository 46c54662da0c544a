"""A call's ids as another site knows them: found where they stand, and replaced there; all else stays as it is.

What an id is called elsewhere is for execution to find out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from scopeproxy.model.messages import Held, Request
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.intent import Intent, is_uuid, parts_of
from scopeproxy.planning.reference_fields import (
    ANY,
    BODIES,
    FREE,
    OWN_QUERIES,
    PATHS,
    QUERIES,
    RELATIONS,
    SOURCES,
    WORDS,
)

# An id with the service and the collection to which it belongs.
Key = tuple[str, str, str]

# What such an id is called at one site.
Translation = Mapping[Key, str]

# What is the same everywhere, or no id: the id of the default domain, and neutron's word for all projects.
_EVERYWHERE = frozenset({"", "default", "*"})


@dataclass(frozen=True, slots=True)
class Place:
    """An id that stands in a call.  `itself`: it names what the call is about, and not something else beside it."""

    service: str
    collection: str
    field: str
    value: str
    itself: bool = False

    @property
    def key(self) -> Key:
        return (self.service, self.collection, self.value)


# Of a place: what is to stand there.
_Change = Callable[[Place], str]


def places(request: Request, intent: Intent) -> tuple[Place, ...]:
    """Every id in the path, the query and (of a write) the body of a call."""
    found: list[Place] = []

    def note(place: Place) -> str:
        found.append(place)
        return place.value

    _changed(request, intent, note)
    return tuple(dict.fromkeys(found))


def translated(request: Request, intent: Intent, translation: Translation) -> Request:
    """The call with the ids that another site has in their place; the same call where none is translated."""
    if not translation:
        return request
    return _changed(request, intent, lambda place: translation.get(place.key, place.value))


def _changed(request: Request, intent: Intent, change: _Change) -> Request:
    def changed(place: Place) -> str:
        return place.value if place.value in _EVERYWHERE else change(place)

    path, mark, query = request.target.partition("?")
    target = _path(path, request, changed) + mark + _query(query, request, intent, changed)
    body = _body(request, intent, changed) if intent.writes else None
    if target == request.target and body is None:
        return request
    return replace(request, target=target, body=request.body if body is None else Held(json.dumps(body).encode()))


# ---- paths


def _path(path: str, request: Request, change: _Change) -> str:
    parts, segments = parts_of(request), path.split("/")
    filled = [number for number, segment in enumerate(segments) if segment]
    tail = filled[len(filled) - len(parts) :] if parts else []
    if tuple(segments[number] for number in tail) != parts:
        # Containers and objects, stacks of two names: those are no ids.
        return path
    for place, number in _named(request, parts, tail):
        new = change(place)
        if new != place.value:
            segments[number] = quote(new, safe="")
    return "/".join(segments)


def _named(request: Request, parts: tuple[str, ...], tail: list[int]) -> Iterator[tuple[Place, int]]:
    related = RELATIONS.get(request.service, frozenset())
    relates = sum(part in related for part in parts[::2]) > 1
    for at in range(1, len(parts), 2):
        collection = parts[at - 1]
        if collection in WORDS or parts[at] in WORDS:
            continue
        elsewhere = next((to for service, part, *to in PATHS if (service, part) == (request.service, collection)), None)
        service, names = elsewhere or (request.service, collection)
        itself = elsewhere is None and not (relates and collection in related)
        yield Place(service, names, collection, unquote(parts[at]), itself), tail[at]


# ---- queries


def _query(query: str, request: Request, intent: Intent, change: _Change) -> str:
    if not query:
        return query
    return "&".join(_pair(pair, request, intent, change) for pair in query.split("&"))


def _pair(pair: str, request: Request, intent: Intent, change: _Change) -> str:
    written, mark, value = pair.partition("=")
    place = _filter(unquote_plus(written), unquote_plus(value), request, intent)
    if place is None or (new := change(place)) == place.value:
        return pair
    return written + mark + quote(new, safe="")


def _filter(name: str, value: str, request: Request, intent: Intent) -> Place | None:
    if name in OWN_QUERIES and request.service in SERVICES and not intent.beneath:
        return Place(request.service, intent.collection, name, value, itself=True)
    for service, collection, key, to_service, to_collection in QUERIES:
        if key == name and _concerns(service, collection, request, intent):
            return Place(to_service, to_collection, name, value)
    return None


def _concerns(service: str, collection: str, request: Request, intent: Intent) -> bool:
    # What a field means in an application of one's own is not ours to guess.
    of_service = service == request.service or (service == ANY and request.service in SERVICES)
    return of_service and collection in (ANY, intent.collection)


# ---- bodies


def _body(request: Request, intent: Intent, change: _Change) -> Any:
    """The body with its ids changed; None when none of them is."""
    body = found = request.json
    for service, collection, path, to_service, to_collection in BODIES:
        if _concerns(service, collection, request, intent):
            to = (to_service, to_collection) if to_service else None
            body = _at(body, tuple(path.replace("[]", ".[]").split(".")), "", None, to, change)
    return None if body == found else body


def _at(value: Any, path: tuple[str, ...], field: str, holder: Any, to: tuple[str, str] | None, change: _Change) -> Any:
    """The value with what stands at the path changed; the same object where nothing is."""
    if not path:
        if field.endswith(".name") and isinstance(value, str) and not is_uuid(value):
            return value
        to = to or SOURCES.get(str((holder or {}).get("source_type")))
        return change(Place(*to, field, value)) if to is not None and isinstance(value, str) else value
    step, rest = path[0], path[1:]
    if isinstance(value, list) and step != "[]":
        # Neutron creates many at once: {"ports": […]} in the place of {"port": …}.
        step, rest = "[]", path
    if step == "[]":
        if not isinstance(value, list):
            return value
        return [_at(one, rest, f"{field}[{number}]", value, to, change) for number, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    wanted = (name for name in value if name not in FREE) if step == ANY else (step,) if step in value else ()
    new = {name: _at(value[name], rest, f"{field}.{name}".lstrip("."), value, to, change) for name in wanted}
    return {**value, **new}
