"""What a new site is given: users, the catalog, flavors, an image and a network.  Plain HTTP, with the library alone.

The identity part goes straight to keystone, since the fronts have nothing to offer yet; the rest goes by the fronts.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

from sites import APIS, PASSWORD, Site

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(
    method: str, url: str, token: str = "", body: Any = None, content_type: str = "application/json"
) -> tuple[Any, Any]:
    """The answer's JSON and headers.  409 is fine: what is to be made is there already."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": content_type}, method=method)
    if token:
        request.add_header("X-Auth-Token", token)
    try:
        with _DIRECT.open(request, timeout=120) as answer:
            text = answer.read()
            return json.loads(text) if text else None, answer.headers
    except urllib.error.HTTPError as error:
        if error.code != 409:
            sys.exit(f"{method} {url}: {error.code} {error.read(500).decode(errors='replace')}")
        return None, error.headers


def login(keystone: str) -> str:
    """A token of the admin's."""
    user = {"name": "admin", "domain": {"id": "default"}, "password": PASSWORD}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    _, headers = call("POST", f"{keystone}/v3/auth/tokens", body={"auth": {"identity": identity, "scope": scope}})
    return str(headers["X-Subject-Token"])


def seed_identity(site: Site) -> None:
    base = f"{site.back('keystone')}/v3"
    token = login(site.back("keystone"))

    def ids(kind: str) -> dict[str, str]:
        return {item["name"]: item["id"] for item in call("GET", f"{base}/{kind}", token)[0][kind]}

    for project in ("service", "demo"):
        call("POST", f"{base}/projects", token, {"project": {"name": project}})
    for user in (*(api for api in APIS if api != "keystone"), "alice"):
        call("POST", f"{base}/users", token, {"user": {"name": user, "password": PASSWORD}})
    roles, projects, users = ids("roles"), ids("projects"), ids("users")
    grants = {"alice": [("demo", "member")], "admin": [("demo", "admin")]}
    for user, user_id in users.items():
        for project, role in grants.get(user, [("service", "service"), ("service", "admin")]):
            call("PUT", f"{base}/projects/{projects[project]}/users/{user_id}/roles/{roles[role]}", token)
    for name, api in APIS.items():
        if name == "keystone":
            continue
        made, _ = call("POST", f"{base}/services", token, {"service": {"name": name, "type": api.type}})
        for interface in ("public", "internal", "admin"):
            endpoint = {"interface": interface, "region_id": site.name, "url": site.catalog(name)}
            call("POST", f"{base}/endpoints", token, {"endpoint": {"service_id": made["service"]["id"], **endpoint}})


def network_agent(site: Site) -> None:
    """The row that an Open vSwitch agent would have written to neutron's database, so that ports bind."""
    started, far = "2020-01-01 00:00:00", "2999-01-01 00:00:00"
    row = {
        "id": str(uuid.uuid4()),
        "agent_type": "Open vSwitch agent",
        "binary": "neutron-openvswitch-agent",
        "topic": "N/A",
        "host": f"{site.name.lower()}-compute",
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


def seed_resources(site: Site) -> None:
    token = login(site.front("keystone"))
    compute, image, network = site.catalog("nova"), site.catalog("glance"), site.catalog("neutron") + "/v2.0"
    for number, (name, ram, disk) in enumerate((("m1.tiny", 128, 1), ("m1.small", 512, 2)), 1):
        flavor = {"id": str(number), "name": name, "ram": ram, "vcpus": 1, "disk": disk}
        call("POST", f"{compute}/flavors", token, {"flavor": flavor})
    formats = {"disk_format": "raw", "container_format": "bare"}
    made, _ = call("POST", f"{image}/v2/images", token, {"name": "cirros", "visibility": "public", **formats})
    data = f"not a real image ({site.name}) ".encode() * 4096
    call("PUT", f"{image}/v2/images/{made['id']}/file", token, data, "application/octet-stream")
    made, _ = call("POST", f"{network}/networks", token, {"network": {"name": "private", "shared": True}})
    subnet = {"name": "private", "ip_version": 4, "cidr": f"10.{site.ip.split('.')[2]}.0.0/24", "enable_dhcp": False}
    call("POST", f"{network}/subnets", token, {"subnet": {"network_id": made["network"]["id"], **subnet}})
    _wait_for_compute(site)


def _wait_for_compute(site: Site) -> None:
    """Until the compute node is mapped into its cell: before, no host is valid."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with sqlite3.connect(site.home / "db/nova_api.db") as connection:
            if connection.execute("select count(*) from host_mappings").fetchone()[0]:
                return
        time.sleep(0.2)
    sys.exit(f"nova-compute of {site.name} was not mapped into its cell")
