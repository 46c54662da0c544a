"""What a new site is given: users, the catalog, flavors, an image and a network.  Plain HTTP, with the library alone.

The identity part goes straight to keystone, since the fronts have nothing to offer yet; the rest goes by the fronts.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import ssl
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from lab.processes import wait_until
from lab.sites import APIS, PASSWORD, LabError, Site

FLAVORS = (("m1.tiny", 128, 1), ("m1.small", 512, 2))
GRANTS = {
    "admin": [("admin", "admin"), ("demo", "admin")],
    "alice": [("demo", "member"), ("research", "member")],
    "bob": [("demo", "member")],
}
SERVICE_GRANTS = [("service", "service"), ("service", "admin")]


class Seeder:
    """Seeds one site as its admin."""

    def __init__(self, site: Site, authority: Path | None) -> None:
        self._site = site
        context = ssl.create_default_context(cafile=authority)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self._token = ""

    def identity(self) -> None:
        """Users, projects and the catalog."""
        base = f"{self._site.back('keystone')}/v3"
        self._log_in(base)

        def ids(kind: str) -> dict[str, str]:
            return {item["name"]: item["id"] for item in self._call("GET", f"{base}/{kind}")[0][kind]}

        for project in ("service", "demo", "research"):
            self._call("POST", f"{base}/projects", {"project": {"name": project}})
        for user in (*(api for api in APIS if api != "keystone"), "alice", "bob"):
            self._call("POST", f"{base}/users", {"user": {"name": user, "password": PASSWORD}})
        roles, projects, users = ids("roles"), ids("projects"), ids("users")
        for user, user_id in users.items():
            for project, role in GRANTS.get(user, SERVICE_GRANTS):
                self._call("PUT", f"{base}/projects/{projects[project]}/users/{user_id}/roles/{roles[role]}")
        self._catalog(base)

    def _catalog(self, base: str) -> None:
        """The site's services and endpoints; those of a site whose keystone was copied go."""
        site = self._site
        services = {item["type"]: item["id"] for item in self._call("GET", f"{base}/services")[0]["services"]}
        for endpoint in self._call("GET", f"{base}/endpoints")[0]["endpoints"]:
            if endpoint["region_id"] != site.name:
                self._call("DELETE", f"{base}/endpoints/{endpoint['id']}")
        if site.identity_of is not None:
            self._call("POST", f"{base}/regions", {"region": {"id": site.name}})
        for name in site.apis:
            if name == "keystone" and site.identity_of is None:
                continue  # keystone-manage bootstrap has made it
            for kind, url in site.registered(name).items():
                if kind not in services:
                    made, _ = self._call("POST", f"{base}/services", {"service": {"name": name, "type": kind}})
                    services[kind] = made["service"]["id"]
                for interface in ("public", "internal", "admin"):
                    endpoint = {"interface": interface, "region_id": site.name, "url": url}
                    self._call("POST", f"{base}/endpoints", {"endpoint": {"service_id": services[kind], **endpoint}})

    def resources(self) -> None:
        """Flavors, an image, a network: of the services that the site has."""
        self._log_in(f"{self._site.front('keystone')}/v3")
        for api, seed in (("nova", self._flavors), ("glance", self._image), ("neutron", self._network)):
            if api in self._site.apis:
                seed(self._site.endpoint(api))
        if "nova" in self._site.apis:
            # Until the compute node is mapped into its cell, no host is valid.
            wait_until(self._has_host, f"nova-compute of {self._site.name} is mapped into its cell")

    def _flavors(self, compute: str) -> None:
        """The same names as at the other sites, other ids."""
        for number, (name, ram, disk) in enumerate(FLAVORS, 1):
            flavor = {"id": f"{self._site.name}-{number}", "name": name, "ram": ram, "vcpus": 1, "disk": disk}
            self._call("POST", f"{compute}/flavors", {"flavor": flavor})

    def _image(self, image: str) -> None:
        formats = {"disk_format": "raw", "container_format": "bare"}
        made, _ = self._call("POST", f"{image}/v2/images", {"name": "cirros", "visibility": "public", **formats})
        data = f"not a real image ({self._site.name}) ".encode() * 4096
        self._call("PUT", f"{image}/v2/images/{made['id']}/file", data, "application/octet-stream")

    def _network(self, network: str) -> None:
        network += "/v2.0"
        made, _ = self._call("POST", f"{network}/networks", {"network": {"name": "private", "shared": True}})
        cidr = f"10.{self._site.ip.split('.')[2]}.0.0/24"
        subnet = {"name": "private", "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
        self._call("POST", f"{network}/subnets", {"subnet": {"network_id": made["network"]["id"], **subnet}})

    def _has_host(self) -> bool:
        with sqlite3.connect(self._site.home / "db/nova_api.db") as connection:
            found = connection.execute("select count(*) from host_mappings").fetchone()[0]
        return bool(found == len(self._site.computes()))

    def _log_in(self, keystone: str) -> None:
        user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        _, headers = self._call("POST", f"{keystone}/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        self._token = str(headers["X-Subject-Token"])

    def _call(self, method: str, url: str, body: Any = None, content_type: str = "application/json") -> tuple[Any, Any]:
        """The answer's JSON and headers.  409 is fine: what is to be made is there already."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": content_type}, method=method)
        if self._token:
            request.add_header("X-Auth-Token", self._token)
        try:
            with self._opener.open(request, timeout=120) as answer:
                text = answer.read()
                return json.loads(text) if text else None, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 409:
                    told = error.read(500).decode(errors="replace")
                    raise LabError(f"{method} {url}: {error.code} {told}") from error
                return None, error.headers
        except OSError as error:
            raise LabError(f"{method} {url}: {error}") from error


def share_identity(source: Site, copy: Site) -> None:
    """Gives a site a copy of another's keystone: users, ids and keys are the same from now on, revocations are not."""
    with (
        sqlite3.connect(source.home / "db/keystone.db") as theirs,
        sqlite3.connect(copy.home / "db/keystone.db") as ours,
    ):
        theirs.backup(ours)
    for keys in ("fernet", "credential"):
        shutil.copytree(source.home / keys, copy.home / keys, dirs_exist_ok=True)


def cell_transport(site: Site) -> None:
    """Tells nova's only cell how its computes are reached: the empty database has what the template has."""
    with sqlite3.connect(site.home / "db/nova_api.db") as connection:
        connection.execute("update cell_mappings set transport_url = ? where name = 'cell1'", (site.transport,))


def volume_type(site: Site) -> None:
    """Gives the default type an id of the site's own: that of the empty database is the same at every site."""
    with sqlite3.connect(site.home / "db/cinder.db") as connection:
        connection.execute("update volume_types set id = ?", (str(uuid.uuid4()),))


def network_agent(site: Site) -> None:
    """The row that an Open vSwitch agent would have written to neutron's database, so that ports bind."""
    for host in site.computes().values():
        _network_agent(site, host)


def _network_agent(site: Site, host: str) -> None:
    started, far = "2020-01-01 00:00:00", "2999-01-01 00:00:00"
    row = {
        "id": str(uuid.uuid4()),
        "agent_type": "Open vSwitch agent",
        "binary": "neutron-openvswitch-agent",
        "topic": "N/A",
        "host": host,
        "admin_state_up": 1,
        "created_at": started,
        "started_at": started,
        "heartbeat_timestamp": far,
        "configurations": json.dumps({"bridge_mappings": {}, "tunnel_types": []}),
        "load": 0,
    }
    with sqlite3.connect(site.home / "db/neutron.db") as connection:
        connection.execute(
            f"insert into agents ({', '.join(row)}) values ({', '.join('?' * len(row))})", tuple(row.values())
        )
