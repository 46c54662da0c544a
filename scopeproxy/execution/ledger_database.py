"""The ledger's database as a whole: making it, opening it, and transactions in it; ledger_rows knows what is in it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from scopeproxy.errors import ConfigurationError, SiteFailure
from scopeproxy.execution.ledger_revision import confirm, is_newest

# Seconds that a worker waits for another one's transaction.  Ours take well under a millisecond.
PATIENCE = 10

T = TypeVar("T")
Work = Callable[[sa.Connection], T]


def engine_for(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        alone = parsed.get_backend_name() == "sqlite"
        options = {"timeout": PATIENCE} if alone else {}
        engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=not alone, connect_args=options)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError([f"proxy.state: not the URL of a database that can be used here: {error}"]) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _tune)
        sa.event.listen(engine, "begin", _begin)
    return engine


def _tune(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    # A commit is safe from kill -9 as soon as it is in the file; from a loss of power after the next checkpoint. An
    # fsync for each scoped call would cost more than the logins that a power cut may make necessary. What must outlast
    # that as well says so (`durable`).
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: sa.Connection) -> None:
    # A transaction that first reads and then writes would fail at once, without patience, if another worker wrote in
    # between: so writers say so from the start.
    options = connection.get_execution_options()
    writes = options.get("writes")
    if writes:
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('durable') else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def transaction(engine: sa.Engine, work: Work[T], writes: bool, tries: int, durable: bool = False) -> T:
    while True:
        try:
            with engine.connect().execution_options(writes=writes, durable=durable) as connection, connection.begin():
                return work(connection)
        except DBAPIError as error:
            tries -= 1
            # After a lost connection we cannot know whether it was done; after any other error it was not.
            if tries and not error.connection_invalidated:
                continue
            if isinstance(error, IntegrityError):
                raise
            raise SiteFailure(f"the ledger of this site does not work: {error.orig}", 503) from error


def prepare(engine: sa.Engine) -> None:
    """Make the file and the tables where they are missing or older, and find out whether we may write."""
    if engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
        _make_private(engine.url.database)
        _log_ahead(engine)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if is_newest(connection):
            confirm(connection)
            return
        # Only now: Alembic takes 12 MiB and a fifth of the time of a start.
        from scopeproxy.execution.ledger_migrations import upgrade

        upgrade(connection)


def _make_private(path: str) -> None:
    """A file for its owner only; SQLite gives its log files the same mode.

    We never open a file that exists: closing it would drop the locks that SQLite holds on it in this process.
    """
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        os.makedirs(folder, 0o700, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if os.stat(path).st_mode & 0o077:
            os.chmod(path, 0o600)


def _log_ahead(engine: sa.Engine) -> None:
    """Readers do not wait for the writer.  Stays with the file, so only its first opening changes anything."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                raw.execute("PRAGMA journal_mode = WAL").close()
                return
            except sqlite3.OperationalError as error:
                # SQLite does not use its patience here, when several workers open a new file at once.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def unusable(url: sa.URL, error: Exception) -> ConfigurationError:
    why = error.orig if isinstance(error, DBAPIError) else error
    return ConfigurationError([f"proxy.state: {url!r} cannot be opened, or not written to: {why}"])
