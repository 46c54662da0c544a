"""The ledger's tables, however old they are, become those that the code works with."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import mysql

from scopeproxy.errors import ConfigurationError
from scopeproxy.execution import ledger_migrations as migrations
from scopeproxy.execution.ledger import Ledger, rows
from scopeproxy.execution.ledger_database import engine_for, prepare
from scopeproxy.execution.migrations import r0001_first


@pytest.fixture
def engine(state):
    made = engine_for(state)
    yield made
    made.dispose()


def as_the_first_release_left_it(engine: sa.Engine, without: str = "") -> None:
    with engine.begin() as db:
        context = MigrationContext.configure(db)
        with migrations.Operations.context(context):
            r0001_first.upgrade()
        db.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        db.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
        db.exec_driver_sql("INSERT INTO scopes VALUES ('digest', '{image: Corte}', 9e9)")
        if without:
            db.exec_driver_sql(f"DROP TABLE {without}")


def differences(engine: sa.Engine) -> list[object]:
    with engine.connect() as db:
        options = {"compare_type": same_bytes}
        return compare_metadata(MigrationContext.configure(db, opts=options), rows.schema)


def same_bytes(context, there, column, type_there, type_here):
    """MariaDB calls a BLOB of some length by another name; None: the usual comparison."""
    return False if isinstance(type_here, sa.LargeBinary) and isinstance(type_there, mysql.MEDIUMBLOB) else None


def test_a_new_database_has_the_tables_that_the_code_works_with(engine):
    prepare(engine)
    assert differences(engine) == []


@pytest.mark.parametrize("without", ["", "pages"])
def test_an_older_one_gets_them_and_keeps_what_it_holds(engine, without):
    as_the_first_release_left_it(engine, without)
    prepare(engine)
    assert differences(engine) == []
    with engine.connect() as db:
        assert rows.scope_text("digest", db) == ("{image: Corte}", 9e9)


def test_nothing_is_done_twice(engine):
    prepare(engine)
    prepare(engine)
    assert differences(engine) == []


def test_what_a_newer_release_made_is_left_alone(engine):
    prepare(engine)
    with engine.begin() as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="holds revision 9999, which this release does not know"):
        prepare(engine)


STARTER = """
import asyncio, sys
from scopeproxy.execution.ledger import Ledger

async def main(url):
    ledger = Ledger(url, b"k")
    print("ready", flush=True)
    sys.stdin.readline()
    await ledger.open()
    await ledger.close()

asyncio.run(main(sys.argv[1]))
"""


def test_workers_that_start_at_once_upgrade_it_once(engine, tmp_path):
    as_the_first_release_left_it(engine)
    command = [sys.executable, "-W", "error", "-c", STARTER, str(engine.url)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    told = [worker.communicate(timeout=60) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, told
    assert differences(engine) == []


async def test_ledgers_of_one_process_may_be_opened_at_once(tmp_path):
    ledgers = [Ledger(f"sqlite:///{tmp_path}/{number % 3}.db", b"k") for number in range(6)]
    await asyncio.gather(*(ledger.open() for ledger in ledgers))
    await asyncio.gather(*(ledger.close() for ledger in ledgers))
