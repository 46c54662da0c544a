"""The programs of this installation as processes: found, started in sessions of their own, and taken down.

A Ctrl-C in the terminal reaches the whole foreground group; these are not in it, so that they end in our order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scopeproxy.errors import ConfigurationError, ScopeProxyError

_PATIENCE = 10.0
_READY = b"serving "
_TOLD = 5
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left."""

    code: int
    stdout: str
    stderr: str


def program(name: str, remedy: str) -> str:
    """The path of a program: beside this Python, else on PATH.  Raises ConfigurationError with the remedy."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise ConfigurationError(
            [f"there is no {name!r} command, neither beside {sys.executable} nor on PATH: {remedy}"]
        )
    return found


def client_environment(inherited: Mapping[str, str], **ours: str) -> dict[str, str]:
    """For the `openstack` command: nothing that would lead it to another cloud, another scope or an HTTP proxy."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(("OS_", "SCOPEPROXY_", "CLIFF_")) and not name.lower().endswith("_proxy")
    }
    return kept | ours


async def run(command: Sequence[str], environment: Mapping[str, str], patience: float = 60.0) -> Finished:
    """Run to the end; it is ended when we are cancelled, or when it takes too long."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        async with asyncio.timeout(patience):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        return Finished(-1, "", f"{command[0]} was ended after {patience:g} s")
    finally:
        await end(process, signal.SIGKILL)
    return Finished(process.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


async def end(process: asyncio.subprocess.Process, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask a process to end, and make it."""
    if process.returncode is not None:
        return
    _signal(process, how)
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # Not by the process's own method: in Python 3.11 that reaps the child, behind the back of the loop.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


@contextlib.asynccontextmanager
async def proxies(topology: Path, sites: Sequence[str], logs: Path) -> AsyncIterator[None]:
    """A `scopeproxy serve` for every site, serving when this is entered; its log is `logs`/<site>.log."""
    serve = program("scopeproxy", "install scopeproxy")
    started: list[asyncio.subprocess.Process] = []
    copying: list[asyncio.Task[None]] = []
    try:
        for site in sites:
            process = await asyncio.create_subprocess_exec(
                *(serve, "serve", "-c", str(topology), "--site", site),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            started.append(process)
        ready = [asyncio.get_running_loop().create_future() for _ in started]
        for site, process, serving in zip(sites, started, ready, strict=True):
            copying.append(asyncio.create_task(_copy(process, logs / f"{site}.log", serving)))
        for site, serving in zip(sites, ready, strict=True):
            if not await serving:
                raise ScopeProxyError(f"the proxy of {site} did not start: {_last_lines(logs / f'{site}.log')}")
        yield
    finally:
        await asyncio.gather(*(end(process) for process in started))
        await asyncio.gather(*copying)


async def _copy(process: asyncio.subprocess.Process, log: Path, serving: asyncio.Future[bool]) -> None:
    """Keep a log, and tell when the process serves, or that it never will."""
    assert process.stderr is not None
    seen = b""
    with log.open("wb", buffering=0) as file:
        while chunk := await process.stderr.read(_CHUNK):
            file.write(chunk)
            seen = b"" if serving.done() else seen + chunk
            if _READY in seen and not serving.done():
                serving.set_result(True)
    if not serving.done():
        serving.set_result(False)


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TOLD:])
