"""One site: its services wired together, with what an installer leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import aiohttp

from scopeproxy.emulator.cinder import Cinder
from scopeproxy.emulator.collection import Item
from scopeproxy.emulator.glance import Glance
from scopeproxy.emulator.keystone import Keystone
from scopeproxy.emulator.misbehaviour import Misbehaviour
from scopeproxy.emulator.neutron import Neutron
from scopeproxy.emulator.nova import Nova
from scopeproxy.emulator.place import PASSWORD, Place, Settings
from scopeproxy.emulator.placement import Placement
from scopeproxy.emulator.recorder import Recorder
from scopeproxy.emulator.service import Service, bound
from scopeproxy.lang.vocabulary import OPENSTACK
from scopeproxy.model.topology import Address

_Kind = TypeVar("_Kind", bound=Service)

SERVICES: tuple[type[Service], ...] = (Keystone, Placement, Glance, Nova, Neutron, Cinder)
INTERFACES = ("public", "internal", "admin")
_USERS = {
    "admin": (("admin", "admin"), ("demo", "admin")),
    "alice": (("demo", "member"),),
    "bob": (("demo", "member"),),
}


class EmulatedSite:
    """A site of its own.

    `fronts` (service type to URL) is what its catalog and every auth_url name; None: its services are called directly.
    `paths` puts every service under a path of its name (`/compute`), as some installers do.  `identity_of`: a running
    site whose keystone's users, ids and keys this one's has a copy of.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        fronts: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        recorder: Recorder | None = None,
        settings: Settings | None = None,
        paths: bool = False,
        identity_of: EmulatedSite | None = None,
    ) -> None:
        self.name, self.host = name, host
        self._identity_of = identity_of
        self.recorder = Recorder() if recorder is None else recorder
        self.settings = Settings() if settings is None else settings
        self._directory, self._paths = directory / name, paths
        self._given_fronts = fronts
        self.fronts: dict[str, str] = dict(fronts or {})
        self._session: aiohttp.ClientSession | None = None
        self._services: dict[str, Service] = {}

    async def __aenter__(self) -> EmulatedSite:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ---- life

    async def start(self) -> None:
        """Listen with every service, then fill in what an installer would."""
        self._directory.mkdir(parents=True, exist_ok=True)
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=60), cookie_jar=aiohttp.DummyCookieJar()
        )
        place = Place(self.name, self._directory, self.fronts, self._session, self.recorder, self.settings)
        sockets = {kind.type: bound(Address(self.host, 0)) for kind in SERVICES}
        for kind in SERVICES:
            service = kind(place)
            await service.start(sockets[kind.type], self.prefix(kind.type))
            self._services[kind.type] = service
        if self._given_fronts is None:
            self.fronts.update(self.backs)
        self._install()

    async def stop(self) -> None:
        await asyncio.gather(*(service.stop() for service in self._services.values()))
        if self._session is not None:
            await self._session.close()

    def prefix(self, service_type: str) -> str:
        return f"/{service_type}" if self._paths else ""

    # ---- its parts

    @property
    def backs(self) -> dict[str, str]:
        """Where each service really listens."""
        return {type_: str(service.url) for type_, service in self._services.items()}

    def service(self, name: str) -> Service:
        """A service by its type, an alias or the project's name."""
        return self._services[OPENSTACK.service(name) or name]

    @property
    def keystone(self) -> Keystone:
        return _only(self._services["identity"], Keystone)

    @property
    def glance(self) -> Glance:
        return _only(self._services["image"], Glance)

    @property
    def nova(self) -> Nova:
        return _only(self._services["compute"], Nova)

    @property
    def neutron(self) -> Neutron:
        return _only(self._services["network"], Neutron)

    @property
    def placement(self) -> Placement:
        return _only(self._services["placement"], Placement)

    @property
    def cinder(self) -> Cinder:
        return _only(self._services["block-storage"], Cinder)

    async def misbehave(self, service: str, how: Misbehaviour | str | None) -> None:
        """Make one service go wrong: "garbage", "slow", "cut", "500", "refuse"; None: it is well again."""
        await self.service(service).misbehave(None if how is None else Misbehaviour(how))

    def forget_tokens(self) -> None:
        """Empty every service's cache of validated tokens."""
        for service in self._services.values():
            service.tokens.forget()

    # ---- what is there from the beginning

    def project(self, name: str) -> str:
        """The id of a project."""
        return str(self._named("projects", name)["id"])

    def _named(self, kind: str, name: str) -> Item:
        found = self.keystone.directory.named(kind, name)
        assert found is not None, f"{self.name} has no {name} among its {kind}"
        return found

    def _install(self) -> None:
        if self._identity_of is None:
            self._install_people()
        else:
            self.keystone.directory.copy_people(self._identity_of.keystone.directory)
            self.keystone.issued.share_keys(self._identity_of.keystone.issued)
        directory = self.keystone.directory
        directory.create("regions", {"id": self.name})
        for kind in SERVICES:
            self._publish(kind.name, kind.type, self.fronts[kind.type] + kind.path)
        self._publish("cinderv3", "volumev3", self.fronts["block-storage"] + Cinder.path)

    def _install_people(self) -> None:
        directory = self.keystone.directory
        for role in ("admin", "manager", "member", "reader", "service"):
            directory.create("roles", {"name": role})
        for project in ("admin", "demo", "service"):
            directory.create("projects", {"name": project})
        for name, roles in _USERS.items():
            self._user(name, roles)
        for kind in SERVICES:
            if kind is not Keystone:
                self._user(kind.name, (("service", "service"), ("service", "admin")))
        directory.grant(self._named("users", "admin")["id"], self._named("roles", "admin")["id"], ("system", "all"))
        directory.grant(self._named("users", "admin")["id"], self._named("roles", "admin")["id"], ("domain", "default"))

    def _user(self, name: str, roles: tuple[tuple[str, str], ...]) -> None:
        directory = self.keystone.directory
        user = directory.create("users", {"name": name, "password": PASSWORD})
        for project, role in roles:
            directory.grant(user["id"], self._named("roles", role)["id"], ("project", self.project(project)))

    def _publish(self, name: str, type_: str, url: str) -> None:
        directory = self.keystone.directory
        service = directory.create("services", {"name": name, "type": type_})
        row = {"service_id": service["id"], "region_id": self.name, "region": self.name, "url": url}
        for interface in INTERFACES:
            directory.create("endpoints", {**row, "interface": interface})

    def seed(self) -> None:
        """Flavors m1.tiny and m1.small, a public image cirros, a shared network private."""
        self.nova.flavors.add("m1.tiny", ram=512, disk=1, vcpus=1)
        self.nova.flavors.add("m1.small", ram=2048, disk=20, vcpus=1)
        self.seed_image("cirros")
        admin = self.project("admin")
        network = self.neutron.add("networks", {"name": "private", "shared": True}, admin)
        subnet = {"name": "private-subnet", "network_id": network["id"], "cidr": "10.0.0.0/24"}
        self.neutron.add("subnets", subnet, admin)

    def seed_image(self, name: str, data: bytes | None = None, **values: object) -> Item:
        """A public image that has data."""
        image: Item = {"name": name, "visibility": "public", "disk_format": "qcow2", "container_format": "bare"}
        image |= {"owner": self.project("admin"), **values}
        return self.glance.add(image, data if data is not None else f"not really {name}\n".encode() * 64)


def _only(service: Service, kind: type[_Kind]) -> _Kind:
    assert isinstance(service, kind)
    return service
