"""The first revision makes what the first release had, and nothing of later ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from scopeproxy.execution.migrations import r0001_first


def test_its_tables():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db:
        with Operations.context(MigrationContext.configure(db)):
            r0001_first.upgrade()
        tables = set(sa.inspect(db).get_table_names())
    engine.dispose()
    assert tables == {"requests", "scopes", "logins", "site_logins", "signatures", "pages"}
