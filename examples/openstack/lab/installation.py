"""Installs OpenStack, makes its empty databases, and starts single services."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lab.configuration import configure, database
from lab.processes import Processes, output, wait_until
from lab.sites import APIS, PASSWORD, LabError, Site

HERE = Path(__file__).resolve().parent


def install(site: Site) -> None:
    """The site's release of OpenStack into an environment of its own.  Raises `LabError` when it lacks a service."""
    if site.libraries is None:
        _install_all(site.venv)
    else:
        _install_all(site.libraries)
        _install_older(site.venv, f"requirements-{site.release}.txt", site.libraries)
    for api in site.apis:
        if not (site.venv / "bin" / _SCHEMAS[api][0][0]).exists():
            raise LabError(f"{site.venv} has no {api}: install it there, or leave it out of the site's apis")


def _install_all(venv: Path) -> None:
    """Some 190 packages, of the versions in requirements.txt; what was made by other means stays as it is."""
    if _is_due(venv, "requirements.txt"):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        _pip(venv, "requirements.txt")


def _install_older(venv: Path, requirements: str, libraries: Path) -> None:
    """An older release's services, in some 15 s; what the requirements do not name is the current release's."""
    if _is_due(venv, requirements):
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        # Before the libraries are shared: pip would find there what it is to install here.
        _pip(venv, requirements, "--no-deps")
        (packages,) = venv.glob("lib/python*/site-packages")
        shared = libraries / packages.relative_to(venv)
        (packages / "libraries.pth").write_text(f"import site; site.addsitedir({str(shared)!r})\n")


def _is_due(venv: Path, requirements: str) -> bool:
    installed = venv / "requirements.txt"
    if not (venv / "bin/keystone-manage").exists():
        return True
    return installed.exists() and installed.read_text() != (HERE / requirements).read_text()


def _pip(venv: Path, requirements: str, *options: str) -> None:
    subprocess.run([venv / "bin/pip", "install", "--quiet", *options, "-r", HERE / requirements], check=True)
    (venv / "requirements.txt").write_text((HERE / requirements).read_text())


def template(folder: Path, site: Site) -> Path:
    """Empty databases with the schemas of the site's release: made once, in some 10 s, and copied for each site."""
    home = folder / f"template-{'-'.join(site.venv.parts[-2:])}"
    made = home / "made"
    if not made.exists() or not set(site.apis) <= set(made.read_text().split()):
        shutil.rmtree(home, ignore_errors=True)
        empty = replace(site, name="template", ip="127.0.0.1", home=home, split=False)
        configure(empty, folder / "extra", None)
        with ThreadPoolExecutor(2) as pool:
            chains = [commands for api, commands in _SCHEMAS.items() if api in site.apis]
            list(pool.map(lambda commands: manage(empty, *commands), chains))
        for file in (home / "db").glob("*.db"):
            with sqlite3.connect(file) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        made.write_text(" ".join(site.apis))
    return home


# The longest first.
_SCHEMAS = {
    "nova": [
        ["nova-manage", "--config-file", "etc/nova.conf", *words]
        for words in (
            ("api_db", "sync"),
            ("cell_v2", "map_cell0", "--database_connection", database("nova_cell0.db")),
            ("db", "sync"),
            ("cell_v2", "create_cell", "--name", "cell1"),
        )
    ],
    # neutron's migrations cannot ALTER on sqlite: its tables are made from its models, as its unit tests do.
    "neutron": [
        [
            "python",
            "-c",
            "import sqlalchemy\n"
            "from neutron.db.migration.models import head\n"
            "head.get_metadata().create_all(sqlalchemy.create_engine('sqlite:///db/neutron.db'))",
        ]
    ],
    "keystone": [["keystone-manage", "--config-file", "etc/keystone.conf", "db_sync"]],
    "cinder": [["cinder-manage", "--config-file", "etc/cinder.conf", "db", "sync"]],
    "glance": [["glance-manage", "--config-file", "etc/glance-api.conf", "db_sync"]],
    "placement": [["placement-manage", "--config-file", "etc/placement.conf", "db", "sync"]],
}


def manage(site: Site, *commands: list[str]) -> None:
    """The release's own commands, one after the other in the site's home."""
    for command in commands:
        _manage(site, command)


def _manage(site: Site, command: list[str]) -> None:
    log = output(site.home, command[0])
    with log.open("a") as stream:
        done = subprocess.run(
            [site.venv / "bin" / command[0], *command[1:]],
            cwd=site.home,
            env={**os.environ, "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            check=False,
        )
    if done.returncode:
        raise LabError(f"{command[0]} failed, see {log}")


class Services:
    """The services of all sites, as processes."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def bootstrap(self, site: Site) -> None:
        """The admin, and keystone's own place in the catalog."""
        words = ["bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", site.name]
        for interface in ("public", "internal", "admin"):
            words += [f"--bootstrap-{interface}-url", *site.registered("keystone").values()]
        manage(site, ["keystone-manage", "--config-file", "etc/keystone.conf", *words])

    def start(self, site: Site, api: str) -> None:
        """All its processes that do not run, or that one of nova's."""
        python = str(site.venv / "bin/python")
        for program in site.programs(api):
            place = [site.ip, str(site.back_port(program)), site.prefix(program)] if program in APIS else []
            # -P: the names of our files must hide none of OpenStack's.
            command = [python, "-P", str(HERE / "service.py"), program, str(site.home), *place]
            if not self._processes.pid(site.home, program):
                self._processes.start(site.home, program, command)

    def wait(self, site: Site, api: str) -> None:
        """Until it listens; what is only a part of it has to run."""

        def serves() -> bool:
            for program in site.programs(api):
                if not self._processes.pid(site.home, program):
                    raise LabError(f"{program} of {site.name} does not start, see {output(site.home, program)}")
            return api not in APIS or listens(site.ip, site.back_port(api))

        wait_until(serves, f"{api} of {site.name} listens", within=180)


def listens(address: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True
