"""Logging in under a scope: first where the client belongs, then, as the same person, at every site of the scope."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.tokens.broker import Asked, refused
from scopeproxy.execution.tokens.validation import Ask, Validator
from scopeproxy.model.identity import FailedLogin, Login, SiteToken, Token
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached, without
from scopeproxy.model.topology import Topology
from scopeproxy.planning.catalog import rewrite_token_answer
from scopeproxy.planning.credentials import PASSWORD, TOKEN, withheld
from scopeproxy.planning.logins import NotReplayable, elsewhere, identity_of, methods_of, names_ids, refusal

_JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))

# Logins at other sites that one login may have in flight.
_AT_ONCE = 32

# The answers to a login after which the next site of `keystone: A|B` is tried: nobody was let in, nobody refused.
_NEXT = frozenset({404, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The answer to a login under a scope, and what came of it at each site that was asked."""

    answer: Outcome
    asked: tuple[Outcome, ...]


# What may go on now that somebody has logged in; returns how much did.
LoggedInHook = Callable[[Login, Token], Awaitable[int]]


async def _nobody_waits(login: Login, token: Token) -> int:
    return 0


class SignIn:
    """Makes logins and remembers what they gave."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        ledger: Ledger,
        validator: Validator,
        metrics: Metrics,
        logged_in: LoggedInHook = _nobody_waits,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._ledger = topology, here, ledger
        self._validator, self._metrics, self._now = validator, metrics, now
        self._logged_in = logged_in
        self._in_flight: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def log_in(
        self,
        request: Request,
        at: Sequence[str],
        cover: Callable[[str], Sequence[str]],
        ask: Ask,
        stay: frozenset[str] = frozenset(),
    ) -> LoggedIn:
        """A client's login under a scope: at the first of `at` that answers, then at all that `cover` tells for that.

        `ask` makes one unscoped call to a site on the client's behalf, and reads its answer.  Who has one of the roles
        `stay` is logged in nowhere else.
        """
        assert isinstance(request.body, Held)
        first = await self._first(request, at, ask)
        if not isinstance(first, Reply) or first.status != 201:
            return LoggedIn(first, (first,))
        answer, body = first.json, request.json
        identity = identity_of(answer) if isinstance(answer, dict) else None
        value = first.header("X-Subject-Token")
        if identity is None or value is None or not isinstance(body, dict):
            return LoggedIn(first, (first,))
        token = Token(value)
        self._validator.vouched(token, identity, first.site)
        others = () if identity.roles & stay else cover(first.site)
        results = await self._everywhere(body, answer, others, ask)
        sites: dict[str, SiteToken | FailedLogin] = {first.site: SiteToken(first.site, token, identity)}
        sites.update(results)
        login = Login(token.fingerprint, first.site, identity, self._now(), sites)
        await self._ledger.remember_login(login)
        await self._logged_in(login, token)
        outcomes = (first, *(self._outcome(result) for result in results.values()))
        return LoggedIn(self._as_entry(first), outcomes)

    def _as_entry(self, reply: Reply) -> Reply:
        """The client sees the entry's catalog and regions, whichever site issued the token."""
        sites = self._topology.sites
        if reply.site == self._here and sites[self._here].proxy.catalog != "rewrite":
            return reply
        body = rewrite_token_answer(reply.body, sites[reply.site], sites[self._here])
        headers = (*without(reply.headers, "Content-Length"), ("Content-Length", str(len(body))))
        return replace(reply, headers=headers, body=body)

    async def _first(self, request: Request, at: Sequence[str], ask: Ask) -> Outcome:
        outcome: Outcome = Unreached(self._here, False, "the scope names no site for keystone")
        for site in at:
            outcome = await self._post(site, request, ask)
            if isinstance(outcome, Reply) and outcome.status not in _NEXT:
                break
        refused_ids = isinstance(outcome, Reply) and outcome.status in (401, 404) and outcome.site != self._here
        if refused_ids and names_ids(request.json or {}):
            return await self._by_names_from_here(request, outcome, ask)
        return outcome

    async def _by_names_from_here(self, request: Request, refusal: Outcome, ask: Ask) -> Outcome:
        """An openrc file with ids is this site's: what they are called is learned by a login here."""
        known = await self._post(self._here, request, ask)
        if not isinstance(known, Reply) or known.status != 201:
            return refusal
        try:
            body = elsewhere(request.json, known.json, None)
        except (NotReplayable, KeyError, TypeError):
            return refusal
        return await self._post(refusal.site, replace(request, body=Held(json.dumps(body).encode())), ask)

    async def _post(self, site: str, request: Request, ask: Ask) -> Outcome:
        kind = TOKEN if methods_of(request.json or {}) == ("token",) else PASSWORD
        target = self._topology.sites[site]
        reason = withheld(kind, self._topology.sites[self._here], target, target.services["identity"].front)
        if reason:
            return refused(Asked("identity", site, Token(""), ""), reason)
        return await ask(site, request)

    async def _everywhere(
        self, body: Mapping[str, Any], answer: Mapping[str, Any], sites: Sequence[str], ask: Ask
    ) -> dict[str, SiteToken | FailedLogin]:
        places = asyncio.Semaphore(_AT_ONCE)
        parents = await self._parents(body)

        async def one(site: str) -> SiteToken | FailedLogin:
            async with places, self._turn(site, str(answer["token"]["user"])):
                return await self._log_in_at(site, body, answer, parents.get(site), ask)

        async with asyncio.TaskGroup() as group:
            tasks = {site: group.create_task(one(site)) for site in sites}
        return {site: task.result() for site, task in tasks.items()}

    def _turn(self, site: str, user: str) -> asyncio.Lock:
        return self._in_flight.setdefault(f"{site}\n{user}", asyncio.Lock())

    async def _parents(self, body: Mapping[str, Any]) -> dict[str, Token]:
        """Each site's own token for the token that a login by token starts from.

        An account of the operator's logs in to no other project than the one that its row has for the caller's."""
        if methods_of(body) != ("token",):
            return {}
        value = body["auth"]["identity"].get("token", {}).get("id", "")
        login = await self._ledger.login(Token(str(value)).fingerprint)
        held = login.sites.values() if login else ()
        return {entry.site: entry.token for entry in held if isinstance(entry, SiteToken) and not entry.account}

    async def _log_in_at(
        self, site: str, body: Mapping[str, Any], answer: Mapping[str, Any], parent: Token | None, ask: Ask
    ) -> SiteToken | FailedLogin:
        try:
            theirs = elsewhere(body, answer, parent)
        except NotReplayable as error:
            return self._failed(site, 401, str(error))
        except (KeyError, TypeError):
            return self._failed(site, 401, "the first login's answer does not tell who logged in")
        data = json.dumps(theirs).encode()
        request = Request("identity", "POST", "/v3/auth/tokens", _JSON, Held(data))
        outcome = await self._post(site, request, ask)
        if isinstance(outcome, Unreached):
            return self._failed(site, None, outcome.why)
        token, said = outcome.header("X-Subject-Token"), outcome.json
        identity = identity_of(said) if isinstance(said, dict) else None
        if outcome.status != 201 or token is None or identity is None:
            says = _keystone_says(outcome)
            # What a proxy says instead of keystone is as clear as it can be.
            by_keystone = outcome.status == 401 and "scope: " not in says
            return self._failed(site, outcome.status, refusal(theirs, says) if by_keystone else says)
        self._metrics.logins.labels(site, "done").inc()
        return SiteToken(site, Token(token), identity)

    def _failed(self, site: str, status: int | None, why: str) -> FailedLogin:
        self._metrics.logins.labels(site, "unreached" if status is None else "refused").inc()
        return FailedLogin(site, status, why, self._now())

    def _outcome(self, result: SiteToken | FailedLogin) -> Outcome:
        if isinstance(result, SiteToken):
            return Reply(result.site, 201)
        if result.status is None:
            return Unreached(result.site, False, result.why)
        return Reply(result.site, result.status)


def _keystone_says(reply: Reply) -> str:
    said = reply.json
    message = said.get("error", {}).get("message") if isinstance(said, dict) else None
    return f"HTTP {reply.status}: {message}" if isinstance(message, str) else f"HTTP {reply.status}"
