"""Whether a token is still good, by its issuer's word.

A token validates itself: it stands in X-Auth-Token and in X-Subject-Token alike, so that no credential of the proxy's
own is needed.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from scopeproxy.execution.reading import collect
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.planning.logins import identity_of

Ask = Callable[[str, Request], Awaitable[Outcome]]

_REMEMBERED = 10_000
_ANSWER_LIMIT = 1024 * 1024


class Validator:
    """Asks issuers, and remembers a good answer for `within` seconds.  `ask` makes one unscoped call to a site."""

    def __init__(self, ask: Ask, within: float, now: Callable[[], float] = time.time) -> None:
        self._ask, self._within, self._now = ask, within, now
        self._known: OrderedDict[str, tuple[Identity, float]] = OrderedDict()
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def identity(self, token: Token, issuer: str) -> Identity | Unreached | None:
        """Who the token speaks for; None: it is not good (any more); Unreached: its issuer cannot be asked."""
        lock = self._asking.setdefault(token.fingerprint, asyncio.Lock())
        async with lock:
            known = self._known.get(token.fingerprint)
            if known is not None and self._now() - known[1] < self._within and known[0].expires > self._now():
                return known[0]
            answer = await self._validate(token, issuer)
            if isinstance(answer, Identity):
                self.vouched(token, answer)
            return answer

    def vouched(self, token: Token, identity: Identity) -> None:
        """The issuer has just said so: a login's answer, say."""
        self._known[token.fingerprint] = (identity, self._now())
        self._known.move_to_end(token.fingerprint)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, fingerprint: str) -> None:
        """The token was revoked."""
        self._known.pop(fingerprint, None)

    async def _validate(self, token: Token, issuer: str) -> Identity | Unreached | None:
        both = (("X-Auth-Token", token.value), ("X-Subject-Token", token.value), ("Accept", "application/json"))
        request = Request("identity", "GET", "/v3/auth/tokens?nocatalog", both)
        outcome = await collect(await self._ask(issuer, request), _ANSWER_LIMIT)
        match outcome:
            case Unreached():
                return outcome
            case Reply(status=200):
                answer = outcome.json
                identity = identity_of(answer) if isinstance(answer, dict) else None
                return identity or Unreached(issuer, True, "its keystone's answer is not a token's")
            case Reply(status=status) if status in (401, 403, 404):
                return None
            case Reply(status=status):
                return Unreached(issuer, True, f"its keystone answered HTTP {status}")
