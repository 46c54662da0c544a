"""The sites of the lab: names, addresses, and where each service is served (front) and really listens (back)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PASSWORD = "secret"
BACK_OFFSET = 10000


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
    """One autonomous cloud on an address of its own; all its files are under `home`."""

    name: str
    ip: str
    home: Path

    def front(self, api: str) -> str:
        """Where the proxy serves it: all that clients and the other services may know."""
        return f"http://{self.ip}:{APIS[api].port}"

    def catalog(self, api: str) -> str:
        return self.front(api) + APIS[api].path

    def back_port(self, api: str) -> int:
        return APIS[api].port + BACK_OFFSET

    def back(self, api: str) -> str:
        return f"http://{self.ip}:{self.back_port(api)}"


def three_sites(folder: Path, net: str) -> list[Site]:
    names = ("Paris", "Corte", "Marseille")
    return [Site(name, f"{net}.{number}.1", folder / "sites" / name) for number, name in enumerate(names, 1)]


def topology(sites: list[Site], folder: Path) -> str:
    """The topology file, as docs/operating.md describes it.  The proxies share a machine: admin addresses differ."""
    lines = ["sites:"]
    for site in sites:
        lines += [f"  {site.name}:", "    services:"]
        lines += [f'      {api}: {{front: "{site.front(api)}", back: "{site.back(api)}"}}' for api in APIS]
        lines += [f'    proxy: {{admin: "{site.ip}:9901"}}']
    lines += ["proxy:", f'  state: "sqlite:///{folder}/proxy/{{site}}.db"']
    return "\n".join(lines) + "\n"


def clouds(sites: list[Site]) -> str:
    """A clouds.yaml: the site's name is its admin, Paris-alice an ordinary user."""
    lines = ["clouds:"]
    for site in sites:
        for cloud, user, project in ((site.name, "admin", "admin"), (f"{site.name}-alice", "alice", "demo")):
            lines += [
                f"  {cloud}:",
                f"    region_name: {site.name}",
                "    auth:",
                f"      auth_url: {site.catalog('keystone')}",
                f"      username: {user}",
                f"      password: {PASSWORD}",
                f"      project_name: {project}",
                "      user_domain_id: default",
                "      project_domain_id: default",
            ]
    return "\n".join(lines) + "\n"
