"""Runs one real OpenStack service in one process: service.py NAME HOME ADDRESS PORT PREFIX, in its release's venv.

No code of OpenStack is changed: the service's own WSGI entry point is given to waitress.  `nova` is nova-api,
conductor, scheduler and compute as threads of one process, over oslo.messaging's in-process transport, so that a site
needs no message broker; where nova is split it is nova-api alone, and each of the others is a process too:
service.py nova-conductor HOME, and so on.  cinder runs on eventlet still: volumes/cinder_service.py.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

APPLICATIONS = {
    "keystone": "keystone.wsgi.api",
    "glance": "glance.wsgi.api",
    "placement": "placement.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
    "neutron": "neutron.wsgi.api",
}

# On sqlite one thread never meets itself in the database.  glance and nova wait for others while they hold a thread, so
# they have several (see lock_before_reading).
THREADS = {"keystone": 1, "placement": 1, "neutron": 1, "glance": 8, "nova": 8}


def lock_before_reading() -> None:
    """Makes each transaction on sqlite wait its turn, where a service has several threads.

    oslo.db opens them with a plain BEGIN: two threads that read and then write would fail with "database is locked".
    """
    from sqlalchemy import engine, event

    @event.listens_for(engine.Engine, "before_cursor_execute", retval=True)
    def begin(conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> tuple[str, Any]:
        if statement == "BEGIN" and conn.dialect.name == "sqlite":
            statement = "BEGIN IMMEDIATE"
        return statement, parameters


def start_nova(*parts: str) -> list[Any]:
    """Conductor, scheduler or compute; the caller keeps them alive."""
    from nova import objects
    from nova import service as nova_service

    objects.register_all()
    objects.Service.enable_min_version_cache()
    running = []
    for part in parts:
        rpcapi = importlib.import_module(f"nova.{part}.rpcapi")
        # Compute has a second topic since 2026.1.
        alternative = getattr(rpcapi, "RPC_TOPIC_ALT", None)
        more = {"topic_alt": alternative} if alternative else {}
        running.append(nova_service.Service.create(binary=f"nova-{part}", topic=rpcapi.RPC_TOPIC, **more))
        running[-1].start()
    return running


def patch_nova() -> None:
    """Threads, as nova has them since 2026.1; before that it needs eventlet, and all its threads are green ones."""
    os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "false" if int(version("nova").partition(".")[0]) < 33 else "true"
    monkey_patch = importlib.import_module("nova.monkey_patch")  # where eventlet is needed, this is the patching
    if patch := getattr(monkey_patch, "patch", None):
        patch(backend="threading")
    import nova.virt

    # `compute_driver` is looked for in nova.virt.
    nova.virt.__path__.append(str(HERE / "drivers"))


def run_part(name: str, home: str) -> None:
    """A process of nova's that has no API, as its own command starts it; that would fork, and is hard to kill."""
    os.chdir(home)
    sys.argv = [name]
    patch_nova()
    lock_before_reading()
    from nova import conf, config
    from nova.conductor.rpcapi import ConductorAPI
    from nova.db.main import api as database
    from nova.objects.base import NovaObject
    from oslo_log import log

    config.parse_args([name, "--config-file", "etc/nova.conf", "--config-file", f"etc/{name}.conf"])
    log.setup(conf.CONF, "nova")
    part = name.split("-")[1]
    if part == "compute":
        # It asks the conductor for what is in the database; in production its file does not even name one.
        conf.CONF.set_override("connection", None, "api_database")
        database.DISABLE_DB_ACCESS = True
        NovaObject.indirection_api = ConductorAPI()
    running = start_nova(part)
    threading.Event().wait()
    del running


def serve(name: str, home: str, address: str, port: int, prefix: str) -> None:
    os.chdir(home)  # the databases' paths are relative to it
    sys.argv = [name]
    os.environ.update({f"OS_{service.upper()}_CONFIG_DIR": f"{home}/etc" for service in APPLICATIONS})
    os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "true"
    os.environ["OS_NEUTRON_CONFIG_FILES"] = "neutron.conf"
    if name == "cinder":
        # At the end: our names must hide none of OpenStack's.
        sys.path.append(str(Path(__file__).parent / "volumes"))
        importlib.import_module("cinder.cmd.volume")
        importlib.import_module("cinder_service").serve(prefix)
        return
    if name == "nova":
        patch_nova()
    if THREADS[name] > 1:
        lock_before_reading()
    application = importlib.import_module(APPLICATIONS[name]).application
    if name == "neutron":
        # Else a first GET /ports fails: neutron uses a relation before it is set up.
        import sqlalchemy.orm

        sqlalchemy.orm.configure_mappers()
    # The parts' own files are there when they are processes of their own.
    alone = name == "nova" and not Path("etc/nova-compute.conf").exists()
    threads = start_nova("conductor", "scheduler", "compute") if alone else []
    import waitress

    waitress.serve(
        application,
        host=address,
        port=port,
        url_prefix=prefix,
        ident=None,
        threads=THREADS[name],
        # X-Forwarded-* must reach oslo.middleware, which decides what to believe.
        clear_untrusted_proxy_headers=False,
        channel_timeout=300,
        max_request_body_size=1 << 40,
    )
    del threads


if __name__ == "__main__":
    try:
        if sys.argv[1].startswith("nova-"):
            run_part(*sys.argv[1:])
        else:
            serve(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    except BaseException:
        traceback.print_exc()
        # The threads that have started would keep a broken process alive.
        os._exit(1)
