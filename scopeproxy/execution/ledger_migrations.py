"""The ledger's tables brought to the form that this release works with, by Alembic and the revisions in migrations/."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory

from scopeproxy.errors import ConfigurationError
from scopeproxy.execution import migrations

# Several workers may start at once.  SQLite's writers wait for each other anyway; servers are asked for a lock of ours.
# MariaDB and MySQL end a transaction at every change of a table: only such a lock keeps them apart.
LOCKS = {
    "postgresql": "SELECT pg_advisory_xact_lock(5881009)",
    "mysql": "SELECT GET_LOCK('scopeproxy.migrations', 60)",
    "mariadb": "SELECT GET_LOCK('scopeproxy.migrations', 60)",
}
RELEASES = dict.fromkeys(("mysql", "mariadb"), "SELECT RELEASE_LOCK('scopeproxy.migrations')")

# Alembic's `op` is one for the whole process, and the ledgers of a process are opened by threads.
_one_at_a_time = threading.Lock()


def upgrade(connection: sa.Connection) -> None:
    """Bring the tables to the newest revision, all of the way or (where the database can) not at all.

    Raises ConfigurationError, and leaves everything as it is, where another release has made them newer.
    """
    dialect = connection.dialect.name
    with _one_at_a_time:
        if dialect in LOCKS:
            connection.exec_driver_sql(LOCKS[dialect])
        try:
            _upgrade(connection)
        finally:
            if dialect in RELEASES:
                connection.exec_driver_sql(RELEASES[dialect])


def _upgrade(connection: sa.Connection) -> None:
    scripts = _scripts()

    def steps(current: Sequence[str], _: MigrationContext) -> list[MigrationStep]:
        missing = scripts.iterate_revisions("head", current[0] if current else "base")
        return [MigrationStep.upgrade_from_script(scripts.revision_map, one) for one in reversed(list(missing))]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    found = context.get_current_revision()
    if found is not None and found not in {one.revision for one in scripts.walk_revisions()}:
        raise ConfigurationError(
            [
                f"proxy.state: {connection.engine.url!r} holds revision {found}, which this release does not know: "
                f"its newest is {scripts.get_current_head()}"
            ]
        )
    with Operations.context(context):
        context.run_migrations()


def _scripts() -> ScriptDirectory:
    folder = str(Path(migrations.__file__).parent)
    return ScriptDirectory(folder, version_locations=[folder])
