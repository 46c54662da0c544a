"""Whether a token is still good, by its issuer's word.

A token validates itself: it stands in X-Auth-Token and in X-Subject-Token alike, so that no credential of the proxy's
own is needed.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scopeproxy.execution.reading import collect, within
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.planning.logins import identity_of

Ask = Callable[[str, Request], Awaitable[Outcome]]
Answer = Identity | Unreached | None

_REMEMBERED = 10_000
_ANSWER_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Vouched:
    """What an issuer said of a token, and when."""

    issuer: str
    identity: Identity
    at: float


class Validator:
    """Asks issuers, and remembers a good answer for `fresh_for` seconds.  `ask` makes one unscoped call to a site; its
    answer may take `patience` seconds to be read.

    A token is good at its issuer: what one site said of it is no answer for another.
    """

    def __init__(
        self, ask: Ask, fresh_for: float, now: Callable[[], float] = time.time, patience: float = 60.0
    ) -> None:
        self._ask, self._fresh_for, self._now, self._patience = ask, fresh_for, now, patience
        self._known: OrderedDict[str, _Vouched] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Future[Answer]] = {}

    async def identity(self, token: Token, issuer: str) -> Answer:
        """Who the token speaks for; None: it is not good (any more); Unreached: its issuer cannot be asked."""
        key = (token.fingerprint, issuer)
        while True:
            known = self._fresh(token.fingerprint, issuer)
            if known is not None:
                return known
            asking = self._asking.get(key)
            if asking is None:
                return await self._asked_once(key, token, issuer)
            # Whoever came first asks for all, and a failure is shared too: in turn, each would wait for its own.
            await asyncio.wait((asking,))
            if not asking.cancelled():
                return asking.result()

    def vouched(self, token: Token, identity: Identity, issuer: str) -> None:
        """The issuer has just said so: a login's answer, say."""
        self._known[token.fingerprint] = _Vouched(issuer, identity, self._now())
        self._known.move_to_end(token.fingerprint)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, fingerprint: str) -> None:
        """The token was revoked."""
        self._known.pop(fingerprint, None)

    def fresh(self, token: Token, issuer: str) -> Callable[[], bool]:
        """Tells, each time that it is asked, whether the token is known to be good."""
        fingerprint = token.fingerprint
        return lambda: self._fresh(fingerprint, issuer) is not None

    def _fresh(self, fingerprint: str, issuer: str) -> Identity | None:
        known, now = self._known.get(fingerprint), self._now()
        if known is None or known.issuer != issuer:
            return None
        return known.identity if now - known.at < self._fresh_for and known.identity.expires > now else None

    async def _asked_once(self, key: tuple[str, str], token: Token, issuer: str) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asking[key] = answer
        try:
            said = await self._validate(token, issuer)
            if isinstance(said, Identity):
                self.vouched(token, said, issuer)
            answer.set_result(said)
            return said
        finally:
            del self._asking[key]
            # Whoever waits takes over when this call ends without an answer: its client left, say.
            answer.cancel()

    async def _validate(self, token: Token, issuer: str) -> Answer:
        both = (("X-Auth-Token", token.value), ("X-Subject-Token", token.value), ("Accept", "application/json"))
        request = Request("identity", "GET", "/v3/auth/tokens?nocatalog", both)
        outcome = await collect(await self._ask(issuer, request), _ANSWER_LIMIT, within(self._patience))
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
