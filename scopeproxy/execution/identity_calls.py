"""Calls to keystone that are about tokens: they go to the token's issuer, never where the scope would send them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.bodies import hold
from scopeproxy.execution.carrying import Carriers, Found
from scopeproxy.execution.delivery import Delivery, Travel
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.runner import Result
from scopeproxy.execution.telling import lost
from scopeproxy.execution.tokens.broker import Asked, Broker, Grant, refused
from scopeproxy.execution.tokens.foreign import ForeignTokens
from scopeproxy.execution.tokens.issuers import Issuers
from scopeproxy.execution.tokens.revocation import Revocation
from scopeproxy.execution.tokens.signing_in import SignIn
from scopeproxy.execution.tokens.validation import Validator
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached, with_header
from scopeproxy.model.topology import Topology
from scopeproxy.planning.catalog import rewrite_token_answer
from scopeproxy.planning.credentials import TOKEN, withheld
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.plan import Work
from scopeproxy.planning.planner import check
from scopeproxy.planning.strategies import sites_to_log_in_at, where_to_log_in

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
        issuers: Issuers,
        validator: Validator,
        sign_in: SignIn,
        broker: Broker,
        revocation: Revocation,
        foreign: ForeignTokens,
        published: Sequence[str] = (),
    ) -> None:
        self._topology, self._here, self._delivery, self._carriers = topology, here, delivery, carriers
        self._issuers, self._validator, self._sign_in, self._broker = issuers, validator, sign_in, broker
        self._revocation, self._foreign = revocation, foreign
        proxy = topology.sites[here].proxy
        self._rewrites, self._patience = proxy.catalog == "rewrite", proxy.timeouts.total
        self._published = published

    async def identity(self, token: Token, home: str = "") -> Identity | None:
        """Who a client's token speaks for, as its issuer says; None when nobody can tell just now.

        Without roles where that is another site: what it calls an admin is none here.
        `home`: the issuer, where what came along with the token named one."""
        issuer = await self._issuers.of(token, home)
        # What the login said is not enough: the token may have been revoked since.
        answer = None if self._withheld(issuer) else await self._validator.identity(token, issuer)
        if not isinstance(answer, Identity):
            return None
        return answer if issuer == self._here else replace(answer, roles=frozenset())

    async def known(self, token: Token, home: str = "") -> Callable[[], bool]:
        """Tells, each time that it is asked, whether the issuer's last word on the token is good and still counts."""
        return self._validator.fresh(token, await self._issuers.of(token, home))

    async def unscoped(self, found: Found, travel: Travel) -> Reply:
        """A call without a scope: this site's keystone answers it."""
        if self._is_foreign(found):
            return await self._foreign.validate(found.request, found, travel, self._ask_whole)
        request = await self.untagged(found.request)
        if self._published and not travel.signed and classify(request).kind is Kind.LOGIN:
            ask = partial(self._ask_whole, travel)
            logged = await self._sign_in.log_in(request, (self._here,), lambda _: self._published, ask, _SERVICE_ROLES)
            if isinstance(logged.answer, Unreached):
                raise lost(self._here, "identity", logged.answer)
            return logged.answer
        return await self._ask_issuer(self._here, request, found, travel)

    def _is_foreign(self, found: Found) -> bool:
        """Whether a service asks about a token that another site issued."""
        request = found.request
        asks = request.method in ("GET", "HEAD") and request.path.rstrip("/") == _TOKENS
        return asks and found.subject is not None and found.subject_home not in ("", self._here)

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
        if self._is_foreign(found):
            reply = await self._foreign.validate(work.request, found, travel, self._ask_whole)
            return Result(reply, None, (reply,))
        issuer = await self._issuer(found)
        reply = await self._ask_issuer(issuer, work.request, found, travel)
        return Result(reply, None, (reply,))

    async def _speaking(self, issuer: str, request: Request, found: Found) -> Request | Reply:
        """The request as its caller may make it at the issuer: another's token goes there by nobody's but its own."""
        token = found.token
        if issuer == self._here or token is None or found.subject in (None, token):
            return request
        grant = await self._broker.grant(Asked("identity", issuer, token, found.entry, found.home, found.serving))
        if isinstance(grant, Grant) and grant.token is not None:
            return request.with_header("X-Auth-Token", grant.token.value)
        if isinstance(grant, Reply):
            return grant
        if isinstance(grant, Unreached):
            raise SiteFailure(f"{issuer}: {grant.why}", 502)
        return refused(Asked("identity", issuer, token, ""), f"the token was not issued by {issuer}")

    async def _log_in(self, work: Work, travel: Travel) -> Result:
        at = where_to_log_in(work.scope, self._here)
        cover = partial(sites_to_log_in_at, work.scope, self._here, topology=self._topology)
        logged = await self._sign_in.log_in(work.request, at, cover, partial(self._ask_whole, travel))
        answer = logged.answer
        if isinstance(answer, Unreached):
            status = 504 if answer.sent else 502
            return Result(None, SiteFailure(f"no login at {answer.site}: {answer.why}", status), logged.asked)
        # A site that failed is told in X-Scope-Sites; the login itself is whole, and what is missing will be told with
        # the call that needs it.
        return Result(answer, None, logged.asked)

    async def _issuer(self, found: Found) -> str:
        """Of the first token of which it is known: one that was had elsewhere is looked for where its bearer asks."""
        for token, home in ((found.subject, found.subject_home), (found.token, found.home)):
            issuer = await self._issuers.known(token, home) if token is not None else None
            if issuer is not None:
                return issuer
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
            raise lost(issuer, "identity", outcome)
        path = request.path.rstrip("/")
        if request.method == "DELETE" and outcome.ok and path == _TOKENS and found.subject:
            await self._revocation.revoke(found.subject.fingerprint)
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
