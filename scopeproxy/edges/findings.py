"""What the answers to `scopeproxy check --live` tell, and what an operator is to do about it.  Asking is live.py."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from scopeproxy.edges.schema import Place, Reading, Wrong
from scopeproxy.edges.values import url
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.messages import Headers
from scopeproxy.model.topology import Endpoint, Site, Url
from scopeproxy.planning.rewriting import visited

_CHALLENGE = re.compile(r"""uri\s*=\s*["']([^"']+)["']""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.  `good` None: it could not be; `told` says what was seen, and what to do."""

    site: str
    service: str
    good: bool | None
    told: str


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back; status None: nothing did, and `text` says why.  It may hold a token."""

    status: int | None
    text: str = ""
    headers: Headers = ()

    def header(self, wanted: str) -> str:
        """Empty when there is none."""
        return next((value for name, value in self.headers if name.lower() == wanted.lower()), "")

    @property
    def seen(self) -> str:
        return self.text if self.status is None else str(self.status)


def front_finding(site: Site, service: str, end: Endpoint, answer: Answer) -> Finding:
    """Does the service answer at the front, by its site's proxy?  An answer names the proxies that it passed."""
    if answer.status is None:
        told = f"{end.front} does not answer: {answer.text}; is `scopeproxy serve --site '{site.name}'` running there?"
        return Finding(site.name, service, False, told)
    if answer.status >= 500:
        told = f"{end.front} answers {answer.status}; does the service listen at its back?"
        return Finding(site.name, service, False, told)
    passed = visited(answer.headers)
    if not passed:
        remedy = f"`scopeproxy serve --site '{site.name}'` must listen there, and the service at its back"
        told = f"{end.front} answers {answer.status}, but no proxy does: {remedy}"
    elif passed[-1] != site.name:
        told = f"{end.front} answers {answer.status}, but by the proxy of {passed[-1]}"
    else:
        return Finding(site.name, service, True, f"{end.front} answers {answer.status}, by its proxy")
    return Finding(site.name, service, False, told)


def challenge_finding(site: Site, service: str, answer: Answer) -> Finding:
    """Does the service tell those without a token to get one at the keystone's front?"""
    front = site.services["identity"].front
    named = _CHALLENGE.search(answer.header("WWW-Authenticate"))
    if answer.status != 401 or not named:
        return Finding(site.name, service, None, f"its www_authenticate_uri: no 401 that names one ({answer.seen})")
    if leads_to(named[1], front):
        return Finding(site.name, service, True, f"its 401 names {front}")
    remedy = "set auth_url and www_authenticate_uri in [keystone_authtoken] to the front"
    return Finding(site.name, service, False, f"its 401 names {named[1]}, not {front}; {remedy}")


def validation_finding(site: Site, service: str, plain: Answer, scoped: Answer) -> Finding:
    """Does the service validate tokens at the keystone's front?

    It was shown a fresh token of its own site's twice: as it is, and under a scope.  Then there is a tag on it, which
    the proxy takes off at the keystone's front, and which keystone itself knows nothing of.
    """
    front, subject = site.services["identity"].front, "where it validates tokens"
    if plain.status is None or plain.status >= 500:
        return Finding(site.name, service, None, f"{subject}: it answers {plain.seen} to a token")
    if plain.status == 401:
        told = f"it does not accept a token of {front}; auth_url in [keystone_authtoken] leads to another keystone"
        return Finding(site.name, service, False, told)
    if not scoped.header("X-Scope-Sites"):
        return Finding(site.name, service, None, f"{subject}: the scope was not taken up ({scoped.seen})")
    if scoped.status == 401:
        remedy = "set auth_url in [keystone_authtoken] to the front"
        told = f"it accepts no token that carries a scope: it validates elsewhere than at {front}; {remedy}"
        return Finding(site.name, service, False, told)
    if scoped.status is None or scoped.status >= 500:
        return Finding(site.name, service, None, f"{subject}: it answers {scoped.seen} under a scope")
    return Finding(site.name, service, True, f"it validates tokens at {front}")


def untagged_finding(site: Site, service: str) -> Finding:
    """Nothing can be seen of one that calls no other service: its tokens carry no scope."""
    return Finding(
        site.name,
        service,
        None,
        "where it validates tokens cannot be seen: it calls no service, so it is sent no scope",
    )


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
