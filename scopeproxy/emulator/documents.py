"""The files that an embedded cloud leaves for others to read: the topology, and clouds.yaml for the clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from scopeproxy.emulator.place import PASSWORD
from scopeproxy.model.topology import LinkConstraint

PEOPLE = {"": ("admin", "admin"), "-alice": ("alice", "demo"), "-bob": ("bob", "demo")}


def as_yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def clouds(fronts: Mapping[str, str]) -> dict[str, Any]:
    """clouds.yaml: for every site the admin, alice and bob.  `fronts`: site to its keystone."""
    rows = {}
    for site, keystone in fronts.items():
        for suffix, (user, project) in PEOPLE.items():
            domains = {"user_domain_id": "default", "project_domain_id": "default"}
            auth = {"auth_url": f"{keystone}/v3", "username": user, "password": PASSWORD, "project_name": project}
            rows[f"{site}{suffix}"] = {"auth": auth | domains, "region_name": site, "identity_api_version": "3"}
    return {"clouds": rows}


def constraint(rule: LinkConstraint) -> dict[str, Any]:
    """A link's constraint as the topology file writes it."""
    row: dict[str, Any] = {"src": rule.src, "dst": rule.dst, "delay": f"{rule.delay * 1000:g}ms"}
    if rule.rate is not None:
        row["rate"] = f"{rule.rate * 8 / 1000:g}kbit"
    return row | {"loss": f"{rule.loss * 100:g}%", "symmetric": rule.symmetric}
