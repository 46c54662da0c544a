"""Tokens of other sites, as the services of this one see them (the strategy *home*).

A service asks the keystone's front whether a token is good, and knows of no other keystone.  When the token's tag names
a home, the home is asked, by the token itself; what it says is told as it holds at this site.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.carrying import Found
from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.reading import discard
from scopeproxy.execution.tokens.broker import Grant
from scopeproxy.execution.tokens.local_directory import AskKeystone, LocalCatalog, LocalDirectory
from scopeproxy.execution.tokens.validation import Validator
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached, without
from scopeproxy.model.topology import Topology
from scopeproxy.planning.carriers import HEADER
from scopeproxy.planning.catalog import Catalog, backs_to_fronts, catalog_in, rewrite_catalog
from scopeproxy.planning.faults import fault
from scopeproxy.planning.homes import (
    PROJECTS,
    USERS,
    Counterparts,
    Local,
    Worthless,
    catalog_for,
    mapped,
    project_of,
    user_of,
)
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.logins import identity_of
from scopeproxy.planning.strategies import not_honoured

logger = logging.getLogger("scopeproxy")

# The tokens whose refusals are remembered.
_REMEMBERED = 1000

# One unscoped call to a site's keystone on behalf of a call of ours, its answer held.
AskWhole = Callable[[Travel, str, Request], Awaitable[Outcome]]


class ForeignTokens:
    """Answers the services of one site about tokens of others."""

    def __init__(self, topology: Topology, here: str, validator: Validator, directory: LocalDirectory) -> None:
        self._topology, self._here, self._validator, self._directory = topology, here, validator, directory
        self._settings = topology.sites[here].proxy
        self._reasons: OrderedDict[str, str] = OrderedDict()

    async def explained(
        self, outcome: Outcome, request: Request, grant: Grant, intent: Intent, found: Found
    ) -> Outcome:
        """A service's answer to a token of another site; a refusal tells what we know of why, and what would do."""
        message = None
        if isinstance(outcome, Reply) and outcome.status == 401:
            message = self._why_refused(grant, request.service)
        elif isinstance(outcome, Reply) and outcome.status in (403, 404) and grant.stranger:
            # What services ask on a user's behalf is theirs to read, and to tell of.
            client = found.source == HEADER and request.method != "HEAD"
            message = self._strange(outcome, grant) if client and intent.id is not None else None
        if message is None or not isinstance(outcome, Reply):
            return outcome
        await discard(outcome)
        headers, body = fault(request.service, outcome.status, f"scope: {message}")
        kept = without(outcome.headers, "Content-Encoding", *(name for name, _ in headers))
        return Reply(outcome.site, outcome.status, (*kept, *headers), body)

    def _why_refused(self, grant: Grant, service: str) -> str:
        """Why a service of this site answered 401."""
        reason = self._reasons.get(grant.token.fingerprint) if grant.token else None
        if reason is not None:
            return f"{self._here} does not accept the token of {grant.home}: {reason}"
        return (
            f"{service} at {self._here} does not accept the token of {grant.home}, and did not ask this proxy about it "
            "just now: auth_url in its [keystone_authtoken] has to name the front of keystone (scopeproxy check "
            "--live); login would do without"
        )

    def _strange(self, outcome: Reply, grant: Grant) -> str:
        return (
            f"{self._here} answers {outcome.status}: there the project of the caller, which is one of {grant.home}, is "
            f"a stranger, and sees only what is for all; login would do, or a row in proxy.homes of {self._here}"
        )

    async def validate(self, request: Request, found: Found, travel: Travel, ask: AskWhole) -> Reply:
        """The answer to `GET /v3/auth/tokens` about a token whose tag names a home."""
        subject, home = found.subject, found.subject_home
        assert subject is not None, "only a token that is there has a tag"
        if found.token is None:
            return _told(self._here, 401, "the service's own token is missing")
        refusal = not_honoured(home, self._here, self._topology)
        if refusal:
            return self._not_good(subject, home, refusal)
        # Shown twice, it validates itself: no credential of the home's is needed.
        both = (("X-Auth-Token", subject.value), ("X-Subject-Token", subject.value), ("Accept", "application/json"))
        outcome = await ask(travel, home, Request("identity", "GET", request.target, both))
        if isinstance(outcome, Unreached):
            raise SiteFailure(f"{home}, which issued the token, cannot be asked: {outcome.why}", 503)
        if outcome.status in (401, 403, 404):
            # 401 would be taken for a refusal of the service's own token, and clients would never log in again.
            self._validator.forget(subject.fingerprint)
            return self._not_good(subject, home, f"{home} does not accept it any more: log in again")
        document = outcome.json
        identity = identity_of(document) if outcome.status == 200 and isinstance(document, dict) else None
        if identity is None:
            raise SiteFailure(f"keystone at {home} answered HTTP {outcome.status} to a validation", 503)
        said = await self._as_here(document, identity, subject, home, found.token, partial(ask, travel, self._here))
        if isinstance(said, Reply):
            return said
        self._reasons.pop(subject.fingerprint, None)
        body = json.dumps(said).encode()
        headers = (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Subject-Token", subject.value),
            ("Vary", "X-Auth-Token"),
        )
        return Reply(self._here, 200, headers, b"" if request.method == "HEAD" else body)

    async def _as_here(
        self, document: Any, identity: Identity, subject: Token, home: str, service: Token, ask: AskKeystone
    ) -> Reply | dict[str, Any]:
        """The home's word as it holds here; or the answer that stands in the way."""
        if identity.system or document["token"].get("domain"):
            whole = "the system" if identity.system else "a domain"
            return self._not_good(subject, home, f"it is one for {whole} as a whole: login would do")
        rules = self._settings.rules_for(home)
        found: list[Local | None] = []
        for wanted in (project_of(identity, rules), user_of(identity, rules)):
            local = None if wanted is None else await self._directory.find(wanted, service, ask)
            if isinstance(local, Reply):
                return local
            if isinstance(local, str):
                named = f"proxy.homes of {self._here} takes the caller for {wanted}"
                return self._not_good(subject, home, f"{named}, and {local}")
            found.append(local)
        counterparts = Counterparts(*found)
        if identity.project_id is None and document["token"].get("project") is not None:
            return self._not_good(subject, home, "its project has no id")
        clash = await self._clash(identity, counterparts, home, service, ask)
        if clash is not None:
            return clash if isinstance(clash, Reply) else self._not_good(subject, home, clash)
        try:
            token = mapped(document["token"], rules, counterparts, home)
        except Worthless as error:
            return self._not_good(subject, home, f"{error}: give one in proxy.homes of {self._here}")
        if catalog_in(document) is not None:
            project = counterparts.project.id if counterparts.project else identity.project_id
            own = await self._directory.catalog(service, ask)
            if isinstance(own, Reply):
                return own
            theirs = LocalCatalog(self._moved(catalog_in(document) or [], home), identity.project_id)
            token["catalog"] = self._catalog(own or theirs, project)
        return {"token": token}

    async def _clash(
        self, identity: Identity, counterparts: Counterparts, home: str, service: Token, ask: AskKeystone
    ) -> Reply | str | None:
        """Why strangers may not keep their ids: a home whose keystone tells those of ours would get at what is ours."""
        if self._topology.shared("identity", home, self._here):
            return None
        pairs = ((PROJECTS, identity.project_id, counterparts.project), (USERS, identity.user_id, counterparts.user))
        for kind, id_, local in pairs:
            clash = None if local or id_ is None else await self._directory.stranger(kind, id_, service, ask)
            if clash is not None:
                return clash
        return None

    def _catalog(self, known: LocalCatalog, project: str | None) -> Catalog:
        """This site's catalog for a project."""
        here = self._topology.sites[self._here]
        catalog = backs_to_fronts(known.catalog, here) if self._settings.catalog == "rewrite" else known.catalog
        return catalog_for(catalog, known.project, project)

    def _moved(self, catalog: Catalog, home: str) -> Catalog:
        """The home's catalog made ours, by the topology alone."""
        sites = self._topology.sites
        return rewrite_catalog(backs_to_fronts(catalog, sites[home]), sites[home], sites[self._here])

    def _not_good(self, token: Token, home: str, reason: str) -> Reply:
        """404, as keystone tells services that a token is not good; why is kept for the caller's answer."""
        logger.warning("%s does not accept a token of %s (%s): %s", self._here, home, token, reason)
        self._reasons[token.fingerprint] = reason
        self._reasons.move_to_end(token.fingerprint)
        while len(self._reasons) > _REMEMBERED:
            self._reasons.popitem(last=False)
        return _told(self._here, 404, f"{self._here} does not accept a token of {home}: {reason}")


def _told(here: str, status: int, message: str) -> Reply:
    headers, body = fault("identity", status, f"scope: {message}")
    return Reply(here, status, headers, body)
