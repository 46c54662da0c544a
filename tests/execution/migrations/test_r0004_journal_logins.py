"""The fourth revision adds the logins of those who have writes in the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from scopeproxy.execution.migrations import r0004_journal_logins


def test_its_table():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db:
        with Operations.context(MigrationContext.configure(db)):
            r0004_journal_logins.upgrade()
        assert sa.inspect(db).get_table_names() == ["journal_logins"]
        assert sa.inspect(db).get_pk_constraint("journal_logins")["constrained_columns"] == ["owner"]
    engine.dispose()
