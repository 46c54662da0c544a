"""Which site each row of a shown list came from, found by what the row shows.

Commands show what they please: look-ups came before, names were asked for afterwards, and some rows hold no id.  So a
row belongs to the item that holds most of its cells; where that leaves a doubt between sites, nothing is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .listed import Item

Cells = frozenset[str]

# A cell that more items hold than this (a status, a zone) tells little, and is looked at only when no other is there.
_COMMON = 32
# Rows of which the items hold less than one cell in so many are no rows of these lists: the quotas of a project which
# was looked up in a list are no such list's items.
_LEAST = 3


def sites_of(rows: Sequence[Sequence[Any]], lists: Sequence[Sequence[Item]]) -> list[str] | None:
    """The site of each row, empty where it cannot be told; None: the rows are of no merged list.

    `lists`: all that the command was answered, each with its pages joined, in the order in which they were asked for.
    """
    cells = [frozenset(text for cell in row for text in _shown(cell)) for row in rows]
    known = [_Known(items) for items in lists]
    together = _Known([item for items in lists for item in items])
    main = max(known, key=lambda one: sum(len(row & one.holders.keys()) for row in cells), default=together)
    found = _in_order(cells, main) or _in_order(cells, together) or _by_cells(cells, together)
    held = sum(len(row & _held(item)) for row, item in zip(cells, found, strict=True) if item)
    if held * _LEAST < sum(map(len, cells)):
        return None
    if all(item is None or item.site is None for item in found):
        return None
    return [(item and item.site) or "" for item in found]


class _Known:
    """Items by the texts they hold."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.held = [_held(item) for item in items]
        self.holders: dict[str, list[int]] = defaultdict(list)
        for place, texts in enumerate(self.held):
            for text in texts:
                self.holders[text].append(place)

    def nearest(self, cells: Cells) -> list[int]:
        """The items that hold most of the cells, all that hold equally much."""
        holders = sorted((self.holders[text] for text in cells), key=len)
        rare = [places for places in holders if len(places) <= _COMMON] or holders[:1]
        scores = {place: len(cells & self.held[place]) for places in rare for place in places}
        best = max(scores.values(), default=0)
        return sorted(place for place, score in scores.items() if score == best)


def _in_order(rows: Sequence[Cells], known: _Known) -> list[Item | None]:
    """Row by row, when there are as many items as rows and none contradicts; otherwise nothing."""
    if len(rows) != len(known.items) or not any(item.site for item in known.items):
        return []
    fits = all(row & held and row & known.holders.keys() <= held for row, held in zip(rows, known.held, strict=True))
    return list(known.items) if fits else []


def _by_cells(rows: Sequence[Cells], known: _Known) -> list[Item | None]:
    """Each row's item by its cells.

    Rows that look alike are items that look alike, and as many: which is which then makes no difference.
    """
    alike: dict[Cells, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        alike[frozenset(row & known.holders.keys())].append(number)
    shown: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for cells, numbers in alike.items():
        shown[tuple(known.nearest(cells))] += numbers
    found: list[Item | None] = [None] * len(rows)
    for places, numbers in shown.items():
        items = [known.items[place] for place in places]
        if not items:
            continue
        if len({item.site for item in items}) == 1:
            items = items[:1] * len(numbers)
        elif len(items) != len(numbers):
            items = [Item(items[0].body, "")] * len(numbers)  # one of them, at a site that cannot be told
        for number, item in zip(sorted(numbers), items, strict=True):
            found[number] = item
    return found


def _held(item: Item) -> Cells:
    return frozenset(_texts(item.body.values()))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """All numbers and texts at any depth, and what mappings within are keyed by: `hosts: {host: {service: …}}`."""
    for value in values:
        if isinstance(value, Mapping):
            yield from _texts([*value, *value.values()])
        elif isinstance(value, list):
            yield from _texts(value)
        else:
            yield from _shown(value)


def _shown(cell: Any) -> Iterator[str]:
    """The text of a cell, or of a scalar; a column of osc_lib's holds the value as it was answered."""
    value = cell.machine_readable() if hasattr(cell, "machine_readable") else cell
    if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        yield str(value)
