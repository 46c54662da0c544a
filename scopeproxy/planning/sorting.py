"""The order of a merged list: scope order, or what the request sorts by.

Each site's own order is never changed: collations differ from database to database, so only the next items of the
sites are compared with one another.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import cmp_to_key
from itertools import zip_longest
from typing import Any, NamedTuple

from scopeproxy.model.messages import Request

Item = Any

# Where a direction that is not told means ascending; nova, cinder, glance and manila take descending.
ASCENDING = frozenset({"network", "load-balancer", "baremetal", "identity", "orchestration"})

# Sort keys are columns of the database; where the answer calls a field otherwise.
FIELDS = {"created_at": "created", "updated_at": "updated", "display_name": "name", "uuid": "id"}


class By(NamedTuple):
    """One key to sort by."""

    key: str
    descending: bool


def order(request: Request) -> tuple[By, ...]:
    """What the request sorts by: `sort_key` with `sort_dir`, or `sort=name:asc,size`; nothing for scope order."""
    default = "asc" if request.service in ASCENDING else "desc"
    values = {name: [value for key, value in request.query if key == name] for name in ("sort_key", "sort_dir", "sort")}
    pairs = list(zip_longest(values["sort_key"], values["sort_dir"][: len(values["sort_key"])]))
    for part in ",".join(values["sort"]).split(","):
        key, _, direction = part.partition(":")
        pairs.append((key, direction))
    return tuple(By(key, (direction or default).lower().startswith("desc")) for key, direction in pairs if key)


def interleaved(sites: Sequence[Sequence[Item]], by: Sequence[By]) -> list[Item]:
    """The sites' items in one order; equal ones in scope order."""
    if not by:
        return [item for items in sites for item in items]
    return list(heapq.merge(*sites, key=cmp_to_key(lambda one, other: compare(one, other, by))))


def compare(one: Item, other: Item, by: Sequence[By]) -> int:
    """Below 0, 0, above 0: whether one comes before, with, or after the other.  What cannot be compared is equal."""
    for key, descending in by:
        a, b = _value(one, key), _value(other, key)
        if a == b or not _comparable(a, b):
            continue
        return 1 if (a < b) == descending else -1
    return 0


def _value(item: Item, key: str) -> Any:
    if not isinstance(item, dict):
        return None
    return item[key] if key in item else item.get(FIELDS.get(key, key))


def _comparable(a: Any, b: Any) -> bool:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return numbers or (isinstance(a, str) and isinstance(b, str))
