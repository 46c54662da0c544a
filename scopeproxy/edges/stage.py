"""What the tour plays on: an embedded cloud, a proxy process for each site, and the `openstack` command."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import aiohttp

from scopeproxy.edges.arrows import Arrow, Handed, arrows, handed
from scopeproxy.edges.config import load
from scopeproxy.edges.programs import Finished, client_environment, program, proxies, run
from scopeproxy.emulator.cloud import EmulatedCloud
from scopeproxy.errors import ScopeProxyError
from scopeproxy.model.topology import LinkConstraint

_PATIENCE = 15.0
_LOOK_EVERY = 0.02
_CALLS = 500


@dataclass(slots=True)
class Stage:
    """`home`: the site at which the commands are typed; `admins`: site to the root of its admin pages."""

    cloud: EmulatedCloud
    sites: tuple[str, ...]
    admins: dict[str, str]
    openstack: str
    say: Callable[[str], None]
    session: aiohttp.ClientSession
    _known: set[str] = field(default_factory=set)

    @property
    def home(self) -> str:
        return self.sites[0]

    @property
    def exports(self) -> dict[str, str]:
        """What leads the `openstack` command here."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.cloud.clouds_path), "OS_CLOUD": f"{self.home}-alice"}

    async def run(self, command: Sequence[str]) -> Finished:
        """An `openstack` command to its end."""
        environment = client_environment(os.environ, **self.exports, COLUMNS="100", CLIFF_FIT_WIDTH="1")
        return await run([self.openstack, *command], environment)

    # ---- what happened, and what is so

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[Callable[[], list[Arrow]]]:
        """The calls that are made meanwhile; ask for them after it."""
        await self._new_calls()
        mark, found = len(self.cloud.recorder), list[Arrow]()
        yield lambda: found
        calls = await self._new_calls()
        found += arrows(self.cloud.recorder.since(mark), calls, self.home)

    async def _new_calls(self) -> list[Handed]:
        """What the proxies noted since the last time, oldest first."""
        rows = []
        for admin in self.admins.values():
            async with self.session.get(f"{admin}/v1/calls", params={"limit": str(_CALLS)}) as reply:
                rows += (await reply.json())["calls"]
        new = sorted((row for row in rows if row["id"] not in self._known), key=lambda row: row["at"])
        self._known |= {row["id"] for row in new}
        return [handed(row) for row in new]

    async def becomes_active(self, site: str, server: str) -> bool:
        """Whether a server of this name comes to run at the site, soon."""

        async def active() -> bool:
            servers = self.cloud.site(site).nova.servers.items.values()
            return any(one["name"] == server and one["status"] == "ACTIVE" for one in servers)

        return await _soon(active)

    def servers(self) -> list[str]:
        """The names of all servers at all sites."""
        return [str(one["name"]) for site in self.cloud.sites for one in site.nova.servers.items.values()]

    def has_user(self, site: str, name: str) -> bool:
        return self.cloud.site(site).keystone.directory.named("users", name) is not None

    @contextlib.asynccontextmanager
    async def cut_off(self, site: str) -> AsyncIterator[None]:
        """The links of a site are down meanwhile, and believed up again after it."""
        others = [other for other in self.sites if other != site]
        for other in others:
            self.cloud.links.cut(other, site)
        try:
            yield
        finally:
            self.cloud.links.heal(site)
        if not await _soon(lambda: self._seen_up(site)):
            raise ScopeProxyError(f"the links of {site} were mended, and {self.home} still believes it down")

    async def _seen_up(self, site: str) -> bool:
        async with self.session.get(f"{self.admins[self.home]}/v1/sites") as reply:
            return any(row["name"] == site and row["state"] == "up" for row in (await reply.json())["sites"])


async def _soon(so: Callable[[], Awaitable[bool]]) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while True:
                if await so():
                    return True
                await asyncio.sleep(_LOOK_EVERY)
    return False


@contextlib.asynccontextmanager
async def set_up(
    sites: Sequence[str], rtt: float, directory: Path, images: dict[str, list[str]], say: Callable[[str], None]
) -> AsyncIterator[Stage]:
    """Everything, running; taken down after it."""
    openstack = program("openstack", "pip install 'scopeproxy[client]'")
    links = [LinkConstraint(one, other, delay=rtt / 2) for one, other in combinations(sites, 2)]
    async with contextlib.AsyncExitStack() as stack:
        say(f"starting keystone, glance, nova, neutron, placement and cinder at {', '.join(sites)}")
        cloud = await stack.enter_async_context(EmulatedCloud(sites, directory, constraints=links, images=images))
        topology = load(cloud.topology_path)
        say("starting a proxy at each site")
        await stack.enter_async_context(proxies(cloud.topology_path, sites, directory))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        admins = {site.name: f"http://{site.proxy.admin}" for site in topology}
        yield Stage(cloud, tuple(sites), admins, openstack, say, session)
