"""Asks the sites themselves, for `scopeproxy check --live`.  What their answers tell is findings.py.

Nothing is changed anywhere; a user's password goes only where the topology lets it go.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from scopeproxy.edges.findings import (
    Answer,
    Finding,
    catalog_findings,
    challenge_finding,
    front_finding,
    leads_to,
    untagged_finding,
    validation_finding,
)
from scopeproxy.edges.values import EVERY_SITE
from scopeproxy.lang.scope import At, Scope
from scopeproxy.lang.wire import to_header
from scopeproxy.model.topology import Site, Topology, vocabulary
from scopeproxy.planning.planner import carried

_AT_ONCE = 64
_NEEDED = ("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME")

# A path of each service that asks for a token; the roots answer without.
_GUARDED = {
    "compute": "/v2.1/servers?limit=1",
    "image": "/v2/images?limit=1",
    "network": "/v2.0/networks?limit=1",
    "placement": "/resource_providers",
    "block-storage": "/v3/volumes?limit=1",
    "orchestration": "/v1/stacks",
    "load-balancer": "/v2/lbaas/loadbalancers",
    "key-manager": "/v1/secrets",
    "dns": "/v2/zones",
    "shared-file-system": "/v2/shares",
}


async def ask_sites(topology: Topology, environ: Mapping[str, str]) -> list[Finding]:
    """Every finding, in the topology's order."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as group,
    ):
        asker = _Asker(session, topology, environ, asyncio.Semaphore(_AT_ONCE))
        asked = [group.create_task(asker.ask(site)) for site in topology]
    return [finding for task in asked for finding in task.result()]


@dataclass(frozen=True, slots=True)
class _Asker:
    session: aiohttp.ClientSession
    topology: Topology
    environ: Mapping[str, str]
    # Not the session's own limit: to wait for that would count against the site's time to answer.
    turns: asyncio.Semaphore

    async def ask(self, site: Site) -> list[Finding]:
        """What one site shows of itself, when its turn has come."""
        async with self.turns:
            return [*await self._services(site), *await self._as_user(site)]

    async def _services(self, site: Site) -> list[Finding]:
        found = []
        for service, end in site.services.items():
            front = front_finding(site, service, end, await self._fetch(site, f"{end.front}/"))
            found.append(front)
            if front.good and service in _GUARDED and "identity" in site.services:
                answer = await self._fetch(site, f"{end.front}{_GUARDED[service]}")
                found.append(challenge_finding(site, service, answer))
        return found

    async def _as_user(self, site: Site) -> list[Finding]:
        """What a user sees who has logged in."""
        keystone = site.services.get("identity")
        if keystone is None:
            return []
        refusal = why_no_login(self.topology, site, self.environ)
        if refusal:
            return [Finding(site.name, "identity", None, f"its catalog: {refusal}")]
        answer = await self._fetch(site, f"{keystone.front}/v3/auth/tokens", body=login(self.environ))
        token = answer.header("X-Subject-Token")
        if answer.status != 201 or not token:
            seen = answer.seen[:200]
            return [Finding(site.name, "identity", None, f"its catalog: the login was not accepted ({seen})")]
        found = [*catalog_findings(site, answer.text, vocabulary(self.topology))]
        for service in site.services:
            if service in _GUARDED:
                found.append(await self._validation(site, service, token))
        return found

    async def _validation(self, site: Site, service: str, token: str) -> Finding:
        scope = _own_scope(service, site)
        if not carried(scope, service):
            return untagged_finding(site, service)
        target, shown = f"{site.services[service].front}{_GUARDED[service]}", {"X-Auth-Token": token}
        plain = await self._fetch(site, target, shown)
        scoped = await self._fetch(site, target, shown | {"X-Scope": to_header(scope)})
        return validation_finding(site, service, plain, scoped)

    async def _fetch(
        self, site: Site, target: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """GET, or POST where there is a body; the text is kept of the latter's answer alone."""
        waits = aiohttp.ClientTimeout(total=site.proxy.timeouts.answer, connect=site.proxy.timeouts.connect)
        try:
            async with self.session.request(
                "GET" if body is None else "POST",
                target,
                headers=headers,
                json=body,
                timeout=waits,
                allow_redirects=False,
                ssl=_authorities(site) if target.startswith("https:") else True,
            ) as response:
                text = "" if body is None else await response.text()
                return Answer(response.status, text, tuple(response.headers.items()))
        except TimeoutError:
            return Answer(None, f"no answer within {site.proxy.timeouts.answer:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, str(error) or type(error).__name__)


def _own_scope(service: str, site: Site) -> Scope:
    """A scope that sends a call nowhere else, and travels with it all the same."""
    here = At(site.name)
    return Scope(((service, here), ("identity", here)))


def _authorities(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=site.proxy.tls.peers)


def why_no_login(topology: Topology, site: Site, environ: Mapping[str, str]) -> str | None:
    """Why the catalog of a site is not asked for; None: it is."""
    missing = [name for name in _NEEDED if not environ.get(name)]
    if missing:
        return f"not looked at without {', '.join(missing)} in the environment"
    home = next((here for here in topology if _is_front(here, environ["OS_AUTH_URL"])), None)
    if home is None:
        return "OS_AUTH_URL is no site's keystone front, so that nobody knows who may have this password"
    if not _may_have_password(home, site):
        return f"the password of a user of {home.name} may not be sent there (proxy.credentials, proxy.insecure)"
    return None


def _is_front(site: Site, auth_url: str) -> bool:
    keystone = site.services.get("identity")
    return keystone is not None and leads_to(auth_url, keystone.front)


def _may_have_password(home: Site, site: Site) -> bool:
    front, settings = site.services["identity"].front, home.proxy
    if front.scheme != "https" and not front.address.on_loopback and not settings.insecure:
        return False
    named = settings.credentials.password_to
    if named is None:
        return site.operator == home.operator
    return site.name == home.name or bool({site.name, EVERY_SITE} & set(named))


def login(environ: Mapping[str, str]) -> dict[str, Any]:
    """The body of a password login, from the variables that `openstack` takes."""
    return {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {
                    "user": {
                        "name": environ["OS_USERNAME"],
                        "domain": _domain(environ, "USER"),
                        "password": environ["OS_PASSWORD"],
                    }
                },
            },
            "scope": {"project": {"name": environ["OS_PROJECT_NAME"], "domain": _domain(environ, "PROJECT")}},
        }
    }


def _domain(environ: Mapping[str, str], whose: str) -> dict[str, str]:
    name = environ.get(f"OS_{whose}_DOMAIN_NAME")
    return {"name": name} if name else {"id": environ.get(f"OS_{whose}_DOMAIN_ID") or "default"}
