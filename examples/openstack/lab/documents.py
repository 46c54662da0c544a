"""The files of the proxies and of their clients: the topology and clouds.yaml, as mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.sites import ADMIN_PORT, PASSWORD, Site

# Cloud to user and project; the site's name stands before it.
ACCOUNTS = {
    "": ("admin", "admin"),
    "-alice": ("alice", "demo"),
    "-alice-research": ("alice", "research"),
    "-bob": ("bob", "demo"),
}


def topology(
    sites: Sequence[Site],
    folder: Path,
    routes: Mapping[str, Mapping[str, str]],
    tls: Mapping[str, Mapping[str, str]],
    authority: Path | None,
) -> dict[str, Any]:
    """The topology file, as docs/operating.md describes it.  The proxies share a machine: admin addresses differ."""
    proxy: dict[str, Any] = {"state": f"sqlite:///{folder}/proxy/{{site}}.db"}
    if authority is not None:
        proxy["tls"] = {"peers": str(authority)}
    rows = {site.name: _site(site, routes.get(site.name, {}), tls.get(site.name, {})) for site in sites}
    return {"sites": rows, "proxy": proxy}


def _site(site: Site, routes: Mapping[str, str], tls: Mapping[str, str]) -> dict[str, Any]:
    given = {"routes": dict(routes), "tls": dict(tls)}
    services = {api: {"front": site.front(api), "back": site.back(api)} for api in site.apis}
    row: dict[str, Any] = {"services": services}
    if site.identity_of:
        row["shares"] = {"identity": [site.identity_of]}
    row["proxy"] = {
        "admin": f"{site.ip}:{ADMIN_PORT}",
        "catalog": site.catalog,
        **{key: value for key, value in given.items() if value},
    }
    return row


def clouds(sites: Sequence[Site], authority: Path | None) -> dict[str, Any]:
    """A clouds.yaml: the site's name is its admin, Paris-alice an ordinary user."""
    return {
        "clouds": {
            site.name + suffix: _cloud(site, user, project, authority)
            for site in sites
            for suffix, (user, project) in ACCOUNTS.items()
        }
    }


def _cloud(site: Site, user: str, project: str, authority: Path | None) -> dict[str, Any]:
    cloud: dict[str, Any] = {
        "region_name": site.name,
        "auth": {
            "auth_url": site.endpoint("keystone"),
            "username": user,
            "password": PASSWORD,
            "project_name": project,
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
    }
    if authority is not None:
        cloud["cacert"] = str(authority)
    return cloud


def laid_over(below: Any, above: Any) -> Any:
    """Mappings key by key, where None takes a key away; everything else as a whole."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    laid = {key: laid_over(below.get(key), value) for key, value in above.items() if value is not None}
    return {key: value for key, value in below.items() if key not in above} | laid
