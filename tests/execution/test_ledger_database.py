"""Transactions that are tried again, and what is told when the database cannot be used."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from scopeproxy.errors import SiteFailure
from scopeproxy.execution import ledger_database as database


def test_where_the_database_undoes_one_of_two_writers_that_one_tries_again():
    engine = sa.create_engine("sqlite://")
    met = []

    def work(connection):
        met.append(connection)
        if len(met) < 3:
            raise sa.exc.OperationalError("INSERT", {}, Exception("deadlock detected"))
        return "done"

    assert database.transaction(engine, work, writes=True, tries=3) == "done"
    met.clear()
    with pytest.raises(SiteFailure, match="deadlock"):
        database.transaction(engine, work, writes=True, tries=2)
    engine.dispose()


def test_a_write_is_not_repeated_when_the_connection_was_lost():
    engine = sa.create_engine("sqlite://")
    met = []

    def work(connection):
        met.append(connection)
        raise sa.exc.OperationalError("INSERT", {}, Exception("gone away"), connection_invalidated=True)

    with pytest.raises(SiteFailure, match="gone away"):
        database.transaction(engine, work, writes=True, tries=3)
    assert len(met) == 1
    engine.dispose()


def test_a_password_in_the_url_is_not_told():
    error = database.unusable(sa.make_url("postgresql://scope:secret@db/paris"), OSError("no route"))
    assert "no route" in str(error)
    assert "secret" not in str(error)
