"""The lab as a whole: brings real sites up behind their proxies, breaks and mends them, and takes them down."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from lab import openstack
from lab.broker import broker_runs, require_broker, start_broker
from lab.certificates import Authority
from lab.configuration import configure
from lab.documents import clouds, laid_over, topology
from lab.installation import Services, install, listens, template
from lab.links import CuttableLinks
from lab.processes import Processes, output, wait_until
from lab.seeding import Seeder, cell_transport, network_agent, share_identity, volume_type
from lab.sites import LabError, Site
from scopeproxy.emulator.links import Cut

Report = Callable[[float, str], None]


def unheard(_seconds: float, _what: str) -> None:
    """Progress that nobody wants to hear of."""


class Lab:
    """Real sites, `folder` with all their state, and one `scopeproxy serve` for each.

    `links`: the proxies reach each other by relays of this process, which `cut` breaks; the lab then ends with it.
    `report` is told of each step that is done, with its seconds.
    """

    def __init__(self, folder: Path, sites: Sequence[Site], *, links: bool = False, report: Report = unheard) -> None:
        self.folder = folder.absolute()
        self.sites = {site.name: site for site in sites}
        self.clouds_path = self.folder / "clouds.yaml"
        self.topology_path = self.folder / "proxy" / "sites.yaml"
        self.topology: dict[str, Any] = {}
        self.authority: Path | None = None
        self._linked, self._links = links, None if not links else CuttableLinks(sites)
        self._report = report
        self._processes = Processes()
        self._services = Services(self._processes)

    def __enter__(self) -> Lab:
        try:
            self.up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- up and down

    def up(self) -> None:
        """All of it, from nothing: what an earlier run left is taken down first.  Raises `LabError`."""
        self.down()
        for state in (self.folder / "proxy", self.folder / "sites"):
            shutil.rmtree(state, ignore_errors=True)
        for site in self.sites.values():
            if site.split:
                require_broker(site)
        self._refuse_taken_ports()
        with self._step("OpenStack is installed"):
            for site in self.sites.values():
                install(site)
        self._prepare()
        with self._step("the proxies serve the fronts"):
            self.start_proxies()
        with self._step(f"{len(self.sites)} sites are up behind them"):
            self._start_sites()

    def down(self) -> None:
        """Ends proxies and services.  Logs and databases stay until the next start; the installation, for good."""
        left = [home for home in (self.folder / "sites").glob("*") if home.is_dir()]
        self._processes.end_all(self.folder / "proxy", *left)

    def close(self) -> None:
        """Down, and the links with it."""
        self.down()
        if self._links is not None:
            self._links.close()
            self._links = None

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._report(time.monotonic() - began, what)

    def _refuse_taken_ports(self) -> None:
        places = [(site.ip, port) for site in self.sites.values() for port in sorted(site.ports())]
        if taken := [f"{ip}:{port}" for ip, port in places if listens(ip, port)]:
            raise LabError(f"in use: {', '.join(taken)}; other addresses can be had with --net 127.9")

    def _prepare(self) -> None:
        sites = list(self.sites.values())
        (self.folder / "proxy").mkdir(parents=True, exist_ok=True)
        tls: dict[str, dict[str, str]] = {}
        if any(site.scheme == "https" for site in sites):
            authority = Authority(self.folder / "proxy")
            self.authority = authority.certificate
            tls = {site.name: authority.issue(site) for site in sites if site.scheme == "https"}
        self.topology = topology(sites, self.folder, self._links.routes() if self._links else {}, tls, self.authority)
        self.topology_path.write_text(yaml.safe_dump(self.topology, sort_keys=False, allow_unicode=True))
        self.clouds_path.write_text(yaml.safe_dump(clouds(sites, self.authority), sort_keys=False))

    def _start_sites(self) -> None:
        sites = list(self.sites.values())
        for site in sites:
            empty = template(self.folder, site)
            configure(site, self.folder / "extra", self.authority)
            for file in (empty / "db").glob("*.db"):
                shutil.copy(file, site.home / "db")
            if "cinder" in site.apis:
                volume_type(site)
            if site.split:
                cell_transport(site)
                start_broker(self._processes, site)
        roots = [site for site in sites if site.identity_of is None]
        self._each(roots, self._start_identity)
        self._each([site for site in sites if site.identity_of is not None], self._start_identity)
        for site in sites:
            if site.split:
                wait_until(partial(broker_runs, self._processes, site), f"RabbitMQ of {site.name} listens", within=120)
        for api in dict.fromkeys(api for site in sites for api in site.apis if api != "keystone"):
            for site in sites:
                if api in site.apis:
                    self._services.start(site, api)
        self._each(sites, self._seed)

    def _start_identity(self, site: Site) -> None:
        if site.identity_of is None:
            self._services.bootstrap(site)
        else:
            share_identity(self.sites[site.identity_of], site)
        self._services.start(site, "keystone")
        self._services.wait(site, "keystone")
        Seeder(site, self.authority).identity()

    def _seed(self, site: Site) -> None:
        if "neutron" in site.apis:
            network_agent(site)
        for api in site.apis:
            self._services.wait(site, api)
        Seeder(site, self.authority).resources()

    @staticmethod
    def _each(sites: Sequence[Site], what: Callable[[Site], None]) -> None:
        if sites:
            with ThreadPoolExecutor(len(sites)) as pool:
                list(pool.map(what, sites))

    # ---- services and proxies, one by one

    def stop_service(self, site: str, api: str) -> None:
        """Kills all its processes (SIGKILL), or one of a split nova's, `nova-compute` say; returns when it is gone."""
        home = self.sites[site].home
        self._processes.end([(home, program) for program in self.sites[site].programs(api)], kill=True)

    def start_service(self, site: str, api: str) -> None:
        """What of it does not run; returns when it listens."""
        self._services.start(self.sites[site], api)
        self._services.wait(self.sites[site], api)

    def stop_proxy(self, site: str, *, kill: bool = True) -> None:
        """By SIGKILL, or else by SIGTERM; returns when it is gone, and its peers' links refuse."""
        self._processes.end([(self.folder / "proxy", site)], kill=kill)
        if self._links is not None:
            self._links.look()

    def start_proxy(self, site: str) -> None:
        """Returns when it listens on all its fronts."""
        self.start_proxies([site])

    def start_proxies(self, sites: Iterable[str] | None = None) -> None:
        """Those of all sites, or of some."""
        names = list(self.sites if sites is None else sites)
        command = shutil.which("scopeproxy", path=openstack.search_path())
        if not command:
            raise LabError("no scopeproxy command: pip install '.[client]', or make openstack")
        home = self.folder / "proxy"
        for name in names:
            self._processes.start(home, name, [command, "serve", "-c", str(self.topology_path), "--site", name])
        for name in names:
            site = self.sites[name]

            def serves(site: Site = site) -> bool:
                if not self._processes.pid(home, site.name):
                    raise LabError(f"the proxy of {site.name} does not start, see {output(home, site.name)}")
                return all(listens(site.ip, site.front_port(api)) for api in site.apis)

            wait_until(serves, f"the proxy of {name} listens")
        if self._links is not None:
            self._links.look()

    def restart_proxies(self, changes: Mapping[str, Any] | None = None, sites: Iterable[str] | None = None) -> None:
        """All proxies (or those of `sites`) anew, with `changes` laid over the lab's own topology.

        Mappings are laid over key by key, and None takes a key away.  Every call begins with the lab's own topology
        again: without changes it is restored.  Their state (what they learned) stays.
        """
        names = list(self.sites if sites is None else sites)
        self.write_topology(changes)
        self._processes.end([(self.folder / "proxy", name) for name in names])
        self.start_proxies(names)

    def write_topology(self, changes: Mapping[str, Any] | None = None) -> None:
        """The topology file alone; running proxies read it when they notice, or when `reload_proxies` tells them."""
        changed = laid_over(self.topology, changes or {})
        whole = self.topology_path.with_suffix(".new")
        whole.write_text(yaml.safe_dump(changed, sort_keys=False, allow_unicode=True))
        whole.replace(self.topology_path)

    def hang_up(self, site: str) -> None:
        """SIGHUP to its proxy, which then reads the topology again."""
        self._processes.tell(self.folder / "proxy", site, signal.SIGHUP)

    @contextmanager
    def changed(self, changes: Mapping[str, Any]) -> Iterator[None]:
        """All proxies anew with changes, and anew without them afterwards."""
        self.restart_proxies(changes)
        try:
            yield
        finally:
            self.restart_proxies()

    def service_pid(self, site: str, api: str) -> int | None:
        return self._processes.pid(self.sites[site].home, api)

    def proxy_pid(self, site: str) -> int | None:
        return self._processes.pid(self.folder / "proxy", site)

    def service_pids(self) -> dict[tuple[str, str], int]:
        """Of all services that run, by site and name."""
        every = {
            (name, program): self.service_pid(name, program)
            for name, site in self.sites.items()
            for api in site.apis
            for program in site.programs(api)
        }
        return {key: pid for key, pid in every.items() if pid}

    def proxy_pids(self) -> dict[str, int]:
        return {name: pid for name in self.sites if (pid := self.proxy_pid(name))}

    def hold(self, site: str, held: bool) -> None:
        """Whether the site's hypervisors spawn no servers."""
        for compute in self.sites[site].computes():
            file = self.sites[site].state(compute) / "hold"
            if held:
                file.touch()
            else:
                file.unlink(missing_ok=True)

    # ---- links

    @property
    def links(self) -> CuttableLinks:
        if self._links is None:
            raise LabError("this lab has no links to cut: Lab(…, links=True)")
        return self._links

    def cut(self, one: str, other: str, how: Cut | str = Cut.REFUSE, *, symmetric: bool = True) -> None:
        """Nothing passes between two sites' proxies: `refuse` resets connections, `drop` lets them hang."""
        self.links.cut(one, other, how, symmetric=symmetric)

    def heal(self, one: str | None = None, other: str | None = None) -> None:
        """What was cut: everything, all links of a site, or those between two."""
        self.links.heal(one, other)

    # ---- for clients

    def environment(self, cloud: str) -> dict[str, str]:
        """For an `openstack` command at a cloud of clouds.yaml: `Paris` (admin), `Paris-alice`, …"""
        return openstack.environment(self.clouds_path, cloud)

    def attempt(
        self, cloud: str, *words: str, scope: str | None = None, timeout: float = openstack.TIMEOUT
    ) -> subprocess.CompletedProcess[str]:
        """An `openstack` command, whatever comes of it."""
        return openstack.attempt(self.clouds_path, cloud, *words, *_option(scope), timeout=timeout)

    def openstack(self, cloud: str, *words: str, scope: str | None = None) -> Any:
        """What a show, list or create prints, as JSON; raises `CommandFailed`.  Others print nothing: `attempt`."""
        return openstack.read(self.clouds_path, cloud, *words, *_option(scope))

    # ---- to look at

    def service_log(self, site: str, api: str) -> Path:
        """What the service logs; what it prints is beside it, in `.out`."""
        return self.sites[site].home / "log" / f"{api}.log"

    def proxy_log(self, site: str) -> Path:
        return output(self.folder / "proxy", site)


def _option(scope: str | None) -> tuple[str, ...]:
    return () if scope is None else ("--scope", scope)
