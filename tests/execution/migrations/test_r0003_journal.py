"""The third revision adds the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from scopeproxy.execution.migrations import r0003_journal


def test_its_tables():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db:
        with Operations.context(MigrationContext.configure(db)):
            r0003_journal.upgrade()
        assert set(sa.inspect(db).get_table_names()) - {"sqlite_sequence"} == {"journal", "leases"}
        indexed = {index["column_names"][0] for index in sa.inspect(db).get_indexes("journal")}
        assert indexed == {"write", "owner"}
    engine.dispose()
