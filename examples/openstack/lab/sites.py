"""The sites of the lab: names, addresses, and where each service is served (front) and really listens (back)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

PASSWORD = "secret"
BACK_OFFSET = 10000
PATHS_PORT = 8080
ADMIN_PORT = 9901
BROKER_PORT = 5673
# What nova is beside its API, where it is split.
NOVA_PARTS = ("nova-conductor", "nova-scheduler", "nova-compute", "nova-compute-2")


class LabError(Exception):
    """The lab cannot be what it is to be: what was seen, and where to look."""


class Api(NamedTuple):
    """One service: its usual port, the path its catalog entry ends with, and its type.

    `older`: further entries for the same service, as types and paths, which some clients still look for.
    """

    port: int
    path: str
    type: str
    older: tuple[tuple[str, str], ...] = ()


APIS = {
    "keystone": Api(5000, "/v3", "identity"),
    "placement": Api(8778, "", "placement"),
    "glance": Api(9292, "", "image"),
    "neutron": Api(9696, "", "network"),
    "cinder": Api(8776, "/v3", "block-storage", (("volumev3", "/v3/$(project_id)s"),)),
    "nova": Api(8774, "/v2.1", "compute"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """One autonomous cloud on an address of its own; all its files are under `home`.

    `venv` holds the release of OpenStack that it runs: `release`, or that of requirements.txt (None).
    `apis`: the services that it has.  `scheme`: of its fronts.
    `paths`: the fronts are paths of one port (and the backs have the same paths), not ports.  `catalog`: what the proxy
    does with catalogs (`rewrite`, `keep`).  `names`: what keystone's catalog names, `front` or `back`.
    `identity_of`: the site whose keystone's users, ids and Fernet keys it has a copy of.
    `auth_at_back`: services whose auth_url goes around the proxy, which is wrong; `check --live` must find them.
    `cache_tokens` False: services ask keystone about every token, every time (token_cache_time = -1), so that
    revocations are seen at once.  `token_life`: seconds.  `service_tokens`: nova sends its own token beside the user's
    (send_service_user_token).
    `split`: nova is several processes with two computes, over a RabbitMQ of the site's own; else it is one process.
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
    cache_tokens: bool = True
    token_life: int = 3600
    service_tokens: bool = True
    release: str | None = None
    split: bool = False

    @property
    def libraries(self) -> Path | None:
        """The venv whose libraries an older release uses, but for those of its own."""
        return None if self.release is None else self.venv.with_name(self.venv.name.removesuffix(f"-{self.release}"))

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

    def registered(self, api: str) -> dict[str, str]:
        """What its keystone's catalog is told: type to URL."""
        root = (self.front if self.names == "front" else self.back)(api)
        return {type_: root + path for type_, path in ((APIS[api].type, APIS[api].path), *APIS[api].older)}

    def auth_url(self, api: str) -> str:
        """Where a service of the site validates tokens and logs in."""
        return (self.back if api in self.auth_at_back else self.front)("keystone")

    @property
    def transport(self) -> str:
        """By what nova's parts reach each other; guest is RabbitMQ's first user."""
        return f"rabbit://guest:guest@{self.ip}:{BROKER_PORT}/" if self.split else "fake:/"

    def programs(self, api: str) -> tuple[str, ...]:
        """The processes of a service: the first has its name, and listens; one of the others is itself alone."""
        return (api, *NOVA_PARTS) if api == "nova" and self.split else (api,)

    def computes(self) -> dict[str, str]:
        """The processes that are hypervisors, and what nova calls their hosts; the other parts are at the first."""
        first = f"{self.name.lower()}-compute"
        return {"nova-compute": first, "nova-compute-2": f"{first}-2"} if self.split else {"nova": first}

    def state(self, compute: str) -> Path:
        """A compute's folder, where it has the id of its node and its servers' disks."""
        return self.home / ("state-2" if compute == "nova-compute-2" else "state")

    def ports(self) -> set[int]:
        """All that are listened on at the site's address."""
        ours = {ADMIN_PORT, BROKER_PORT} if self.split else {ADMIN_PORT}
        return ours | {port for api in self.apis for port in (self.front_port(api), self.back_port(api))}


# How each site differs: what works with all of these works with each.
LAYOUTS: dict[str, dict[str, Any]] = {
    # Put before services of which nothing but the auth_url was changed: keystone's catalog names the backs.
    "Paris": {"catalog": "rewrite", "names": "back"},
    "Corte": {"paths": True, "catalog": "keep"},
    # Two releases behind the others.
    "Marseille": {"scheme": "https", "catalog": "rewrite", "release": "2025.1"},
    # Shares identity with Paris; only when asked for.
    "Nice": {"identity_of": "Paris", "catalog": "keep"},
}
THREE = ("Paris", "Corte", "Marseille")


def some_sites(
    folder: Path,
    venv: Path,
    net: str = "127.0",
    names: Sequence[str] = THREE,
    *,
    split: Collection[str] = (),
    **every: Any,
) -> list[Site]:
    """Sites of `LAYOUTS`, at NET.1.1, NET.2.1 and so on.

    `split`: those whose nova is several processes; `every`: further fields that all of them have.

    Older releases are in venvs beside `venv`, `<venv>-2025.1` say.
    """
    numbers = {name: number for number, name in enumerate(LAYOUTS, 1)}
    sites = []
    for name in names:
        differing = {"split": name in split, **LAYOUTS[name], **every}
        site = Site(name, f"{net}.{numbers[name]}.1", folder / "sites" / name, venv, **differing)
        older = venv.with_name(f"{venv.name}-{site.release}")
        sites.append(site if site.release is None else replace(site, venv=older))
    return sites


def three_sites(folder: Path, venv: Path, net: str = "127.0", **every: Any) -> list[Site]:
    """Those which know nothing of each other."""
    return some_sites(folder, venv, net, **every)
