"""The sixth revision adds from when on a change at a site is somebody else's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from scopeproxy.execution.migrations import r0003_journal, r0006_journal_since


def test_its_column():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db, Operations.context(MigrationContext.configure(db)):
        r0003_journal.upgrade()
        r0006_journal_since.upgrade()
        (column,) = (one for one in sa.inspect(db).get_columns("journal") if one["name"] == "since")
        assert column["nullable"]
        assert {"ix_journal_size", "ix_journal_where"} <= {one["name"] for one in sa.inspect(db).get_indexes("journal")}
    engine.dispose()
