"""`scopeproxy serve` as a process: started on an event loop of choice, heard, stopped."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from scopeproxy.edges.config import load

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
PATIENCE = 30


class Served:
    """A running `scopeproxy serve`.  Its log is taken in as it is written: who waits for a reader serves nobody."""

    def __init__(self, process):
        self.process, self.lines = process, []
        self._log = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        while line := await self.process.stderr.readline():
            self._log.put_nowait(line)
        self._log.put_nowait(b'{"end": "of the log"}')

    async def said(self, text):
        """The next line of the log that holds the text; everything before it was JSON as well."""
        async with asyncio.timeout(PATIENCE):
            while True:
                line = json.loads(await self._log.get())
                self.lines.append(line)
                if text in json.dumps(line):
                    return line
                assert "end" not in line, self.lines

    async def ended(self, number=None):
        """Its exit code, and the rest of its log."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            await self._reading
            code = await self.process.wait()
        rest = [self._log.get_nowait() for _ in range(self._log.qsize() - 1)]
        return code, b"".join(rest).decode()

    async def killed(self):
        if self.process.returncode is None:
            self.process.kill()
        await self._reading
        await self.process.wait()


@asynccontextmanager
async def serving(path, *more, site="Paris", workers=1, loop=None):
    command = [sys.executable, "-m", "scopeproxy.edges.cli", "serve", "-c", str(path), "--site", site, *more]
    environment = os.environ | ({} if loop is None else {"SCOPEPROXY_LOOP": loop})
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    served = Served(process)
    try:
        for _ in range(workers):
            await served.said("serving Paris on")
        yield served
    finally:
        await served.killed()


async def refusal(path, *more, site="Paris"):
    """Exit code and stderr of a serve that must not begin."""
    command = [sys.executable, "-m", "scopeproxy.edges.cli", "serve", "-c", str(path), "--site", site, *more]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, text = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, text.decode()


def front(path, service="docs"):
    return load(path).sites["Paris"].services[service].socket


def rewrite(path: Path, change):
    document = yaml.safe_load(path.read_text())
    change(document)
    replace(path, yaml.safe_dump(document))


def replace(path: Path, text: str):
    """At once: a proxy that just looks sees the old file or the new one, and never half of it."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
