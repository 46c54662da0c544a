"""The table of what can be written is of collections that can be asked for, and writes nothing that is volatile."""

from __future__ import annotations

import pytest

from scopeproxy.planning.natural_keys import ROOTS
from scopeproxy.planning.volatile import is_volatile
from scopeproxy.planning.writable import ANY, ROWS, Row


@pytest.mark.parametrize("row", ROWS.values(), ids=[" ".join(of) for of in ROWS])
def test_every_row_can_be_carried_out(row: Row) -> None:
    assert row.service in ROOTS
    assert bool(row.verb) == bool(row.set_with)
    assert not set(row.once) & set(row.set_with)
    for name in (*row.set_with, *(one.field for one in row.beneath)):
        assert name in ANY or not is_volatile(row.service, row.collection, name)
    if row.version:
        assert row.version.startswith(row.service)
