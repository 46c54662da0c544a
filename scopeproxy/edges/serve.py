"""`scopeproxy serve`: the proxy of one site as a process."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path

from scopeproxy.edges.admin import Admin
from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.errors import ConfigurationError

logger = logging.getLogger("scopeproxy")

# Seconds between two looks at the topology file.
_LOOK_EVERY = 1.0


class JsonLines(logging.Formatter):
    """One JSON object a line; messages that are JSON already (the calls') stay as they are."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "scopeproxy.calls":
            return record.getMessage()
        told = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0]:
            told["exception"] = f"{record.exc_info[0].__name__}: {record.exc_info[1]}"
        return json.dumps(told)


def serve(path: Path, site: str) -> int:
    """Serve until SIGTERM or SIGINT.  Raises ConfigurationError before anything is opened, or when it cannot be."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    app = App(load(path), site)
    asyncio.run(_serve(app, path))
    return 0


async def _serve(app: App, path: Path) -> None:
    loop, stop, look = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, look.set)
    admin = Admin(app)
    await app.start()
    try:
        address = app.house.here.proxy.admin
        if address is not None:
            await admin.start(address)
        watching = asyncio.create_task(_reload(app, path, look))
        logger.info("serving %s on %s", app.house.here.name, ", ".join(map(str, app.house.doors)))
        await stop.wait()
        watching.cancel()
    finally:
        await admin.stop()
        await app.stop()


async def _reload(app: App, path: Path, look: asyncio.Event) -> None:
    """Take the topology in again on SIGHUP and when the file changes; a bad one is refused, and told."""
    known = _stamp(path)
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
            logger.error("%s was refused, and the old topology stays in force: %s", path, error)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
