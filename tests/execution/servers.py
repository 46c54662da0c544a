"""Database servers for the tests of the ledger: started where the machine has them, each with a folder of its own."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

PATIENCE = 60.0
KINDS = ("sqlite", "mariadb", "postgresql")


class Server:
    """One server, and new databases on it.  `root`: its URL, of no database in particular."""

    def __init__(self, root: sa.URL) -> None:
        self._root, self._numbers = root, itertools.count()

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database in which nothing is."""
        name = f"state{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name}")
        try:
            yield self._root.set(database=name).render_as_string(hide_password=False)
        finally:
            self._run(f"DROP DATABASE {name}")

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(self._root, isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.exec_driver_sql(statement)
        engine.dispose()

    def wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Until it answers."""
        end = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, log.read_text()
            try:
                return self._run("SELECT 1")
            except sa.exc.OperationalError:
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)


def _program(name: str) -> str:
    """Where a program of a server is; the test is skipped where the machine has none."""
    places = [Path("/usr/sbin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, places)))
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def _owner(folder: Path, *names: str) -> str:
    """Who the server runs as: servers refuse to be root."""
    if os.geteuid():
        return getpass.getuser()
    known = {one.pw_name for one in pwd.getpwall()}
    name = next(name for name in (*names, "nobody") if name in known)
    shutil.chown(folder, name)
    return name


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], user: str, folder: Path, server: Server) -> Iterator[Server]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, user=_uid(user), cwd=folder, stdout=output, stderr=output)
    try:
        server.wait(process, log)
        yield server
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _uid(user: str) -> str | None:
    return None if os.geteuid() else user


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[Server]:
    """A MariaDB server."""
    program, maker, user = _program("mariadbd"), _program("mariadb-install-db"), _owner(folder, "mysql")
    data, port = folder / "data", _free_port()
    common = ["--no-defaults", f"--datadir={data}"]
    made = [maker, *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(made, user=_uid(user), cwd=folder, check=True, capture_output=True)
    command = [program, *common, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 's'}"]
    command += ["--innodb-flush-log-at-trx-commit=0"]
    root = sa.URL.create("mysql+pymysql", "root", host="127.0.0.1", port=port)
    with _running(command, user, folder, Server(root)) as server:
        yield server


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[Server]:
    """A PostgreSQL server."""
    program, maker, user = _program("postgres"), _program("initdb"), _owner(folder, "postgres")
    data, port = folder / "data", _free_port()
    made = [maker, "-D", str(data), "-U", "root", "--auth=trust", "--no-sync"]
    subprocess.run(made, user=_uid(user), cwd=folder, check=True, capture_output=True)
    command = [program, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
    root = sa.URL.create("postgresql+psycopg", "root", host="127.0.0.1", port=port, database="postgres")
    with _running(command, user, folder, Server(root)) as server:
        yield server


STARTERS = {"mariadb": mariadb, "postgresql": postgresql}
