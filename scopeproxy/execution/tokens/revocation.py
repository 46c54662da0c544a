"""Taking back: when a client's token is gone, so are those that were had for it at other sites."""

from __future__ import annotations

import asyncio
import time

from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.tokens.validation import Ask, Validator
from scopeproxy.model.identity import SiteToken
from scopeproxy.model.messages import Request

_ANSWER_LIMIT = 64 * 1024

# Seconds for which it is known of a token that it was revoked: what queued under it may wait for long.
_REMEMBERED = 366 * 24 * 3600.0


class Revocation:
    """Revokes what logins gave.  `ask` makes one unscoped call to a site; its answer may take `patience` seconds."""

    def __init__(self, ask: Ask, ledger: Ledger, validator: Validator, patience: float) -> None:
        self._ask, self._ledger, self._validator, self._patience = ask, ledger, validator, patience

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
                    group.create_task(self.revoke_at(entry))
        now = time.time()
        if login.identity.expires > now:
            await self._ledger.note_revoked(fingerprint, now + _REMEMBERED)

    async def revoke_at(self, entry: SiteToken) -> None:
        """A site's token is nobody's any more: its site is told."""
        self._validator.forget(entry.token.fingerprint)
        both = (("X-Auth-Token", entry.token.value), ("X-Subject-Token", entry.token.value))
        outcome = await self._ask(entry.site, Request("identity", "DELETE", "/v3/auth/tokens", both))
        await collect(outcome, _ANSWER_LIMIT, within(self._patience))
