"""Application credentials of alice's, of one name and secret at several sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.openstack.cloud import Cloud

_SECRET = "of-one-application"


def application_credential(cloud: Cloud, name: str, sites: Iterable[str]) -> dict[str, Any]:
    """Made at the sites; what a login by it sends."""
    for site in sites:
        login = cloud.token(site)
        headers = {"X-Subject-Token": login}
        shown = cloud.call("GET", "keystone:/v3/auth/tokens?nocatalog", at=site, token=login, headers=headers)
        path = f"keystone:/v3/users/{shown.json['token']['user']['id']}/application_credentials"
        wanted = {"application_credential": {"name": name, "secret": _SECRET}}
        made = cloud.call("POST", path, at=site, token=login, json=wanted)
        assert made.status == 201, made.text
    credential = {"name": name, "secret": _SECRET, "user": {"name": "alice", "domain": {"id": "default"}}}
    return {"identity": {"methods": ["application_credential"], "application_credential": credential}}
