"""Several sites with links between them, and the files that proxies and clients need.

Proxies are not started here: who starts them reads `topology_path`, as an operator's would.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scopeproxy.emulator.documents import as_yaml, clouds, constraint
from scopeproxy.emulator.links import Links
from scopeproxy.emulator.place import Settings
from scopeproxy.emulator.recorder import Recorder
from scopeproxy.emulator.service import bound
from scopeproxy.emulator.site import SERVICES, EmulatedSite
from scopeproxy.model.topology import Address, LinkConstraint, Url


def loopback(number: int) -> str:
    """A loopback address for the site of this number: its own where the system has 127.0.0.0/8."""
    host = f"127.0.{number}.1"
    try:
        bound(Address(host, 0)).close()
    except OSError:
        return "127.0.0.1"
    return host


class EmulatedCloud:
    """Sites by name, in `directory`.

    `constraints`: what the links do.  `paths`: one front per site, with a path for each service; at all sites, or at
    the ones named.  `proxied` False: the fronts are the services themselves, for use without proxies.  `images`: extra
    public images, site to names.  `labels`: site to its labels.  `identity_of`: site to an earlier one, whose keystone
    its own is a copy of.
    """

    def __init__(
        self,
        sites: Sequence[str],
        directory: Path,
        *,
        constraints: Iterable[LinkConstraint] = (),
        paths: bool | Collection[str] = False,
        proxied: bool = True,
        images: Mapping[str, Sequence[str]] | None = None,
        labels: Mapping[str, Mapping[str, str]] | None = None,
        identity_of: Mapping[str, str] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._names, self.directory = tuple(sites), directory.absolute()
        self._constraints, self._proxied = tuple(constraints), proxied
        self._by_paths = frozenset(self._names if paths is True else paths or ())
        self._images, self._labels = images or {}, labels or {}
        self._identity_of = identity_of or {}
        self.settings = settings or Settings()
        self.recorder = Recorder()
        self.topology_path = self.directory / "sites.yaml"
        self.clouds_path = self.directory / "clouds.yaml"
        self._sites: dict[str, EmulatedSite] = {}
        self._reserved: list[socket.socket] = []
        self._links: Links | None = None

    async def __aenter__(self) -> EmulatedCloud:
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for reservation in self._reserved:
                stack.callback(reservation.close)
            for site in self._sites.values():
                stack.push_async_callback(site.stop)
            if self._links is not None:
                stack.push_async_callback(self._links.close)

    # ---- its parts

    @property
    def sites(self) -> tuple[EmulatedSite, ...]:
        return tuple(self._sites.values())

    def site(self, name: str) -> EmulatedSite:
        return self._sites[name]

    @property
    def links(self) -> Links:
        assert self._links is not None, "the cloud has not been started"
        return self._links

    # ---- starting

    async def _start(self) -> None:
        for number, name in enumerate(self._names, start=1):
            host = loopback(number)
            site = EmulatedSite(
                name,
                self.directory,
                fronts=self._reserve_fronts(name, host) if self._proxied else None,
                host=host,
                recorder=self.recorder,
                settings=self.settings,
                paths=name in self._by_paths,
                identity_of=self._sites.get(self._identity_of.get(name, "")),
            )
            self._sites[name] = site
            await site.start()
            self._seed(site)
        addresses = {name: [_address(url) for url in site.fronts.values()] for name, site in self._sites.items()}
        self._links = Links(addresses, self._constraints)
        self._links.open()
        self._write()

    def _reserve(self, host: str) -> Address:
        """A port that is bound and does not listen: nobody else is given it, and whoever asks for it by number (with
        SO_REUSEADDR, as servers do) may listen there."""
        self._reserved.append(bound(Address(host, 0)))
        return Address(*self._reserved[-1].getsockname()[:2])

    def _reserve_fronts(self, name: str, host: str) -> dict[str, str]:
        if name in self._by_paths:
            shared = self._reserve(host)
            return {kind.type: str(Url("http", shared, f"/{kind.type}")) for kind in SERVICES}
        return {kind.type: str(Url("http", self._reserve(host))) for kind in SERVICES}

    def _seed(self, site: EmulatedSite) -> None:
        site.seed()
        for image in self._images.get(site.name, ()):
            site.seed_image(image)

    # ---- files

    def _write(self) -> None:
        rows: dict[str, Any] = {name: self._site_row(site) for name, site in self._sites.items()}
        topology: dict[str, Any] = {"sites": rows}
        if self._constraints:
            topology["network_constraints"] = [constraint(rule) for rule in self._constraints]
        self.topology_path.write_text(as_yaml(topology))
        keystones = {name: site.fronts["identity"] for name, site in self._sites.items()}
        self.clouds_path.write_text(as_yaml(clouds(keystones)))

    def _site_row(self, site: EmulatedSite) -> dict[str, Any]:
        backs = site.backs
        services = {kind.name: {"front": site.fronts[kind.type], "back": backs[kind.type]} for kind in SERVICES}
        row: dict[str, Any] = {"region": site.name, "services": services}
        if site.name in self._labels:
            row["labels"] = dict(self._labels[site.name])
        if site.name in self._identity_of:
            row["shares"] = {"identity": [self._identity_of[site.name]]}
        if self._proxied:
            row["proxy"] = self._proxy_row(site)
        return row

    def _proxy_row(self, site: EmulatedSite) -> dict[str, Any]:
        return {
            "admin": str(self._reserve("127.0.0.1")),
            "state": f"sqlite:///{self.directory / site.name / 'proxy.db'}",
            "routes": {str(there): str(link) for there, link in self.links.routes(site.name).items()},
        }


def _address(url: str) -> Address:
    host, _, port = url.removeprefix("http://").partition("/")[0].rpartition(":")
    return Address(host, int(port))
