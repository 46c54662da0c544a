"""The revision of the tables is known without Alembic, and is what Alembic says it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scopeproxy.execution import ledger_migrations
from scopeproxy.execution.ledger_database import engine_for, prepare
from scopeproxy.execution.ledger_revision import is_newest, newest


@pytest.fixture
def engine(state):
    made = engine_for(state)
    yield made
    made.dispose()


def test_the_newest_revision_is_the_one_that_alembic_finds():
    assert newest() == ledger_migrations._scripts().get_current_head()


def test_only_tables_of_the_newest_revision_are_left_as_they_are(engine):
    with engine.connect() as connection:
        assert not is_newest(connection)
    prepare(engine)
    with engine.begin() as connection:
        assert is_newest(connection)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        assert not is_newest(connection)


def test_a_ledger_that_is_up_to_date_is_opened_without_alembic(tmp_path):
    # It is a fifth of the time of a start, and 12 MiB for as long as the proxy runs.
    url = f"sqlite:///{tmp_path}/state.db"
    prepare(engine_for(url))
    opens = "import sys; from scopeproxy.execution.ledger_database import *; prepare(engine_for(sys.argv[1]))"
    said = subprocess.run(
        [sys.executable, "-c", f"{opens}; print('alembic' in sys.modules)", url],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert said.stdout == "False\n"
