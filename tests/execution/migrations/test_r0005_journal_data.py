"""The fifth revision lets data wait, and what waits already be found by its marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from scopeproxy.execution.migrations import r0003_journal, r0005_journal_data


def test_what_waits_already_is_marked():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db, Operations.context(MigrationContext.configure(db)):
        r0003_journal.upgrade()
        row = dict.fromkeys(("write", "site", "owner", "service", "method", "path", "state", "answer", "known"), "x")
        row |= dict.fromkeys(("whole", "made", "unsure", "tries", "next_try", "until", "size"), 0)
        row |= {"id": 7, "kind": "create", "touches": "", "mentions": "a b", "sealed": b""}
        columns = (sa.column(name) for name in row)
        db.execute(sa.table("journal", *columns).insert().values(row))
        r0005_journal_data.upgrade()
        marks = db.execute(sa.text("SELECT entry, touched, mark FROM journal_marks ORDER BY mark")).all()
        assert marks == [(7, 0, "a"), (7, 0, "b")]
        assert db.execute(sa.text("SELECT data FROM journal")).all() == [(None,)]
    engine.dispose()
