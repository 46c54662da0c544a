"""Filters, orders and pages."""

from __future__ import annotations

import pytest
from multidict import MultiDict

from scopeproxy.emulator.collection import MarkerNotFound, filtered, fits, ordered, orders, page

ITEMS = [{"id": str(n), "name": name, "size": size} for n, (name, size) in enumerate([("b", 1), ("a", None), ("b", 3)])]


def ids(items):
    return "".join(item["id"] for item in items)


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (True, ["true"], True),
        (True, ["False"], False),
        (False, ["0"], True),
        (None, [""], True),
        (3, ["3"], True),
        (["x", "y"], ["y"], True),
        ("a", ["b", "a"], True),
    ],
)
def test_fits(value, wanted, expected):
    assert fits({"key": value}, "key", wanted) is expected


def test_filters_are_what_is_not_paging():
    assert ids(filtered(ITEMS, MultiDict(name="b", limit="1", marker="x"))) == "02"
    assert ids(filtered(ITEMS, MultiDict(name="b", other="x"), ["name"])) == "02"
    assert ids(filtered(ITEMS, MultiDict([("id", "0"), ("id", "1")]))) == "01"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [("id", True)]),
        ({"sort": "name:asc,size"}, [("name", False), ("size", False)]),
        ({"sort": "name:desc"}, [("name", True)]),
        ({"sort_key": "name"}, [("name", True)]),
        ({"sort_key": "name", "sort_dir": "asc"}, [("name", False)]),
        ({"sort_dir": "asc"}, [("id", False)]),
    ],
)
def test_orders(query, expected):
    assert orders(MultiDict(query), [("id", True)]) == expected


def test_each_key_has_its_own_direction_and_none_comes_first():
    assert ids(ordered(ITEMS, [("name", False), ("size", True)])) == "120"
    assert ids(ordered(ITEMS, [("size", False)])) == "102"


def test_pages():
    first = page(ITEMS, MultiDict(limit="2"))
    assert (ids(first.items), first.marker) == ("01", "1")
    last = page(ITEMS, MultiDict(limit="2", marker="1"))
    assert (ids(last.items), last.marker) == ("2", None)
    assert page(ITEMS, MultiDict(), longest=1).marker == "0"
    assert page(ITEMS, MultiDict(limit="3")).marker is None
    with pytest.raises(MarkerNotFound):
        page(ITEMS, MultiDict(marker="x"))
