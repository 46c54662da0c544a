"""Cells stand below one another, and none is too wide."""

from __future__ import annotations

from scopeproxy.edges.tables import table


def test_columns_are_as_wide_as_they_must_be() -> None:
    rows = [{"a": 1, "b": "two\nlines", "c": "x"}, {"a": "long", "b": "", "c": None}]
    assert table(("a", "b", "c"), rows) == "a     b          c\n1     two lines  x\nlong             None"


def test_what_is_too_long_is_cut() -> None:
    assert table(("a",), [{"a": "x" * 9}], widest=4) == "a\nxxx…"


def test_without_rows_there_is_no_table() -> None:
    assert table(("a",), []) == ""
