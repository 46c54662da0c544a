"""The ledger's table of what writes that wait touch and mention: entries are found by it, however many there are.

Functions of a connection; no threads.  What the marks stand for is planning/journal.py's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from scopeproxy.execution.ledger_rows import schema
from scopeproxy.planning.journal import Entry

# Marks to a query.
BATCH = 500

# `touched`: or else mentioned.
marks = sa.Table(
    "journal_marks",
    schema,
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("touched", sa.Boolean, primary_key=True),
    sa.Column("mark", sa.String(20), primary_key=True),
    sa.Index("ix_journal_marks_mark", "mark", "touched"),
)


def mark(id_: int, entry: Entry, db: sa.Connection) -> None:
    """Let an entry be found."""
    rows = [
        {"entry": id_, "touched": touched, "mark": one}
        for touched, wanted in ((True, entry.touches), (False, entry.mentions))
        for one in sorted(wanted)
    ]
    if rows:
        db.execute(marks.insert(), rows)


def unmark(ids: Collection[int], db: sa.Connection) -> None:
    """The entries are gone, or will be marked anew."""
    db.execute(marks.delete().where(marks.c.entry.in_(ids)))


def having(wanted: Collection[str], touched: Collection[bool]) -> Iterator[sa.Select[tuple[int]]]:
    """What selects the entries that touch, or mention, one of these: some of them each."""
    everything = sorted(wanted)
    for start in range(0, len(everything), BATCH):
        some = everything[start : start + BATCH]
        yield sa.select(marks.c.entry).where(marks.c.mark.in_(some) & marks.c.touched.in_(touched))
