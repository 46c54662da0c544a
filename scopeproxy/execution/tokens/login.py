"""The strategy *login*: a site is shown the token which it gave when the client logged in under a scope.

The tokens are in the ledger under the fingerprint of the client's.  Passwords are never kept: when a token is missing
or has expired, the client is told 401 and logs in again, as clients do.

When the client's token is revoked, so are the sites' for it, there and here (revocation.py).  When it expires, they are
only forgotten (Ledger.purge): nobody but the ledger knew them, they end by themselves as soon, and a service at their
site may still be at work with one, which a revocation would break off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.health import Health
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.tokens.broker import Asked, Grant, NotThis, own_ids, refused
from scopeproxy.execution.tokens.lending import Lending
from scopeproxy.execution.tokens.vouching import Vouching
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken
from scopeproxy.model.messages import Outcome, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.strategies import Case, why_not

# Seconds for which a site that could not be reached at the login counts as unreached; then a new login is due.
_STILL_UNREACHED = 30.0


class LoginStrategy:
    """Grants what logins gave."""

    name = "login"

    def __init__(
        self,
        topology: Topology,
        here: str,
        ledger: Ledger,
        vouching: Vouching,
        lending: Lending,
        health: Health,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._ledger = topology, here, ledger
        self._vouching, self._lending, self._health, self._now = vouching, lending, health, now

    async def grant(self, asked: Asked) -> Grant | Outcome | NotThis:
        login = await self._login(asked)
        if isinstance(login, Unreached | NotThis):
            return login
        there = login.sites.get(asked.site) if login else None
        if login is None or there is None:
            reason = why_not(self.name, Case(asked.service, self._here, asked.site, asked.home), self._topology)
            return NotThis(reason or f"the token was not had by a login that covered {asked.site}")
        clients = login.sites.get(login.issuer)
        if isinstance(clients, SiteToken):
            # What was granted to a service here is as good as the client's own, which it was had for.
            said = await self._vouching.identity(replace(asked, token=clients.token, home=login.issuer))
        else:
            said = await self._vouching.identity(asked)
        return self.granted(asked, login, there) if isinstance(said, Identity) else said

    async def _login(self, asked: Asked) -> Login | Unreached | NotThis | None:
        login = await self._ledger.login(asked.token.fingerprint)
        held = login is not None and asked.site in login.sites
        if held or asked.site == self._here:
            return login
        if asked.entry not in ("", self._here):
            return await self._lending.borrow(asked)
        # Who logged in elsewhere (`keystone: Corte`) was granted a token of this site, and its services use that.
        return login or await self._ledger.login_by_site_token(asked.token.fingerprint)

    def granted(self, asked: Asked, login: Login, there: SiteToken | FailedLogin) -> Grant | Outcome:
        """What a login at the site is worth now.  Raises Unauthorized when its token has expired."""
        if isinstance(there, SiteToken):
            if there.identity.expires <= self._now():
                raise Unauthorized(f"scope: the token of {asked.site} has expired: log in again")
            return Grant(there.token, own_ids(_meant_by(asked, login), there.identity), account=there.account)
        if _could_not_answer(there):
            recent = self._now() - there.at < _STILL_UNREACHED or self._health.believed_down(asked.site)
            if recent:
                return Unreached(asked.site, False, f"no login there: {there.why}")
        return refused(asked, f"no login at {asked.site}: {there.why}")


def _meant_by(asked: Asked, login: Login) -> Identity:
    """Whom the token that was shown speaks for: the client's, or one of the sites' that were had for it."""
    held = [entry for entry in login.sites.values() if isinstance(entry, SiteToken)]
    shown = (entry.identity for entry in held if entry.token.fingerprint == asked.token.fingerprint)
    return next(shown, login.identity)


def _could_not_answer(failure: FailedLogin) -> bool:
    """Whether the site was down, rather than against it."""
    return failure.status is None or failure.status == 429 or failure.status >= 500
