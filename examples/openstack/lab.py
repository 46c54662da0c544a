"""Installs, starts and stops real OpenStack services for several independent sites."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from configuration import configure, database
from processes import alive, start
from seeding import network_agent, seed_identity, seed_resources
from sites import APIS, PASSWORD, Site

HERE = Path(__file__).resolve().parent


def install(venv: Path) -> None:
    """OpenStack into an environment of its own: some 170 packages, of the versions in requirements.txt."""
    if not (venv / "bin/nova-manage").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)


def template(folder: Path, venv: Path) -> Path:
    """Empty databases with their schemas: made once, in some 10 s, and copied for each site."""
    home = folder / "template"
    if not (home / "made").exists():
        shutil.rmtree(home, ignore_errors=True)
        configure(Site("template", "127.0.0.1", home), venv)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda commands: [_manage(home, venv, command) for command in commands], _SCHEMAS))
        for file in (home / "db").glob("*.db"):
            with sqlite3.connect(file) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        (home / "made").touch()
    return home


_SCHEMAS = [
    [
        ["nova-manage", "--config-file", "etc/nova.conf", *words]
        for words in (
            ("api_db", "sync"),
            ("cell_v2", "map_cell0", "--database_connection", database("nova_cell0.db")),
            ("db", "sync"),
            ("cell_v2", "create_cell", "--name", "cell1"),
        )
    ],
    # neutron's migrations cannot ALTER on sqlite: its tables are made from its models, as its unit tests do.
    [
        [
            "python",
            "-c",
            "import sqlalchemy\n"
            "from neutron.db.migration.models import head\n"
            "head.get_metadata().create_all(sqlalchemy.create_engine('sqlite:///db/neutron.db'))",
        ]
    ],
    [["keystone-manage", "--config-file", "etc/keystone.conf", "db_sync"]],
    [["glance-manage", "--config-file", "etc/glance-api.conf", "db_sync"]],
    [["placement-manage", "--config-file", "etc/placement.conf", "db", "sync"]],
]


def _manage(home: Path, venv: Path, command: list[str]) -> None:
    log = home / "log" / f"{command[0]}.out"
    with log.open("a") as output:
        done = subprocess.run(
            [venv / "bin" / command[0], *command[1:]],
            cwd=home,
            env={**os.environ, "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        sys.exit(f"{command[0]} failed, see {log}")


def up(sites: list[Site], folder: Path, venv: Path) -> None:
    """All services of all sites, with their users, flavors and networks; the fronts must be served already."""
    empty = template(folder, venv)
    for site in sites:
        configure(site, venv)
        for file in (empty / "db").glob("*.db"):
            shutil.copy(file, site.home / "db")
    with ThreadPoolExecutor(len(sites)) as pool:
        list(pool.map(lambda site: _manage(site.home, venv, _bootstrap(site)), sites))
    for site in sites:
        _start(site, "keystone", venv)
    for site in sites:
        _wait(site, "keystone")
        seed_identity(site)
        network_agent(site)
    others = [api for api in APIS if api != "keystone"]
    for api in others:
        for site in sites:
            _start(site, api, venv)
    for site in sites:
        for api in others:
            _wait(site, api)
        seed_resources(site)


def _bootstrap(site: Site) -> list[str]:
    endpoints = [
        word
        for interface in ("public", "internal", "admin")
        for word in (f"--bootstrap-{interface}-url", site.catalog("keystone"))
    ]
    words = ["bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", site.name, *endpoints]
    return ["keystone-manage", "--config-file", "etc/keystone.conf", *words]


def _start(site: Site, api: str, venv: Path) -> None:
    place = [str(site.home), site.ip, str(site.back_port(api))]
    start(site.home, api, [str(venv / "bin/python"), str(HERE / "service.py"), api, *place])


def _wait(site: Site, api: str) -> None:
    end = time.monotonic() + 180
    while not listens(site.ip, site.back_port(api)):
        if not alive(site.home, api) or time.monotonic() > end:
            sys.exit(f"{api} of {site.name} does not start, see {site.home}/log/{api}.out")
        time.sleep(0.1)


def listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True
