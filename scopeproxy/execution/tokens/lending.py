"""How a third site's token is had for a call under way here: the proxy at which the client logged in lends it.

`{nova: Corte, glance: Marseille}` asked at Paris: nova at Corte works with Corte's token and needs Marseille's, which
the proxy of Paris holds.  It is lent to the site that shows the token which it was given for the same login, or the
client's own, where Corte was given that (the strategies *shared* and *home*).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from weakref import WeakValueDictionary

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.tokens.accounts import Accounts
from scopeproxy.execution.tokens.broker import Asked, NotThis
from scopeproxy.execution.tokens.validation import Ask, Validator
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token
from scopeproxy.model.messages import Reply, Request, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.credentials import TOKEN, withheld

# The strategies whose tokens are kept with the login of the client's.
_KEEPING = frozenset({"login", "account"})

PEER_TOKEN = "/.well-known/scopeproxy/peer/token"  # noqa: S105 - a path
_ANSWER_LIMIT = 64 * 1024


class Lending:
    """Both ends: `borrow` asks the site that keeps a login, `lend` answers."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        ask: Ask,
        ledger: Ledger,
        validator: Validator,
        accounts: Accounts,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._ask, self._ledger = topology, here, ask, ledger
        self._validator, self._accounts, self._now = validator, accounts, now
        self._borrowing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def borrow(self, asked: Asked) -> Login | Unreached | NotThis | None:
        """A call under way here needs a third site's token: the proxy at which the client logged in has it.

        One question at a time for each token: what the first one gets is there for the next."""
        async with self._borrowing.setdefault(asked.token.fingerprint, asyncio.Lock()):
            known = await self._ledger.login(asked.token.fingerprint)
            if known is not None and asked.site in known.sites:
                return known
            return await self._borrow(asked, known)

    async def _borrow(self, asked: Asked, known: Login | None) -> Login | Unreached | NotThis | None:
        entry = self._topology.sites.get(asked.entry)
        if entry is None or not entry.services or _KEEPING.isdisjoint(entry.proxy.tokens):
            return known
        service = "identity" if "identity" in entry.services else next(iter(entry.services))
        reason = withheld(TOKEN, self._topology.sites[self._here], entry, entry.services[service].front)
        if reason:
            return NotThis(reason)
        target = f"{PEER_TOKEN}?site={quote(asked.site, safe='')}"
        request = Request(service, "GET", target, (("X-Auth-Token", asked.token.value), ("Accept", "application/json")))
        patience = self._topology.sites[self._here].proxy.timeouts.total
        outcome = await collect(await self._ask(asked.entry, request), _ANSWER_LIMIT, within(patience))
        if isinstance(outcome, Reply) and outcome.status >= 500:
            outcome = Unreached(asked.entry, True, f"HTTP {outcome.status}")
        if isinstance(outcome, Unreached):
            return Unreached(asked.site, False, f"{asked.entry}, which keeps the login, cannot be asked: {outcome.why}")
        told = outcome.json if outcome.status == 200 else None
        there = told_site(asked.site, told) if isinstance(told, dict) else None
        if there is None:
            return known
        return await self._adopt(asked, known, there)

    async def _adopt(
        self, asked: Asked, known: Login | None, there: SiteToken | FailedLogin
    ) -> Login | Unreached | None:
        identity = await self._validator.identity(asked.token, asked.home)
        if not isinstance(identity, Identity):
            return identity
        own = SiteToken(asked.home, asked.token, identity)
        sites = {**(known.sites if known else {asked.home: own}), asked.site: there}
        login = Login(asked.token.fingerprint, asked.home, identity, self._now(), sites)
        await self._ledger.remember_login(login)
        return login

    async def lend(self, peer: str, token: Token, site: str) -> SiteToken | FailedLogin | None:
        """What a peer is told that works on a call of ours and shows the token which it was given for it.

        None: nothing.  Raises SiteFailure when the issuer of the client's token cannot be asked about that."""
        login = await self._shown_by(peer, token)
        if login is None:
            return None
        here, to = self._topology.sites[self._here], self._topology.sites[peer]
        if site == peer or withheld(TOKEN, here, to, next(iter(to.services.values())).front):
            return None
        clients = login.sites.get(login.issuer)
        if not isinstance(clients, SiteToken):
            return None
        vouched = await self._validator.identity(clients.token, login.issuer)
        if isinstance(vouched, Unreached):
            raise SiteFailure(f"{login.issuer}, which issued the client's token, cannot be asked: {vouched.why}", 503)
        if vouched is None:
            return None
        held = login.sites.get(site)
        if isinstance(held, SiteToken):
            return held
        return await self._by_account(replace(login, identity=vouched), site) or held

    async def _by_account(self, login: Login, site: str) -> SiteToken | FailedLogin | None:
        """Of a site that nobody called from here yet, though the scope goes on to it, or that knows no such user."""
        if "account" not in self._topology.sites[self._here].proxy.tokens:
            return None
        client = replace(login, sites={login.issuer: login.sites[login.issuer]})
        there = await self._accounts.token(client, "identity", site)
        return None if isinstance(there, NotThis) else there

    async def _shown_by(self, peer: str, token: Token) -> Login | None:
        """The login for which a peer was given this token: one of the peer's own, or else the client's."""
        login = await self._ledger.login_by_site_token(token.fingerprint)
        if login is None:
            return None
        held = login.sites.get(peer)
        given = held.token.fingerprint if isinstance(held, SiteToken) else login.fingerprint
        return login if given == token.fingerprint else None


def told_site(site: str, told: Mapping[str, Any]) -> SiteToken | FailedLogin | None:
    """What a peer told of a login at a site; None when it makes no sense."""
    try:
        if "token" in told:
            identity = Identity(str(told["user"]), told.get("project"), float(told["expires"]))
            return SiteToken(site, Token(str(told["token"])), identity, bool(told.get("account")))
        return FailedLogin(site, told["status"], str(told["why"]), float(told["at"]))
    except (KeyError, TypeError, ValueError):
        return None


def tell_site(entry: SiteToken | FailedLogin) -> dict[str, Any]:
    """The form in which a peer is told of a login at a site."""
    if isinstance(entry, FailedLogin):
        return {"status": entry.status, "why": entry.why, "at": entry.at}
    who = entry.identity
    told = {"token": entry.token.value, "user": who.user_id, "project": who.project_id, "expires": who.expires}
    return told | {"account": True} if entry.account else told
