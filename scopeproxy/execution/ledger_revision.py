"""Which revision the ledger's tables have, found without Alembic: most starts find the newest."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from scopeproxy.execution import migrations

_VERSIONS = sa.table("alembic_version", sa.column("version_num"))


@cache
def newest() -> str:
    """The revision that this release works with: its files are called `r<revision>_<what>.py`."""
    names = (path.stem for path in Path(migrations.__file__).parent.glob("r[0-9]*_*.py"))
    return max(name.partition("_")[0].removeprefix("r") for name in names)


def is_newest(connection: sa.Connection) -> bool:
    """Whether nothing is to be done."""
    if not sa.inspect(connection).has_table(_VERSIONS.name):
        return False
    return connection.execute(sa.select(_VERSIONS.c.version_num)).scalars().all() == [newest()]


def confirm(connection: sa.Connection) -> None:
    """Write what is there already: a database that cannot be written to is told at the start."""
    connection.execute(_VERSIONS.update().values(version_num=newest()))
