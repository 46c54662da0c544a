"""What lists look like on the wire: the items of an answer, and the site that a merged one tells of each.

Nova, keystone, neutron, cinder and glance put a list into an envelope, `{"servers": […]}`; swift answers an array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SITE = "scope_site"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list, out of its wrapping; `site` is None in an answer which is not merged."""

    body: Mapping[str, Any]
    site: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, and what its answer calls it: `servers`, or nothing for an array without an envelope."""

    name: str
    items: tuple[Item, ...]


def lists(document: Any) -> Iterator[Listed]:
    """The lists of objects in an answer; its links are none."""
    named = document.items() if isinstance(document, dict) else [("", document)]
    for name, value in named:
        if isinstance(value, list) and not str(name).endswith("links"):
            yield Listed(str(name), tuple(_item(one) for one in value if isinstance(one, dict)))


def identity(body: Mapping[str, Any]) -> str | None:
    """What openstacksdk takes for the id of an item: a key pair's is its name."""
    found = next((body[key] for key in ("id", "uuid", "name", "zoneName") if body.get(key) is not None), None)
    return None if found is None else str(found)


def _item(value: dict[str, Any]) -> Item:
    inner = next(iter(value.values())) if len(value) == 1 else None  # nova's key pairs: {"keypair": {…}}
    body = inner if isinstance(inner, dict) else value
    site = body.get(SITE)
    return Item({key: one for key, one in body.items() if key != SITE}, None if site is None else str(site))
