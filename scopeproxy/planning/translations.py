"""A call's ids as another site knows them: found where they stand, and replaced there; all else stays as it is.

What an id is called elsewhere is for execution to find out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from scopeproxy.model.messages import Held, Reply, Request, with_header
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.intent import Intent, is_uuid, parts_of
from scopeproxy.planning.reference_fields import ANY, BODIES, FREE, HOLDERS, OR_NAMES, Row
from scopeproxy.planning.reference_targets import OWN_QUERIES, PATHS, QUERIES, RELATIONS, WORDS

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


# What a path to a field is made of.
_ITEMS, _COMMAS = "[]", "[,]"
_STEPS = re.compile(r"\[,?\]|[^.\[]+")
_NUMBER = re.compile(r"\[\d+\]\Z")

# What neutron lets stand behind an id.
_SUFFIX = ".json"

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


def with_ids_of_client(reply: Reply, names: Translation) -> Reply:
    """A refusal in whose text the ids that a site was asked for are again those that its client sent.

    Only what no other text can be is replaced: UUIDs.
    """
    told = {new: old for (_, _, old), new in names.items() if is_uuid(new) and new != old}
    if not told:
        return reply
    ids = re.compile(b"|".join(re.escape(new.encode()) for new in told))
    body = ids.sub(lambda found: told[found[0].decode()].encode(), reply.body)
    if body == reply.body:
        return reply
    return replace(reply, body=body, headers=with_header(reply.headers, "Content-Length", str(len(body))))


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
    *front, last = [segments[number] for number in tail] or [""]
    suffix = _SUFFIX if last.endswith(_SUFFIX) and parts and last == parts[-1] + _SUFFIX else ""
    if parts and (*front, last.removesuffix(suffix)) != parts:
        # Containers and objects, stacks of two names: those are no ids.
        return path
    for place, number in _named(request, parts, tail):
        new = change(place)
        if new != place.value:
            segments[number] = quote(new, safe="") + (suffix if number == tail[-1] else "")
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
        itself = elsewhere is None and not ((relates or at > 1) and collection in related)
        yield Place(service, names, collection, unquote(parts[at]), itself), tail[at]


# ---- queries


def _query(query: str, request: Request, intent: Intent, change: _Change) -> str:
    if not query:
        return query
    return "&".join(_pair(pair, request, intent, change) for pair in query.split("&"))


def _pair(pair: str, request: Request, intent: Intent, change: _Change) -> str:
    written, mark, value = pair.partition("=")
    name, told = unquote_plus(written), unquote_plus(value)
    inner, within, rest = told.partition("=")
    if within and (new := _filtered(f"{name}={inner}", rest, request, intent, change)) != rest:
        return written + mark + quote(f"{inner}={new}", safe="")
    new = _filtered(name, told, request, intent, change)
    return pair if new == told else written + mark + quote(new, safe="")


def _filtered(name: str, value: str, request: Request, intent: Intent, change: _Change) -> str:
    """What a filter's value becomes: what the first of those makes of it to which it may refer."""
    if name in OWN_QUERIES and request.service in SERVICES and not intent.beneath:
        return change(Place(request.service, intent.collection, name, value, itself=True))
    changed = [change(Place(*to, name, value)) for to in _filters(request.service, intent.collection, name)]
    return next((new for new in changed if new != value), value)


@lru_cache(maxsize=1024)
def _filters(service: str, collection: str, name: str) -> tuple[tuple[str, str], ...]:
    """To which services and collections a filter of a list may refer."""
    rows = [row for row in QUERIES if row[2] == name and _concerns(row, service, collection)]
    return tuple(dict.fromkeys((to, of) for *_, to, of in rows))


def _concerns(row: Row, service: str, collection: str) -> bool:
    # What a field means in an application of one's own is not ours to guess.
    of_service = row[0] == service or (row[0] == ANY and service in SERVICES)
    return of_service and row[1] in (ANY, collection)


# ---- bodies


def _body(request: Request, intent: Intent, change: _Change) -> Any:
    """The body with its ids changed; None when none of them is."""
    body = found = request.json
    for path, to in _fields(request.service, intent.collection):
        body = _at(body, path, "", None, to, change)
    return None if body == found else body


@lru_cache(maxsize=256)
def _fields(service: str, collection: str) -> tuple[tuple[tuple[str, ...], tuple[str, str] | None], ...]:
    """The steps to the fields of a collection's bodies, and the service and collection to which each refers."""
    rows = [row for row in BODIES if _concerns(row, service, collection)]
    return tuple((tuple(_STEPS.findall(path)), (to, of) if to else None) for _, _, path, to, of in rows)


def _at(value: Any, path: tuple[str, ...], field: str, holder: Any, to: tuple[str, str] | None, change: _Change) -> Any:
    """The value with what stands at the path changed; the same object where nothing is."""
    if not path:
        return _renamed(value, field, holder, to, change)
    step, rest = path[0], path[1:]
    if step == _COMMAS:
        if not isinstance(value, str):
            return value
        return ",".join(_at(one, rest, field, holder, to, change) for one in value.split(","))
    if isinstance(value, list):
        # Neutron creates many at once: {"ports": […]} in the place of {"port": …}.
        rest = rest if step == _ITEMS else path
        return [_at(one, rest, f"{field}[{number}]", holder, to, change) for number, one in enumerate(value)]
    if step == _ITEMS:
        return _at(value, rest, field, holder, to, change)
    if not isinstance(value, dict):
        return value
    wanted = (name for name in value if name not in FREE) if step == ANY else (step,) if step in value else ()
    new = {name: _at(value[name], rest, f"{field}.{name}".lstrip("."), value, to, change) for name in wanted}
    return {**value, **new} if new else value


def _renamed(value: Any, field: str, holder: Any, to: tuple[str, str] | None, change: _Change) -> Any:
    if not isinstance(value, str) or (_NUMBER.sub("", field).rpartition(".")[2] in OR_NAMES and not is_uuid(value)):
        return value
    to = to or next((kinds.get(str(holder[key])) for key, kinds in HOLDERS.items() if key in (holder or {})), None)
    return value if to is None else change(Place(*to, field, value))
