"""The proxy of the entry is killed again and again while clients write to two sites through it and the link flaps.

Afterwards every write that was acknowledged is at both sites, no create happened twice, both sites are equal, and the
journal is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from dataclasses import dataclass, field

import aiohttp
import yaml

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.emulator.cloud import EmulatedCloud

SCOPE = "{keystone: Paris, glance: Paris&Corte}"
OPTIONS = {"X-Scope": SCOPE, "X-Scope-Options": "on-partial=queue"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
OCTETS = {"Content-Type": "application/octet-stream"}
CHANGES = ("change", "change", "upload", "delete")
WRITERS = 4

# Bytes of data at most: two pieces of the spool.
MOST = 1_000_000
PATIENCE = 60.0

# Seconds in which all that has queued up is made, for each kill: a proxy that never lives for long makes little of it.
PATIENCE_EACH = 2.0


class Proxy:
    """The proxy of Paris as a process."""

    def __init__(self, topology, log):
        self._command = ["-m", "scopeproxy.edges.cli", "serve", "-c", str(topology), "--site", "Paris"]
        self._log = log
        self._process = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._command, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE):
            while b"serving Paris" not in (line := await self._process.stderr.readline()):
                assert line, "the proxy ended instead of serving"
        self._reader = asyncio.create_task(self._read(self._process.stderr))

    async def _read(self, stream):
        while line := await stream.readline():
            self._log.append(line.decode())

    async def kill(self):
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
            await self._reader


@dataclass
class Resource:
    """An image as its one writer believes it to be.  `sure`: whether the last write was answered."""

    name: str
    id: str = ""
    size: int = 0
    data: int = 0
    gone: bool = False
    sure: bool = True


@dataclass
class Writer:
    """A client who creates, fills, changes and deletes images, one at a time, and notes what was acknowledged."""

    number: int
    front: dict[str, str]
    dice: random.Random
    session: aiohttp.ClientSession
    resources: list[Resource] = field(default_factory=list)
    token: str = ""
    acknowledged: int = 0
    unexpected: list[str] = field(default_factory=list)

    async def write(self, stop):
        while not stop.is_set():
            if not self.token:
                await self.log_in()
                continue
            known = [one for one in self.resources if one.id and one.sure and not one.gone]
            what = self.dice.choice([*CHANGES, "create", "create"]) if known else "create"
            if what == "create":
                await self.create()
            else:
                await getattr(self, what)(self.dice.choice(known))

    async def log_in(self):
        domain = {"id": "default"}
        who = {"name": "alice", "domain": domain, "password": "secret"}
        scope = {"project": {"name": "demo", "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": scope}}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            url = f"{self.front['identity']}/v3/auth/tokens"
            async with self.session.post(url, json=body, headers={"X-Scope": SCOPE}) as reply:
                self.token = reply.headers.get("X-Subject-Token", "") if reply.status == 201 else ""
                return
        await asyncio.sleep(0.05)

    async def call(self, method, path, body=None, headers=None, data=None):
        """Status and JSON; status 0 where no whole answer came."""
        sent = {**OPTIONS, "X-Auth-Token": self.token, **(headers or {})}
        try:
            async with self.session.request(
                method, self.front["image"] + path, json=body, headers=sent, data=data
            ) as reply:
                json = await reply.json() if reply.content_type == "application/json" else {}
                status = reply.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            await asyncio.sleep(0.05)
            return 0, {}
        self.acknowledged += 200 <= status < 300
        if status == 401:
            self.token = ""
        elif status >= 400 and status < 500:
            self.unexpected.append(f"{method} {path}: {status} {json}")
        return status, json

    async def create(self):
        one = Resource(f"w{self.number}-{len(self.resources)}")
        self.resources.append(one)
        body = {"name": one.name, "disk_format": "raw", "container_format": "bare", "min_disk": 0}
        status, image = await self.call("POST", "/v2/images", body)
        one.sure = status == 201
        one.id = image["id"] if one.sure else ""

    async def change(self, one):
        size = one.size + 1
        patch = [{"op": "replace", "path": "/min_disk", "value": size}]
        status, _ = await self.call("PATCH", f"/v2/images/{one.id}", patch, PATCH)
        one.sure = status == 200
        one.size = size if one.sure else one.size

    async def upload(self, one):
        if one.data:
            return
        size = self.dice.randint(1, MOST)
        status, _ = await self.call("PUT", f"/v2/images/{one.id}/file", headers=OCTETS, data=bytes(size))
        one.sure = status == 204
        one.data = size if one.sure else 0

    async def delete(self, one):
        status, _ = await self.call("DELETE", f"/v2/images/{one.id}")
        one.sure = one.gone = status == 204


def at(cloud, site):
    """What is there of the writers', with names that are there twice as they are."""
    images = cloud.site(site).glance.images.values()
    return sorted(
        (image["name"], (image["min_disk"], image["size"] or 0)) for image in images if image["name"].startswith("w")
    )


async def flap(cloud, dice, stop):
    """The link between the sites fails and comes back."""
    while not stop.is_set():
        cloud.links.cut("Paris", "Corte")
        await asyncio.sleep(dice.uniform(0.1, 1.5))
        cloud.links.heal()
        await asyncio.sleep(dice.uniform(0.1, 1.5))


async def journal_is_empty(session, admin, within):
    """Wait until nothing waits; what still does when the time is over is told."""
    entries = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while True:
                async with session.get(f"http://{admin}/v1/journal") as reply:
                    entries = (await reply.json())["entries"]
                if not entries:
                    return
                await asyncio.sleep(0.1)
    raise AssertionError(f"these still wait: {entries}")


async def test_nothing_is_lost_and_nothing_doubled_when_the_proxy_is_killed_at_any_moment(tmp_path, kills, dice):
    chance, log = random.Random(dice), []
    async with EmulatedCloud(("Paris", "Corte"), tmp_path) as cloud, contextlib.AsyncExitStack() as stack:
        corte = App(load(cloud.topology_path), "Corte")
        await corte.start()
        stack.push_async_callback(corte.stop)
        proxy = Proxy(cloud.topology_path, log)
        stack.push_async_callback(proxy.kill)
        await proxy.start()
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30.0), connector=aiohttp.TCPConnector(limit=0))
        )
        front = cloud.site("Paris").fronts
        writers = [Writer(number, front, random.Random(chance.random()), session) for number in range(WRITERS)]
        stop, calm = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for writer in writers:
                group.create_task(writer.write(stop))
            flapping = group.create_task(flap(cloud, random.Random(chance.random()), calm))
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.05, 1.5))
                await proxy.kill()
                await proxy.start()
            await asyncio.sleep(0.5)
            stop.set()
            calm.set()
            flapping.cancel()
        cloud.links.heal()
        # What waits for a login of its owner gets one.
        writers[0].token = ""
        while not writers[0].token:
            await writers[0].log_in()
        topology = yaml.safe_load(cloud.topology_path.read_text())
        admin = topology["sites"]["Paris"].get("proxy", {}).get("admin") or topology["proxy"]["admin"]
        await journal_is_empty(session, admin, PATIENCE + PATIENCE_EACH * kills)

    resources = [one for writer in writers for one in writer.resources]
    paris, corte_has = at(cloud, "Paris"), at(cloud, "Corte")
    assert len(dict(paris)) == len(paris), "a create happened twice"
    assert paris == corte_has
    assert not list((tmp_path / "Paris").glob("proxy.db.spool/[!.]*")), "data are left that nobody wants"
    for one in resources:
        if one.sure:
            assert (one.name, (one.size, one.data)) in paris if not one.gone else one.name not in dict(paris), one
    assert sum(writer.acknowledged for writer in writers) > kills, "hardly anything was written"
    assert not [one for writer in writers for one in writer.unexpected], writers
    assert not [line for line in log if "Traceback" in line or '"level": "error"' in line]
