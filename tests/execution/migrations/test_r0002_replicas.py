"""The second revision adds replica sets and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from scopeproxy.execution.migrations import r0002_replicas


def test_its_tables():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db:
        with Operations.context(MigrationContext.configure(db)):
            r0002_replicas.upgrade()
        assert set(sa.inspect(db).get_table_names()) == {"pages", "replicas", "outbox"}
        assert sa.inspect(db).get_pk_constraint("replicas")["constrained_columns"] == [
            *("site", "service", "collection", "id")
        ]
    engine.dispose()
