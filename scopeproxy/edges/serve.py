"""`scopeproxy serve`: the proxy of one site as a process, which logs to stderr and obeys signals."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from scopeproxy.edges.admin import Admin
from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.edges.room import raise_limit_of_files
from scopeproxy.edges.workers import ALONE, Worker, run_workers
from scopeproxy.errors import ConfigurationError
from scopeproxy.model.topology import Topology

logger = logging.getLogger("scopeproxy")

# Seconds between two looks at the topology file.
_LOOK_EVERY = 1.0

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# What SCOPEPROXY_LOOP may say.
_LOOPS = ("asyncio", "uvloop")

# Seconds that a thread which merges large lists may go on while the loop waits for the interpreter: a call that comes
# meanwhile has to wait for it several times.
_SWITCH = 0.0005


class JsonLines(logging.Formatter):
    """One JSON object a line; messages that are JSON already (the calls') stay as they are."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "scopeproxy.calls":
            return record.getMessage()
        told = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0]:
            # Its text may hold anything, a token too.
            told["exception"] = record.exc_info[0].__name__
            told["where"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(told)


def serve(path: Path, site: str, workers: int = 1) -> int:
    """Serve until SIGTERM or SIGINT.  Raises ConfigurationError before anything is opened, or when it cannot be."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Where in the code a line was written, and by which thread, is not told: finding it out is half of what one costs
    # (the logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    # Of every start it tells which database it found.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    raise_limit_of_files()
    seen = _stamp(path)
    topology, loop = load(path), loop_factory()

    def work(worker: Worker) -> int:
        # What cannot be served by now was refused by the other workers, which stay with what it was.
        with suppress(ConfigurationError):
            if worker.again:
                now = _stamp(path)
                return _work(load(path), now, site, path, worker, loop)
        return _work(topology, seen, site, path, worker, loop)

    return work(ALONE) if workers == 1 else run_workers(topology, site, workers, work)


def _work(topology: Topology, seen: _Stamp, site: str, path: Path, worker: Worker, loop: LoopFactory | None) -> int:
    sys.setswitchinterval(_SWITCH)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_serve(App(topology, site, several=worker.of > 1), path, seen, worker))
    return 0


def loop_factory() -> LoopFactory | None:
    """uvloop's, where that is installed; None: Python's own.

    SCOPEPROXY_LOOP in the environment, asyncio or uvloop, decides otherwise.  Raises ConfigurationError for any other
    word, and for uvloop where it is not installed.
    """
    wanted = os.environ.get("SCOPEPROXY_LOOP") or None
    if wanted not in (None, *_LOOPS):
        raise ConfigurationError([f"SCOPEPROXY_LOOP: {wanted!r} is no event loop: choose {' or '.join(_LOOPS)}"])
    if wanted == "asyncio":
        return None
    try:
        factory: LoopFactory = import_module("uvloop").new_event_loop
    except ImportError as error:
        if wanted is None:
            return None
        raise ConfigurationError(["SCOPEPROXY_LOOP: uvloop is not installed: pip install scopeproxy[fast]"]) from error
    return factory


async def _serve(app: App, path: Path, seen: _Stamp, worker: Worker) -> None:
    loop, stop, look = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, look.set)
    worker.watch_parent(stop.set)
    admin = Admin(app)
    await app.start()
    watching = asyncio.create_task(_reload(app, path, seen, look))
    try:
        address = app.house.here.proxy.admin
        if address is not None:
            await admin.start(worker.admin(address))
        where = ", ".join(map(str, app.house.doors))
        logger.info("serving %s on %s (by %s)", app.house.here.name, where, type(loop).__module__.partition(".")[0])
        await stop.wait()
        logger.info("stopping: calls under way are seen through")
    finally:
        watching.cancel()
        await admin.stop()
        await app.stop()


async def _reload(app: App, path: Path, known: _Stamp, look: asyncio.Event) -> None:
    """Take the topology in again on SIGHUP and when the file changes; a bad one is refused, and told."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY):
                await look.wait()
        if not look.is_set() and _stamp(path) == known:
            continue
        look.clear()
        known = _stamp(path)
        try:
            await app.use(await asyncio.to_thread(load, path))
            logger.info("%s was read again", path)
        except ConfigurationError as error:
            logger.error("%s is refused, and the old topology stays in force: %s", path, error)
        except Exception:
            logger.exception("%s could not be taken in, and the old topology stays in force", path)


_Stamp = tuple[int, int, int] | None


def _stamp(path: Path) -> _Stamp:
    """What tells that a file is another one, or has another content."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
