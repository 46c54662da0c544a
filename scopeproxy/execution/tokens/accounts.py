"""Logins by the accounts that this site's operator has at other sites (proxy.accounts).

Each client's token gets one of its own, kept with what the client's logins gave (login.py): so it is lent to the sites
of a workflow, revoked with the client's, and had anew when it expires before that.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.tokens.broker import NotThis
from scopeproxy.execution.tokens.revocation import Revocation
from scopeproxy.execution.tokens.validation import Ask
from scopeproxy.model.identity import FailedLogin, Login, SiteToken, Token
from scopeproxy.model.messages import Held, Reply, Request
from scopeproxy.model.topology import Account, Topology
from scopeproxy.planning.accounts import account_for, login_of
from scopeproxy.planning.logins import identity_of
from scopeproxy.planning.strategies import Case, why_not

# Seconds for which a keystone's refusal stands: they lock accounts that are tried again and again.
_STILL_REFUSED = 30.0

# Seconds for which one login of an account does for all that the journal makes by it.
_LASTING = 300.0

_ANSWER_LIMIT = 1024 * 1024
_JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))


class Accounts:
    """The accounts of one site's operator.

    `passwords`: by the path of the file that holds each; `ask` makes one unscoped call to a site.
    """

    def __init__(
        self,
        topology: Topology,
        here: str,
        passwords: Mapping[str, str],
        ask: Ask,
        ledger: Ledger,
        revocation: Revocation,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._passwords = topology, here, passwords
        self._ask, self._ledger, self._revocation, self._metrics = ask, ledger, revocation, metrics
        self._now = now
        self._in_flight: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._refused: dict[tuple[str, str, str], FailedLogin] = {}
        self._lasting: dict[tuple[str, str, str], tuple[float, SiteToken]] = {}

    async def token(self, login: Login, service: str, site: str) -> SiteToken | FailedLogin | NotThis:
        """What stands for a client's token when a service of a site is called: held, or had by a login now.

        `login`: the client's, whose token its issuer has just vouched for; it is kept where none was.  Raises
        Unauthorized when it was revoked meanwhile.
        """
        chosen = self._chosen(login, service, site)
        if isinstance(chosen, NotThis):
            return chosen
        async with self._in_flight.setdefault(f"{login.fingerprint}\n{site}", asyncio.Lock()):
            held = (await self._ledger.login_or(login)).sites.get(site)
            return held if isinstance(held, SiteToken) else await self._kept(login, await self._had(site, *chosen))

    async def lasting(self, login: Login, service: str, site: str) -> SiteToken | FailedLogin | NotThis:
        """What stands for somebody whose own token has expired: one for all for whom the account does."""
        chosen = self._chosen(login, service, site)
        if isinstance(chosen, NotThis):
            return chosen
        if await self._ledger.was_revoked(login.fingerprint):
            return NotThis("the token was revoked before it would have expired")
        account, project = chosen
        key = (site, account.user, project)
        async with self._in_flight.setdefault("\n".join(key), asyncio.Lock()):
            had, held = self._lasting.get(key, (0.0, None))
            if held is not None and self._now() < min(had + _LASTING, held.identity.expires):
                return held
            there = await self._had(site, account, project)
            if isinstance(there, SiteToken):
                self._lasting[key] = (self._now(), there)
            return there

    def _chosen(self, login: Login, service: str, site: str) -> tuple[Account, str] | NotThis:
        reason = why_not("account", Case(service, self._here, site, login.issuer), self._topology)
        if reason:
            return NotThis(reason)
        chosen = account_for(login.identity, self._topology.sites[self._here].proxy.accounts[site])
        return NotThis(chosen) if isinstance(chosen, str) else chosen

    async def _had(self, site: str, account: Account, project: str) -> SiteToken | FailedLogin:
        key = (site, account.user, project)
        refused = self._refused.get(key)
        if refused is not None and self._now() - refused.at < _STILL_REFUSED:
            return refused
        there = await self._log_in(site, account, project)
        if isinstance(there, FailedLogin):
            self._metrics.logins.labels(site, "unreached" if there.status is None else "refused").inc()
            if there.status is not None:
                self._refused[key] = there
            return there
        self._metrics.logins.labels(site, "done").inc()
        return there

    async def _kept(self, login: Login, there: SiteToken | FailedLogin) -> SiteToken | FailedLogin:
        if isinstance(there, SiteToken) and not await self._ledger.add_site_token(login.fingerprint, there):
            await self._revocation.revoke_at(there)
            raise Unauthorized("scope: the token was revoked: log in again")
        return there

    async def _log_in(self, site: str, account: Account, project: str) -> SiteToken | FailedLogin:
        body = login_of(account, project, self._passwords[account.password])
        request = Request("identity", "POST", "/v3/auth/tokens", _JSON, Held(json.dumps(body).encode()))
        patience = within(self._topology.sites[self._here].proxy.timeouts.total)
        outcome = await collect(await self._ask(site, request), _ANSWER_LIMIT, patience)
        if not isinstance(outcome, Reply):
            return FailedLogin(site, None, outcome.why, self._now())
        value, said = outcome.header("X-Subject-Token"), outcome.json
        identity = identity_of(said) if isinstance(said, dict) else None
        if outcome.status == 201 and value is not None and identity is not None:
            return SiteToken(site, Token(value), identity, account=True)
        why = (
            f"its keystone answered HTTP {outcome.status} to the account {account.user!r} in project {project!r}: see "
            f"proxy.accounts of {self._here}"
        )
        return FailedLogin(site, outcome.status, why, self._now())
