"""Entries are found by what they touch and mention."""

from __future__ import annotations

import pytest

from scopeproxy.execution import ledger_marks as marks
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.journal import Entry


@pytest.fixture
def db(tables):
    return tables


def found(db, wanted, *touched):
    return sorted({id_ for which in marks.having(wanted, touched) for id_ in db.scalars(which)})


def entry(touches, mentions):
    return Entry(0, "w", "Corte", Kind.UPDATE, True, 0.0, frozenset(touches), frozenset(mentions))


def test_an_entry_is_found_by_what_it_touches_and_by_what_it_mentions(db):
    marks.mark(1, entry("a", "ab"), db)
    marks.mark(2, entry("b", "b"), db)
    assert found(db, "a", True) == [1]
    assert found(db, "b", True) == [2]
    assert found(db, "b", False) == [1, 2]
    assert found(db, "ab", True, False) == [1, 2]
    assert found(db, "", True, False) == []
    marks.unmark([1], db)
    assert found(db, "ab", True, False) == [2]


def test_any_number_of_marks_may_be_looked_for(db):
    marks.mark(1, entry("a", "a"), db)
    assert found(db, [*map(str, range(marks.BATCH * 2)), "a"], True) == [1]
