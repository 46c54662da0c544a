"""Calls to keystone that are about tokens: they go to the token's issuer, never where the scope would send them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.bodies import hold
from scopeproxy.execution.carrying import Carriers, Found
from scopeproxy.execution.delivery import Delivery, Travel
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.runner import Result
from scopeproxy.execution.tokens.broker import Asked, Grant, refused
from scopeproxy.execution.tokens.login import LoginStrategy
from scopeproxy.execution.tokens.signing_in import SignIn
from scopeproxy.execution.tokens.validation import Validator
from scopeproxy.lang.scope import And, Location, sites_of
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached, with_header
from scopeproxy.model.topology import Topology
from scopeproxy.planning.catalog import rewrite_token_answer
from scopeproxy.planning.credentials import TOKEN, withheld
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.plan import Work
from scopeproxy.planning.planner import check

_ANSWER_LIMIT = 4 * 1024 * 1024
_LOGIN_LIMIT = 64 * 1024
_TOKENS = "/v3/auth/tokens"
# Whose login is for work at its own site: the scope of that work comes with each call.
_SERVICE_ROLES = frozenset({"service"})
_WITH_CATALOG = frozenset({_TOKENS, "/v3/auth/catalog"})


class IdentityCalls:
    """Logins, validations and revocations at one site's proxy.

    `published`: the sites of the scopes that are offered as regions.  Who chooses one of these has logged in without a
    scope, so each login is made there too.
    """

    def __init__(
        self,
        topology: Topology,
        here: str,
        delivery: Delivery,
        carriers: Carriers,
        ledger: Ledger,
        validator: Validator,
        sign_in: SignIn,
        strategy: LoginStrategy,
        published: Sequence[str] = (),
    ) -> None:
        self._topology, self._here, self._delivery, self._carriers = topology, here, delivery, carriers
        self._ledger, self._validator, self._sign_in, self._strategy = ledger, validator, sign_in, strategy
        proxy = topology.sites[here].proxy
        self._rewrites, self._patience = proxy.catalog == "rewrite", proxy.timeouts.total
        self._published = [site for site in published if "identity" in topology.sites[site].services]

    async def identity(self, token: Token) -> Identity | None:
        """Who a client's token speaks for, as its issuer says; None when nobody can tell just now."""
        login = await self._ledger.login(token.fingerprint)
        issuer = login.issuer if login else self._here
        # What the login said is not enough: the token may have been revoked since.
        answer = None if self._withheld(issuer) else await self._validator.identity(token, issuer)
        return answer if isinstance(answer, Identity) else None

    async def unscoped(self, found: Found, travel: Travel) -> Reply:
        """A call without a scope: this site's keystone answers it."""
        request = await self.untagged(found.request)
        if self._published and not travel.signed and classify(request).kind is Kind.LOGIN:
            ask = partial(self._ask_whole, travel)
            logged = await self._sign_in.log_in(request, (self._here,), self._published, ask, _SERVICE_ROLES)
            if isinstance(logged.answer, Unreached):
                raise _lost(self._here, logged.answer)
            return logged.answer
        return await self._ask_issuer(self._here, request, found, travel)

    async def untagged(self, request: Request) -> Request:
        """The request with the tag taken off the token that its body may hold."""
        if request.method != "POST" or classify(request).kind not in (Kind.LOGIN, Kind.TOKEN):
            return request
        body = await hold(request.body, _LOGIN_LIMIT)
        return replace(request, body=Held(self._carriers.untag_login(body.data)))

    async def scoped(self, work: Work, found: Found, travel: Travel) -> Result:
        """A login under a scope, or a call about a token that was had by one."""
        check(work, self._topology)
        if work.intent.kind is Kind.LOGIN:
            return await self._log_in(work, travel)
        issuer = await self._issuer(found.subject, found.token)
        reply = await self._ask_issuer(issuer, work.request, found, travel)
        return Result(reply, None, (reply,))

    async def _speaking(self, issuer: str, request: Request, found: Found) -> Request | Reply:
        """The request as its caller may make it at the issuer: another's token goes there by nobody's but its own."""
        token = found.token
        if issuer == self._here or token is None or found.subject in (None, token):
            return request
        grant = await self._strategy.grant(Asked("identity", issuer, token, found.entry))
        if isinstance(grant, Grant) and grant.token is not None:
            return request.with_header("X-Auth-Token", grant.token.value)
        if isinstance(grant, Reply):
            return grant
        if isinstance(grant, Unreached):
            raise SiteFailure(f"{issuer}: {grant.why}", 502)
        return refused(Asked("identity", issuer, token, ""), f"the token was not issued by {issuer}")

    async def _log_in(self, work: Work, travel: Travel) -> Result:
        at = self._login_order(work.scope.location("identity"))
        cover = dict.fromkeys((*at[:1], self._here, *_every_site(work.scope.values())))
        with_keystone = [site for site in cover if "identity" in self._topology.sites[site].services]
        ask = partial(self._ask_whole, travel)
        logged = await self._sign_in.log_in(work.request, at, with_keystone, ask)
        answer = logged.answer
        if isinstance(answer, Unreached):
            status = 504 if answer.sent else 502
            return Result(None, SiteFailure(f"no login at {answer.site}: {answer.why}", status), logged.asked)
        # A site that failed is told in X-Scope-Sites; the login itself is whole, and what is missing will be told with
        # the call that needs it.
        return Result(answer, None, logged.asked)

    def _login_order(self, location: Location | None) -> tuple[str, ...]:
        """The client's site: where keystone is bound, else here; `&` asks for one of them, this one if it is there."""
        if location is None:
            return (self._here,)
        sites = sites_of(location)
        if not isinstance(location, And):
            return sites
        return (self._here,) if self._here in sites else sites[:1]

    async def _issuer(self, *tokens: Token | None) -> str:
        """Of the first token of which it is known: one that was had elsewhere is looked for where its bearer asks."""
        for token in tokens:
            if token is not None and (login := await self._ledger.login(token.fingerprint)) is not None:
                return login.issuer
        return self._here

    def _withheld(self, issuer: str) -> str | None:
        """Why a token is not sent to its issuer."""
        there = self._topology.sites[issuer]
        if "identity" not in there.services:
            return None
        return withheld(TOKEN, self._topology.sites[self._here], there, there.services["identity"].front)

    async def _ask(self, travel: Travel, site: str, request: Request) -> Outcome:
        return await self._delivery.deliver(site, request, replace(travel, scope="", options=""))

    async def _ask_whole(self, travel: Travel, site: str, request: Request) -> Outcome:
        return await self._whole(await self._ask(travel, site, request), travel)

    async def _whole(self, outcome: Outcome, travel: Travel) -> Outcome:
        """The answer held, within the time that the call has, or else any call."""
        deadline = travel.deadline if travel.deadline is not None else within(self._patience)
        return await collect(outcome, _ANSWER_LIMIT, deadline)

    async def _ask_issuer(self, issuer: str, request: Request, found: Found, travel: Travel) -> Reply:
        reason = self._withheld(issuer)
        if reason:
            return refused(Asked("identity", issuer, Token(""), ""), reason)
        speaking = await self._speaking(issuer, request, found)
        if isinstance(speaking, Reply):
            return speaking
        outcome = await self._ask(travel, issuer, speaking)
        if isinstance(outcome, Unreached):
            raise _lost(issuer, outcome)
        path = request.path.rstrip("/")
        if request.method == "DELETE" and outcome.ok and path == _TOKENS and found.subject:
            await self._strategy.revoke(found.subject.fingerprint)
        if outcome.ok and path in _WITH_CATALOG and (self._rewrites or issuer != self._here):
            return await self._with_own_catalog(await self._whole(outcome, travel), issuer)
        return outcome

    async def _with_own_catalog(self, whole: Outcome, issuer: str) -> Reply:
        if isinstance(whole, Unreached):
            raise SiteFailure(f"keystone at {issuer}: {whole.why}", 504)
        if whole.rest is not None:
            return whole
        sites = self._topology.sites
        body = rewrite_token_answer(whole.body, sites[issuer], sites[self._here])
        if body == whole.body:
            return whole
        return replace(whole, body=body, headers=with_header(whole.headers, "Content-Length", str(len(body))))


def _lost(issuer: str, outcome: Unreached) -> SiteFailure:
    return SiteFailure(f"keystone at {issuer}: {outcome.why}", 504 if outcome.sent else 502)


def _every_site(locations: Iterable[Location]) -> Iterable[str]:
    return (site for location in locations for site in sites_of(location))
