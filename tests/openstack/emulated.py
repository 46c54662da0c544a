"""The suite's cloud with emulated services: the embedded cloud, in a thread of this process, with real proxies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from scopeproxy.emulator.cloud import EmulatedCloud
from scopeproxy.emulator.place import Settings
from tests.openstack.cloud import IMAGES, OLDER, Cloud
from tests.openstack.proxies import Proxies
from tests.openstack.strategies import NICE, SITES, with_proxy

_T = TypeVar("_T")

# A link that drops everything is noticed when an answer is overdue, and tests are in a hurry.
_TIMEOUTS = {"connect": "1s", "answer": "6s", "total": "30s"}


class Emulated(Cloud):
    """Everything but the proxies and the `openstack` command runs in this process."""

    real = False
    patience = 40.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        images = {site: [name] for site, name in IMAGES.items()}
        self.cloud = EmulatedCloud(
            (*SITES, NICE),
            folder,
            images=images,
            identity_of={NICE: "Paris"},
            paths={"Corte"},
            settings=Settings(newest={OLDER: (2, 90)}),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emulated cloud")
        self._proxies = Proxies(self.topology_path, folder)

    @property
    def topology_path(self) -> Path:
        return self.cloud.topology_path

    @property
    def clouds_path(self) -> Path:
        return self.cloud.clouds_path

    # ---- up and down

    def up(self) -> None:
        self._thread.start()
        self._do(self.cloud.__aenter__())
        self.topology = with_proxy(yaml.safe_load(self.topology_path.read_text()), {"timeouts": _TIMEOUTS})
        self.topology_path.write_text(yaml.safe_dump(self.topology, sort_keys=False))
        self._proxies.start(self.topology["sites"])
        self.serve_by([])

    def down(self) -> None:
        self._proxies.stop_all()
        try:
            self._do(self.cloud.__aexit__())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Have the cloud's loop do something."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self.patience)

    def _now(self, change: Callable[[], object]) -> None:
        """Something that must happen in the loop's thread, and takes no time."""

        async def changed() -> None:
            change()

        self._do(changed())

    # ---- what is done to services, proxies and links

    def stop_service(self, site: str, service: str) -> None:
        self._do(self.cloud.site(site).misbehave(service, "refuse"))

    def start_service(self, site: str, service: str) -> None:
        self._do(self.cloud.site(site).misbehave(service, None))

    def stop_proxy(self, site: str, *, kill: bool) -> None:
        self._proxies.stop(site, kill=kill)
        self._now(self.cloud.links.look)

    def start_proxy(self, site: str) -> None:
        self._proxies.start([site])

    def hang_up(self, site: str) -> None:
        self._proxies.hang_up(site)

    def hold(self, site: str, held: bool) -> None:
        hypervisor = self.cloud.settings.hypervisor
        self._now(hypervisor.clear if held else hypervisor.set)

    def cut(self, one: str, other: str, how: str) -> None:
        self._now(lambda: self.cloud.links.cut(one, other, how))

    def heal(self) -> None:
        self._now(self.cloud.links.heal)

    def remember_tokens(self, remember: bool) -> None:
        def change() -> None:
            self.cloud.settings.token_cache = 300.0 if remember else 0.0
            for site in self.cloud.sites:
                site.forget_tokens()

        self._now(change)

    def let_tokens_live(self, seconds: int) -> None:
        self.cloud.settings.token_lifetime = float(seconds)

    def log_path(self, site: str) -> Path:
        return self._proxies.log(site)

    def proxy_pid(self, site: str) -> int:
        return self._proxies.pid(site)


@contextmanager
def emulated(folder: Path) -> Iterator[Emulated]:
    """Up meanwhile."""
    cloud = Emulated(folder)
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.down()
