"""What the sites themselves say: do their fronts answer, and do catalogs and 401s send clients to the fronts.

Nothing is changed anywhere; a user's password goes only where the topology lets it go.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from scopeproxy.edges.schema import Place, Reading, Wrong
from scopeproxy.edges.values import EVERY_SITE, url
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.topology import Endpoint, Site, Topology, Url, vocabulary

_AT_ONCE = 64
_NEEDED = ("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME")
_CHALLENGE = re.compile(r"""uri\s*=\s*["']([^"']+)["']""", re.IGNORECASE)

# A path of each service that asks for a token; the roots answer without.
_GUARDED = {
    "compute": "/v2.1/servers",
    "image": "/v2/images",
    "network": "/v2.0/networks",
    "placement": "/resource_providers",
    "block-storage": "/v3/volumes",
    "orchestration": "/v1/stacks",
    "load-balancer": "/v2/lbaas/loadbalancers",
    "key-manager": "/v1/secrets",
    "dns": "/v2/zones",
    "shared-file-system": "/v2/shares",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.  `good` None: it could not be; `told` says what was seen, and what to do."""

    site: str
    service: str
    good: bool | None
    told: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back; status None: nothing did, and `text` says why."""

    status: int | None
    text: str = ""
    challenge: str = ""


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
            return [*await self._services(site), *await self._catalog(site)]

    async def _services(self, site: Site) -> list[Finding]:
        found = []
        for service, end in site.services.items():
            front = front_finding(site, service, end, await self._fetch(site, str(end.front) + "/"))
            found.append(front)
            if front.good and service in _GUARDED and "identity" in site.services:
                answer = await self._fetch(site, str(end.front) + _GUARDED[service])
                found.append(challenge_finding(site, service, answer))
        return found

    async def _catalog(self, site: Site) -> list[Finding]:
        keystone = site.services.get("identity")
        if keystone is None:
            return []
        refusal = why_no_login(self.topology, site, self.environ)
        if refusal:
            return [Finding(site.name, "identity", None, f"its catalog: {refusal}")]
        answer = await self._fetch(site, f"{keystone.front}/v3/auth/tokens", login(self.environ))
        if answer.status != 201:
            seen = answer.status or answer.text
            return [Finding(site.name, "identity", None, f"its catalog: the login was not accepted ({seen})")]
        return list(catalog_findings(site, answer.text, vocabulary(self.topology)))

    async def _fetch(self, site: Site, target: str, body: Any = None) -> _Answer:
        """GET, or POST where there is a body; the text is kept of the latter's answer alone."""
        waits = aiohttp.ClientTimeout(total=site.proxy.timeouts.answer, connect=site.proxy.timeouts.connect)
        try:
            async with self.session.request(
                "GET" if body is None else "POST",
                target,
                json=body,
                timeout=waits,
                allow_redirects=False,
                ssl=_authorities(site) if target.startswith("https:") else True,
            ) as response:
                text = "" if body is None else await response.text()
                return _Answer(response.status, text, response.headers.get("WWW-Authenticate", ""))
        except TimeoutError:
            return _Answer(None, f"no answer within {site.proxy.timeouts.answer:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _Answer(None, str(error) or type(error).__name__)


def _authorities(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=site.proxy.tls.peers)


def front_finding(site: Site, service: str, end: Endpoint, answer: _Answer) -> Finding:
    """Does something answer at the front, and the service behind it?"""
    if answer.status is None:
        told = f"{end.front} does not answer: {answer.text}; is `scopeproxy serve --site '{site.name}'` running there?"
        return Finding(site.name, service, False, told)
    if answer.status >= 500:
        told = f"{end.front} answers {answer.status}; does the service listen at its back?"
        return Finding(site.name, service, False, told)
    return Finding(site.name, service, True, f"{end.front} answers {answer.status}")


def challenge_finding(site: Site, service: str, answer: _Answer) -> Finding:
    """Does the service tell those without a token to get one at the keystone's front?"""
    front = site.services["identity"].front
    named = _CHALLENGE.search(answer.challenge)
    if answer.status != 401 or not named:
        seen = answer.status or answer.text
        return Finding(site.name, service, None, f"its auth_url: no 401 that names a keystone ({seen})")
    if leads_to(named[1], front):
        return Finding(site.name, service, True, f"its 401 names {front}")
    remedy = "set auth_url and www_authenticate_uri in [keystone_authtoken] to the front"
    return Finding(site.name, service, False, f"its 401 names {named[1]}, not {front}; {remedy}")


def catalog_findings(site: Site, text: str, words: Vocabulary) -> Iterator[Finding]:
    """Does the catalog name the front of every service, in all interfaces of the site's region?"""
    named = list(_endpoints(text, site.region, words))
    for service, end in site.services.items():
        urls = list(dict.fromkeys(target for of, target in named if of == service))
        strangers = [target for target in urls if not leads_to(target, end.front)]
        if not urls:
            told = f"the catalog names none in region {site.region}; `openstack endpoint create` one for {end.front}"
        elif strangers:
            remedy = "`openstack endpoint set --url` it, or set catalog: rewrite"
            told = f"the catalog names {', '.join(strangers)}, not {end.front}; {remedy}"
        else:
            told = f"the catalog names {end.front}"
        yield Finding(site.name, service, bool(urls) and not strangers, told)


def _endpoints(text: str, region: str, words: Vocabulary) -> Iterator[tuple[str | None, str]]:
    try:
        catalog = json.loads(text)["token"].get("catalog", [])
        for entry in catalog:
            for end in entry["endpoints"]:
                if region in (end.get("region_id"), end.get("region")):
                    yield words.service(entry["type"]), end["url"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return  # not what a keystone says: what was understood so far is judged


def leads_to(written: str, front: Url) -> bool:
    """Whether a URL is the front, or something below it; a project's id may follow, with a `$` or a `%`."""
    try:
        found = url(Place(Reading()), written.partition("$")[0].partition("%")[0])
    except Wrong:
        return False
    below = f"{found.path}/".startswith(f"{front.path}/")
    return found.scheme == front.scheme and found.address == front.address and below


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
