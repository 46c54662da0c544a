"""The strategy *login*: a site is shown the token which it gave when the client logged in under a scope.

The tokens are in the ledger under the fingerprint of the client's.  Passwords are never kept: when a token is missing
or has expired, the client is told 401 and logs in again, as clients do.

When the client's token is revoked, so are the sites' for it, there and here.  When it expires, they are only forgotten
(Ledger.purge): nobody but the ledger knew them, they end by themselves as soon, and a service at their site may still
be at work with one, which a revocation would break off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.health import Health
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.tokens.broker import Asked, Grant, own_ids, refused
from scopeproxy.execution.tokens.lending import Lending
from scopeproxy.execution.tokens.validation import Ask, Validator
from scopeproxy.model.identity import FailedLogin, Login, SiteToken
from scopeproxy.model.messages import Outcome, Request, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.credentials import TOKEN, withheld

# Seconds for which a site that could not be reached at the login counts as unreached; then a new login is due.
_STILL_UNREACHED = 30.0
_ANSWER_LIMIT = 64 * 1024


class LoginStrategy:
    """Grants what logins gave, and takes it back.  `ask` makes one unscoped call to a site."""

    name = "login"

    def __init__(
        self,
        topology: Topology,
        here: str,
        ask: Ask,
        ledger: Ledger,
        validator: Validator,
        lending: Lending,
        health: Health,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._ask, self._ledger = topology, here, ask, ledger
        self._validator, self._lending, self._health, self._now = validator, lending, health, now

    async def grant(self, asked: Asked) -> Grant | Outcome | None:
        login = await self._login(asked)
        if isinstance(login, Unreached):
            return login
        if login is None:
            return Grant(asked.token) if asked.site == self._here else None
        if asked.site == login.issuer:
            reason = self._withheld(asked, login.issuer)
            return refused(asked, reason) if reason else Grant(asked.token)
        there = login.sites.get(asked.site)
        if there is None:
            return None
        problem = await self._unvouched(asked, login)
        if problem is not None:
            return problem
        return self._granted(asked, login, there)

    async def _login(self, asked: Asked) -> Login | Unreached | None:
        login = await self._ledger.login(asked.token.fingerprint)
        held = login is not None and asked.site in login.sites
        if held or asked.site == self._here or asked.entry in ("", self._here):
            return login
        return await self._lending.borrow(asked)

    async def _unvouched(self, asked: Asked, login: Login) -> Outcome | None:
        """The outcome that stands when the issuer does not vouch for the client's token just now; None: it does."""
        reason = self._withheld(asked, login.issuer, "identity")
        if reason:
            return refused(asked, reason)
        answer = await self._validator.identity(asked.token, login.issuer)
        if isinstance(answer, Unreached):
            return Unreached(
                asked.site, False, f"{login.issuer}, which issued the token, cannot be asked: {answer.why}"
            )
        if answer is None:
            await self.revoke(asked.token.fingerprint)
            raise Unauthorized(f"scope: {login.issuer} does not accept the token any more: log in again")
        return None

    def _withheld(self, asked: Asked, site: str, service: str | None = None) -> str | None:
        """Why no token goes to a site, be it that site's own."""
        there = self._topology.sites[site]
        front = there.services[service or asked.service].front
        return withheld(TOKEN, self._topology.sites[self._here], there, front)

    def _granted(self, asked: Asked, login: Login, there: SiteToken | FailedLogin) -> Grant | Outcome:
        if isinstance(there, SiteToken):
            if there.identity.expires <= self._now():
                raise Unauthorized(f"scope: the token of {asked.site} has expired: log in again")
            reason = self._withheld(asked, asked.site)
            return refused(asked, reason) if reason else Grant(there.token, own_ids(login.identity, there.identity))
        if _could_not_answer(there):
            recent = self._now() - there.at < _STILL_UNREACHED or self._health.believed_down(asked.site)
            if recent:
                return Unreached(asked.site, False, f"no login there: {there.why}")
        return refused(asked, f"no login at {asked.site}: {there.why}")

    async def revoke(self, fingerprint: str) -> None:
        """The client's token is gone: so are the tokens that were had for it, here and at their sites."""
        self._validator.forget(fingerprint)
        login = await self._ledger.forget_login(fingerprint)
        if login is None:
            return
        held = [entry for entry in login.sites.values() if isinstance(entry, SiteToken)]
        async with asyncio.TaskGroup() as group:
            for entry in held:
                if entry.token.fingerprint != fingerprint:
                    group.create_task(self._revoke_at(entry))

    async def _revoke_at(self, entry: SiteToken) -> None:
        self._validator.forget(entry.token.fingerprint)
        both = (("X-Auth-Token", entry.token.value), ("X-Subject-Token", entry.token.value))
        outcome = await self._ask(entry.site, Request("identity", "DELETE", "/v3/auth/tokens", both))
        patience = self._topology.sites[self._here].proxy.timeouts.total
        await collect(outcome, _ANSWER_LIMIT, within(patience))


def _could_not_answer(failure: FailedLogin) -> bool:
    """Whether the site was down, rather than against it."""
    return failure.status is None or failure.status == 429 or failure.status >= 500
