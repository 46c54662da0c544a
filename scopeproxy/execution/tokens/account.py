"""The strategy *account*: a site is shown the token of an account that this site's operator has there."""

from __future__ import annotations

import time
from collections.abc import Callable

from scopeproxy.execution.tokens.accounts import Accounts
from scopeproxy.execution.tokens.broker import Asked, Grant, NotThis
from scopeproxy.execution.tokens.login import LoginStrategy
from scopeproxy.execution.tokens.vouching import Vouching
from scopeproxy.model.identity import Identity, Login, SiteToken
from scopeproxy.model.messages import Outcome, Unreached


class AccountStrategy:
    """Grants what is kept with the client's login, as *login* does, and else what a login by an account gives."""

    name = "account"

    def __init__(
        self, kept: LoginStrategy, accounts: Accounts, vouching: Vouching, now: Callable[[], float] = time.time
    ) -> None:
        self._kept, self._accounts, self._vouching, self._now = kept, accounts, vouching, now

    async def grant(self, asked: Asked) -> Grant | Outcome | NotThis:
        if asked.caller is not None and asked.caller.expires <= self._now():
            return await self._for_absent(asked, asked.caller)
        kept = await self._kept.grant(asked)
        if isinstance(kept, Grant | Unreached):
            return kept
        who = await self._vouching.identity(asked)
        if not isinstance(who, Identity):
            return who
        own = SiteToken(asked.home, asked.token, who)
        login = Login(asked.token.fingerprint, asked.home, who, self._now(), {asked.home: own})
        there = await self._accounts.token(login, asked.service, asked.site)
        return there if isinstance(there, NotThis) else self._kept.granted(asked, login, there)

    async def _for_absent(self, asked: Asked, who: Identity) -> Grant | Outcome | NotThis:
        """What was taken in by a token that was good until it expired; a revoked one is vouched for by nobody."""
        login = Login(asked.token.fingerprint, asked.home, who, self._now())
        there = await self._accounts.lasting(login, asked.service, asked.site)
        return there if isinstance(there, NotThis) else self._kept.granted(asked, login, there)
