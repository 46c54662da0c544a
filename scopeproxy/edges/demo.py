"""`scopeproxy demo`: an embedded cloud of several sites with their proxies, and a tour of it.

What is shown goes to stdout, progress to stderr.  Nothing is left behind, except the logs of a tour that failed.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scopeproxy.edges.paper import Paper
from scopeproxy.edges.stage import Stage, set_up
from scopeproxy.edges.tour import Part, play, steps
from scopeproxy.errors import ConfigurationError, ScopeProxyError
from scopeproxy.lang.durations import parse_duration

INTERRUPTED = 130

# 127.0.1.1 to 127.0.9.1; each site is six services and a process, and all sites are linked with all.
_MOST_SITES = 9
_LONGEST = 0.5
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def demo(sites: list[str], keep: bool, rtt: str) -> int:
    """Give the tour; 0 when every step gave what it must.  Raises ConfigurationError for what cannot be."""
    names, seconds = site_names(sites, keep), round_trip(rtt)
    directory = Path(tempfile.mkdtemp(prefix="scopeproxy-demo-"))
    paper = Paper(sys.stdout, sys.stderr)
    code = 1
    try:
        code = asyncio.run(_interruptible(names, seconds, keep, directory, paper))
    except ConfigurationError:
        code = 2
        raise
    except ScopeProxyError as error:
        paper.say(str(error))
    finally:
        if code == 1:
            paper.say(f"the logs of the proxies are left in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return code


def site_names(sites: Sequence[str], keep: bool) -> list[str]:
    """The names, checked."""
    names = [name.strip() for name in sites]
    for name in names:
        if not name:
            raise ConfigurationError(["--sites: a name is missing beside a comma; Paris,Corte would be right"])
        if not _NAME.fullmatch(name):
            raise ConfigurationError([f"--sites: {name!r} is no name for a site: use letters, digits, _, . and -"])
    if len(set(names)) < len(names):
        raise ConfigurationError([f"--sites: a name is there twice: {','.join(names)}"])
    if len(names) > _MOST_SITES:
        raise ConfigurationError([f"--sites: {len(names)} are too many for one machine: {_MOST_SITES} at most"])
    if len(names) < 2 and not keep:
        raise ConfigurationError(["--sites: the tour needs two sites at least, such as Paris,Corte"])
    return names


def round_trip(text: str) -> float:
    """The seconds, checked."""
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ConfigurationError([f"--rtt: {error}"]) from error
    if seconds > _LONGEST:
        raise ConfigurationError([f"--rtt: {text} is too long: connections would time out; 500ms at most"])
    return seconds


async def _interruptible(sites: list[str], rtt: float, keep: bool, directory: Path, paper: Paper) -> int:
    """Run until done, or until the first Ctrl-C; what is taken down then is not interrupted by a second one."""
    task = asyncio.create_task(_demo(sites, rtt, keep, directory, paper))
    stopped = asyncio.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


async def _demo(sites: list[str], rtt: float, keep: bool, directory: Path, paper: Paper) -> int:
    images = Part.of(sites).images if len(sites) > 1 else {}
    async with set_up(sites, rtt, directory, images, paper.say) as stage:
        code = await tour(stage, paper) if len(sites) > 1 else 0
        if keep:
            paper.keep(stage.exports, stage.admins)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                paper.say("taking everything down")
    return code


async def tour(stage: Stage, paper: Paper) -> int:
    """Every step, shown; then what came of each."""
    results = []
    began = time.monotonic()
    all_steps = steps(stage.sites)
    for number, step in enumerate(all_steps, start=1):
        paper.begin(number, len(all_steps), step.title, step.command)
        seen = await play(stage, step)
        as_expected = await step.holds(stage, seen)
        paper.end(seen.finished, seen.arrows, stage.home, step.expected, as_expected)
        results.append((step.title, as_expected))
    paper.summary(results, time.monotonic() - began)
    return 0 if all(as_expected for _, as_expected in results) else 1
