"""Three sites with their proxies, in a thread of this process, and the released `openstack` command to use them with.

One cloud serves the whole session: tests give what they make a name of its own, and mend what they break.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.edges.programs import client_environment
from scopeproxy.emulator.cloud import EmulatedCloud
from scopeproxy.emulator.recorder import Record
from scopeproxy.model.topology import Timeouts, Topology

_T = TypeVar("_T")

OPENSTACK = str(Path(sys.executable).parent / "openstack")
SITES = ("Paris", "Corte", "Marseille")
PATIENCE = 60.0


@dataclass(frozen=True)
class Done:
    """What a command left, and what the services were asked meanwhile."""

    code: int
    stdout: str
    stderr: str
    records: tuple[Record, ...] = field(repr=False, default=())

    @property
    def json(self) -> Any:
        assert self.code == 0, self.stderr
        return json.loads(self.stdout)

    @property
    def asked(self) -> set[str]:
        """The services that were called, as `glance@Corte`."""
        return {f"{record.service}@{record.site}" for record in self.records}

    def calls(self, called: str, caller: str | None = None, method: str | None = None) -> list[str]:
        """The paths of the calls to `glance@Corte`."""
        return [
            record.path
            for record in self.records
            if f"{record.service}@{record.site}" == called
            and caller in (None, record.caller)
            and method in (None, record.method)
        ]


def impatient(topology: Topology) -> Topology:
    """A link that drops everything is noticed when an answer is overdue, and tests are in a hurry."""
    timeouts = Timeouts(connect=1.0, answer=3.0, total=30.0)
    sites = {site.name: replace(site, proxy=replace(site.proxy, timeouts=timeouts)) for site in topology}
    return replace(topology, sites=sites)


class Lab:
    """A cloud and its proxies, from outside their event loop."""

    def __init__(self, directory: Path, sites: Sequence[str], *, proxied: bool = True, **more: Any) -> None:
        images = {"Corte": ["Alpine"], "Marseille": ["Debian"]}
        self.cloud = EmulatedCloud(sites, directory, images=images, proxied=proxied, **more)
        self.apps: dict[str, App] = {}
        self._loop = asyncio.new_event_loop()
        self._proxied = proxied
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Lab:
        self._thread.start()
        try:
            self.do(self._start())
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.do(self._stop())
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        await self.cloud.__aenter__()
        if not self._proxied:
            return
        topology = impatient(load(self.cloud.topology_path))
        for site in topology:
            self.apps[site.name] = App(topology, site.name)
            await self.apps[site.name].start()

    async def _stop(self) -> None:
        await asyncio.gather(*(app.stop() for app in self.apps.values()))
        await self.cloud.__aexit__()

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Have the cloud's loop do something."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    # ---- commands

    def openstack(self, *words: str, cloud: str | None = "Paris-alice", typed: str = "", **environment: str) -> Done:
        """Run the command to its end; `typed`: what it finds on stdin."""
        ours = {"OS_CLIENT_CONFIG_FILE": str(self.cloud.clouds_path), "OS_CLOUD": cloud} if cloud else {}
        mark = len(self.cloud.recorder)
        done = subprocess.run(
            [OPENSTACK, *words],
            env=client_environment(os.environ, **ours, **environment),
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr, self.cloud.recorder.since(mark))

    def boot(self, name: str, *options: str, image: str = "cirros", **more: Any) -> Done:
        """`openstack server create`, and the calls until the server is up, or has failed."""
        mark = len(self.cloud.recorder)
        words = ("server", "create", name, "--image", image, "--flavor", "m1.tiny", "--network", "private")
        done = self.openstack(*words, "-f", "json", *options, **more)
        if done.code == 0:
            self.do(self._built(name))
        return Done(done.code, done.stdout, done.stderr, self.cloud.recorder.since(mark))

    async def _built(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while "BUILD" in (status for _, status in self.servers(name)):
                await asyncio.sleep(0.01)

    # ---- what is there

    def servers(self, name: str) -> list[tuple[str, str]]:
        """Site and status of every server of this name."""
        rows = [(site.name, row) for site in self.cloud.sites for row in site.nova.servers.items.values()]
        return [(site, row["status"]) for site, row in rows if row["name"] == name]

    def users(self, name: str) -> list[str]:
        """The sites that have a user of this name."""
        return [site.name for site in self.cloud.sites if site.keystone.directory.named("users", name)]

    # ---- links

    @contextlib.contextmanager
    def cut_off(self, site: str, how: str = "refuse") -> Iterator[None]:
        """Nobody reaches a site meanwhile; all believe it up again after it."""
        others = [other for other in SITES if other != site]
        self._now(lambda: [self.cloud.links.cut(other, site, how) for other in others])
        try:
            yield
        finally:
            self._now(lambda: self.cloud.links.heal(site))
            self.do(self._believed_up())

    def _now(self, change: Any) -> None:
        async def changed() -> None:
            change()

        self.do(changed())

    async def _believed_up(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while any(app.house.health.believed_down(site) for app in self.apps.values() for site in SITES):
                await asyncio.sleep(0.01)


def _lab(directory: Path, sites: Sequence[str], *, proxied: bool = True) -> Iterator[Lab]:
    with Lab(directory, sites, proxied=proxied) as lab:
        yield lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    yield from _lab(tmp_path_factory.mktemp("lab"), SITES)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A site without a proxy."""
    yield from _lab(tmp_path_factory.mktemp("bare"), SITES[:1], proxied=False)


@pytest.fixture(scope="session")
def a_server_each(lab: Lab) -> None:
    """A server `each-<site>` at every site, made there."""

    def boot(site: str) -> None:
        assert lab.boot(f"each-{site}", cloud=f"{site}-alice").code == 0

    with ThreadPoolExecutor(len(SITES)) as pool:
        list(pool.map(boot, SITES))
