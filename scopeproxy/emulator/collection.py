"""Lists as OpenStack services give them: filtered, sorted, and in pages behind a marker."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from multidict import MultiMapping

Item = dict[str, Any]

PAGING = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir", "fields", "page_reverse"})


class MarkerNotFound(LookupError):
    """The marker names no item of the list."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `marker` is the last item's id when more follow."""

    items: list[Item]
    marker: str | None = None


def now() -> str:
    """The time as glance, nova and neutron write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fits(item: Mapping[str, Any], key: str, wanted: Collection[str]) -> bool:
    """Whether an item's value is one of the wanted; booleans in any spelling."""
    value = item.get(key)
    if isinstance(value, bool):
        return any(text.lower() in (("true", "1") if value else ("false", "0")) for text in wanted)
    if isinstance(value, list):
        return any(text in value for text in wanted)
    return ("" if value is None else str(value)) in wanted


def filtered(items: Iterable[Item], query: MultiMapping[str], names: Collection[str] | None = None) -> list[Item]:
    """The items that fit every filter of the query.  `names`: the filters that count; None: every key that is not
    about paging."""
    keys = [key for key in dict.fromkeys(query) if (key in names if names is not None else key not in PAGING)]
    return [item for item in items if all(fits(item, key, query.getall(key)) for key in keys)]


def orders(query: MultiMapping[str], default: Sequence[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """What to sort by, as (key, descending): from `sort=name:asc,size` or `sort_key`s with `sort_dir`s."""
    if "sort" in query:
        pairs = [part.strip().partition(":") for part in query["sort"].split(",") if part.strip()]
        return [(key, direction == "desc") for key, _, direction in pairs]
    keys, directions = query.getall("sort_key", []), query.getall("sort_dir", [])
    if not keys:
        return [(key, directions[0] == "desc") for key, _ in default] if directions else list(default)
    usual = directions[-1] if directions else "desc"
    return [(key, (directions[n] if n < len(directions) else usual) == "desc") for n, key in enumerate(keys)]


def _rank(value: Any) -> tuple[bool, bool, Any]:
    """None first, then numbers, then text: so that any two values can be compared."""
    return (value is not None, isinstance(value, str), "" if value is None else value)


def ordered(items: Iterable[Item], order: Sequence[tuple[str, bool]]) -> list[Item]:
    """The items sorted by several keys, each in its own direction."""
    result = list(items)
    for key, descending in reversed(order):
        result.sort(key=lambda item: _rank(item.get(key)), reverse=descending)
    return result


def page(items: Sequence[Item], query: MultiMapping[str], longest: int | None = None, key: str = "id") -> Page:
    """The part of a sorted list that `limit` and `marker` ask for."""
    rest = list(items)
    if marker := query.get("marker"):
        place = next((n for n, item in enumerate(rest) if item[key] == marker), None)
        if place is None:
            raise MarkerNotFound(marker)
        rest = rest[place + 1 :]
    limits = [int(query["limit"])] if query.get("limit", "").isdigit() else []
    size = min([*limits, *([longest] if longest else [])], default=len(rest))
    shown = rest[:size]
    return Page(shown, shown[-1][key] if shown and len(rest) > size else None)
