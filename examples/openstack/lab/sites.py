"""The sites of the lab: names, addresses, and where each service is served (front) and really listens (back)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PASSWORD = "secret"
BACK_OFFSET = 10000
PATHS_PORT = 8080
ADMIN_PORT = 9901


class LabError(Exception):
    """The lab cannot be what it is to be: what was seen, and where to look."""


class Api(NamedTuple):
    """One service: its usual port, the path its catalog entry ends with, and its type."""

    port: int
    path: str
    type: str


APIS = {
    "keystone": Api(5000, "/v3", "identity"),
    "placement": Api(8778, "", "placement"),
    "glance": Api(9292, "", "image"),
    "neutron": Api(9696, "", "network"),
    "nova": Api(8774, "/v2.1", "compute"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """One autonomous cloud on an address of its own; all its files are under `home`.

    `venv` holds the release of OpenStack that it runs.  `apis`: the services that it has.  `scheme`: of its fronts.
    `paths`: the fronts are paths of one port (and the backs have the same paths), not ports.  `catalog`: what the proxy
    does with catalogs (`rewrite`, `keep`).  `names`: what keystone's catalog names, `front` or `back`.
    `identity_of`: the site whose keystone's users, ids and Fernet keys it has a copy of.
    `auth_at_back`: services whose auth_url goes around the proxy, which is wrong; `check --live` must find them.
    """

    name: str
    ip: str
    home: Path
    venv: Path
    apis: tuple[str, ...] = tuple(APIS)
    scheme: str = "http"
    paths: bool = False
    catalog: str = "rewrite"
    names: str = "front"
    identity_of: str | None = None
    auth_at_back: frozenset[str] = frozenset()

    def front(self, api: str) -> str:
        """Where the proxy serves it: all that clients and the other services may know."""
        return f"{self.scheme}://{self.ip}:{self.front_port(api)}{self.prefix(api)}"

    def back(self, api: str) -> str:
        return f"http://{self.ip}:{self.back_port(api)}{self.prefix(api)}"

    def prefix(self, api: str) -> str:
        """The path that front and back begin with."""
        return f"/{APIS[api].type}" if self.paths else ""

    def front_port(self, api: str) -> int:
        return PATHS_PORT if self.paths else APIS[api].port

    def back_port(self, api: str) -> int:
        return APIS[api].port + BACK_OFFSET

    def endpoint(self, api: str) -> str:
        """What a client uses: the front, with the version where the catalog has one."""
        return self.front(api) + APIS[api].path

    def registered(self, api: str) -> str:
        """What its keystone's catalog is told."""
        return (self.front if self.names == "front" else self.back)(api) + APIS[api].path

    def auth_url(self, api: str) -> str:
        """Where a service of the site validates tokens and logs in."""
        return (self.back if api in self.auth_at_back else self.front)("keystone")

    def ports(self) -> set[int]:
        """All that are listened on at the site's address."""
        return {ADMIN_PORT} | {port for api in self.apis for port in (self.front_port(api), self.back_port(api))}


def three_sites(folder: Path, venv: Path, net: str = "127.0") -> list[Site]:
    names = ("Paris", "Corte", "Marseille")
    return [Site(name, f"{net}.{number}.1", folder / "sites" / name, venv) for number, name in enumerate(names, 1)]
