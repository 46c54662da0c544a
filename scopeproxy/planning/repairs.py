"""The calls that show a thing, make one like it, or make it like another, by the table of writable.py.

A field is set only where the service's API sets it; what cannot be is told, and no thing is ever deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from scopeproxy.model.messages import NOTHING, Headers, Held, Request
from scopeproxy.planning.divergence import Item, holds_ids, own_id
from scopeproxy.planning.natural_keys import NAMINGS, ROOTS
from scopeproxy.planning.volatile import is_volatile
from scopeproxy.planning.writable import ANY, ROWS, Beneath, Row

# What cannot be made again from what the API shows of it, in words.
_NO_MAKING = "it cannot be made again from what is shown of it"

_STAYS = "what it has beyond that stays"

_JSON = ("Content-Type", "application/json")
_PATCH = ("Content-Type", "application/openstack-images-v2.1-json-patch")

# What a create does not take as a show tells it: nova tells "" where there is no swap, and wants a number.
_TAKEN: Mapping[tuple[str, str], Any] = {("flavors", "swap"): lambda shown: shown or 0}


@dataclass(frozen=True, slots=True)
class Changes:
    """The calls that make one thing like another, and the fields in which it stays different, each with the reason."""

    calls: tuple[Request, ...]
    left: Mapping[str, str]


# ---- asking


def asked(service: str, collection: str, id_: str, project: str) -> Request | None:
    """The call that shows one thing; None where it is not known how things of the collection are asked for."""
    path = _path(service, collection, project)
    if path is None:
        return None
    return Request(service, "GET", f"{path}/{quote(id_, safe='')}", _headers(service, collection))


def _path(service: str, collection: str, project: str) -> str | None:
    row, naming = ROWS.get((service, collection)), NAMINGS.get((service, collection))
    if service not in ROOTS or (row is None and naming is None):
        return None
    below = naming.path if naming is not None else collection
    return f"{ROOTS[service].format(project=quote(project, safe=''))}/{below}"


def _headers(service: str, collection: str) -> Headers:
    row = ROWS.get((service, collection))
    version = (("OpenStack-API-Version", row.version),) if row is not None and row.version else ()
    return (("Accept", "application/json"), *version)


# ---- making


def making(service: str, collection: str, item: Item, project: str) -> Request | str:
    """The call that makes a thing like this one; or why there is none.

    Ids in it are those of the site where the thing was shown.
    """
    row, path = ROWS.get((service, collection)), _path(service, collection, project)
    if row is None or path is None or not row.made_with:
        return _NO_MAKING
    fields = {name: _taken(row, name, item[name]) for name in item if _takes(row, row.made_with, name)}
    if row.owner and item.get(row.owner):
        fields[row.owner] = item[row.owner]
    if fields.get("parent_id") in (None, item.get("domain_id")):
        fields.pop("parent_id", None)
    sent = {name: value for name, value in fields.items() if value is not None}
    return _call(row, "POST", path, {row.envelope: sent} if row.envelope else sent)


def finishing(service: str, collection: str, item: Item, id_: str, project: str) -> Iterator[Request]:
    """The calls that give a new thing what its create does not take."""
    row, path = ROWS[service, collection], _path(service, collection, project)
    for one in row.beneath:
        if item.get(one.field):
            yield _below(row, one, f"{path}/{quote(id_, safe='')}", item[one.field])


def data_of(service: str, collection: str, item: Item) -> str:
    """Where the data of a thing are, below its path; "" where it has none."""
    row = ROWS.get((service, collection))
    return row.data if row is not None and row.data and item.get("size") is not None else ""


def lacking(service: str, collection: str) -> str:
    """What a thing that is made again is without."""
    row = ROWS.get((service, collection))
    return row.without if row is not None else ""


# ---- changing


def changing(service: str, collection: str, fields: Iterable[str], like: Item, item: Item, project: str) -> Changes:
    """How `item` is made like another one in these fields."""
    row, path, id_ = ROWS.get((service, collection)), _path(service, collection, project), own_id(item)
    if row is None or path is None or id_ is None:
        return Changes((), dict.fromkeys(fields, f"how {collection} of {service} are changed is not known here"))
    target, left, set_ = f"{path}/{quote(id_, safe='')}", dict[str, str](), dict[str, Any]()
    calls: list[Request] = []
    beneath = {one.field: one for one in row.beneath}
    for name in fields:
        value = like.get(name)
        if name in beneath:
            calls.append(_below(row, beneath[name], target, _instead(beneath[name], value, item.get(name))))
            left.update({name: _STAYS} if _has_more(beneath[name], value, item.get(name)) else {})
        elif why := _why_not(row, name, value):
            left[name] = why
        else:
            set_[name] = row.blank if value is None else value
    if set_:
        calls.insert(0, _change(row, target, set_, like, item))
    return Changes(tuple(calls), left)


def _why_not(row: Row, name: str, value: Any) -> str:
    if not _takes(row, row.set_with, name) or name in row.once:
        return f"no change of {row.collection} takes it"
    if not row.envelope and holds_ids(value, name):
        return "it names something else, which may be called differently there"
    return ""


def _instead(one: Beneath, value: Any, before: Any) -> Any:
    """What is sent so that a field says this, and no more."""
    if not isinstance(before, dict):
        return value or []
    gone = dict.fromkeys(before.keys() - (value or {}).keys()) if one.by_null else {}
    return {**(value or {}), **gone}


def _has_more(one: Beneath, value: Any, before: Any) -> bool:
    return one.adds and isinstance(before, dict) and bool(before.keys() - (value or {}).keys())


def _below(row: Row, one: Beneath, target: str, value: Any) -> Request:
    for key in reversed(one.key.split(".")):
        value = {key: value}
    return _call(row, one.method, f"{target}/{one.path}", value)


def _change(row: Row, target: str, fields: Mapping[str, Any], like: Item, item: Item) -> Request:
    if row.envelope:
        return _call(row, row.verb, target, {row.envelope: dict(fields)})
    steps = [_step(name, value, like, item) for name, value in fields.items()]
    return Request(row.service, row.verb, target, (_PATCH, *_headers(row.service, row.collection)), _held(steps))


def _step(name: str, value: Any, like: Item, item: Item) -> dict[str, Any]:
    """A step of a JSON patch (RFC 6902): a field that the other one does not have goes."""
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    if name not in like:
        return {"op": "remove", "path": path}
    return {"op": "replace" if name in item else "add", "path": path, "value": value}


def _takes(row: Row, fields: tuple[str, ...], name: str) -> bool:
    if fields != ANY:
        return name in fields
    return name not in (*row.only_read, "id") and not is_volatile(row.service, row.collection, name)


def _taken(row: Row, name: str, value: Any) -> Any:
    taken = _TAKEN.get((row.collection, name))
    return value if taken is None else taken(value)


def _call(row: Row, method: str, target: str, body: Any) -> Request:
    return Request(row.service, method, target, (_JSON, *_headers(row.service, row.collection)), _held(body))


def _held(body: Any) -> Held:
    return Held(json.dumps(body).encode()) if body is not None else NOTHING
