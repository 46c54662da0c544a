"""One call of a plan, made: with a token that its site accepts, the caller's own ids as that site knows them, and the
scope sent along for what the call causes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.carrying import REQUEST_ID, Carriers, Found
from scopeproxy.execution.delivery import Delivery, Travel
from scopeproxy.execution.discovery_cache import DiscoveryCache
from scopeproxy.execution.reading import collect
from scopeproxy.execution.tokens.broker import Asked, Broker, Grant, refused
from scopeproxy.execution.tokens.foreign import ForeignTokens
from scopeproxy.lang.wire import to_header
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached, with_header
from scopeproxy.model.topology import Topology
from scopeproxy.planning.accounts import outlives
from scopeproxy.planning.addresses import translate_body, translate_target
from scopeproxy.planning.carriers import REQUEST, is_minted
from scopeproxy.planning.discovery import rewrite_link, rewrite_links
from scopeproxy.planning.faults import fault
from scopeproxy.planning.intent import Intent, Kind
from scopeproxy.planning.plan import Call
from scopeproxy.planning.planner import carried
from scopeproxy.planning.versions import explained, may_need_explaining

_DOCUMENT_LIMIT = 1024 * 1024


class Leaving(NamedTuple):
    """A call as a site may have it, what goes with it, and the token that was granted for it."""

    request: Request
    travel: Travel
    grant: Grant


class Calling:
    """Makes the calls of plans for one site's proxy."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        delivery: Delivery,
        carriers: Carriers,
        broker: Broker,
        foreign: ForeignTokens,
        documents: DiscoveryCache,
    ) -> None:
        self._topology, self._here, self._delivery = topology, here, delivery
        self._carriers, self._broker, self._foreign, self._documents = carriers, broker, foreign, documents

    async def check_tokens(self, sites: Iterable[str], service: str, found: Found, deadline: float | None) -> None:
        """Raise Unauthorized when a new login is due for one of the sites: before any of them has been written to."""
        if found.token is None:
            return
        try:
            async with asyncio.timeout_at(deadline):
                for site in sites:
                    await self._broker.grant(Asked(service, site, found.token, found.entry, found.home, found.serving))
        except (TimeoutError, SiteFailure):
            # That will be the site's outcome.
            return

    async def call(self, call: Call, found: Found, travel: Travel, intent: Intent) -> Outcome:
        """The outcome of one call: the site's, or the one that the lack of a token for it is."""
        leaving = await self.leaving(call, found, travel, intent)
        if not isinstance(leaving, Leaving):
            return leaving
        ready, travel, grant = leaving
        if call.site != self._here:
            return await self._elsewhere(call.site, ready, travel, intent)
        outcome = await self._delivery.deliver(self._here, ready, travel)
        if grant.home:
            outcome = await self._foreign.explained(outcome, ready, grant, intent, found)
        return await self._noted(outcome, ready, travel) if intent.kind is Kind.DISCOVERY else outcome

    async def leaving(self, call: Call, found: Found, travel: Travel, intent: Intent) -> Leaving | Outcome:
        """The call as it leaves, or the outcome that stands in its way."""
        discovery = intent.kind is Kind.DISCOVERY
        if found.token is None and not discovery and call.site != self._here and self._topology.has_identity:
            nobody = Asked(call.request.service, call.site, Token(""), "")
            return refused(nobody, f"a call to {call.site} needs a token: log in under this scope")
        asked = None
        if found.token is not None:
            asked = Asked(
                call.request.service, call.site, found.token, found.entry, found.home, found.serving, found.caller
            )
        try:
            # What a token takes to be had or validated counts as well.
            async with asyncio.timeout_at(travel.deadline):
                grant = await self._broker.grant(asked)
                if not isinstance(grant, Grant):
                    return grant
                ready = await self._ready(call, found, grant, intent)
        except TimeoutError:
            return Unreached(call.site, False, "no token for it within the time that the call was given")
        if not isinstance(ready, Request):
            return ready
        if call.site == self._here:
            travel = replace(travel, home=grant.home)
        else:
            travel = replace(travel, home=grant.home, scope=to_header(call.scope), token=grant.token)
        return Leaving(ready, travel, grant)

    async def _ready(self, call: Call, found: Found, grant: Grant, intent: Intent) -> Request | Outcome:
        """The request as the site may have it, or the outcome that stands in the way."""
        if grant.account and outlives(call.request):
            return _not_the_callers(call)
        unknown = _unknown_in(call.request, grant)
        if unknown:
            return _unnamed(call, grant, unknown)
        request = _addressed(call.request, grant, intent)
        if call.site != self._here:
            return request.without(REQUEST_ID) if is_minted(request.header(REQUEST_ID) or "") else request
        if grant.token is not None and grant.token != found.token:
            request = request.with_header("X-Auth-Token", grant.token.value)
        scope = carried(call.scope, request.service)
        if not scope and found.source != REQUEST and is_minted(request.header(REQUEST_ID) or ""):
            # The service calls nobody.  An id of ours that this call's scope did not come by stands for another one.
            request = request.without(REQUEST_ID)
        if scope or grant.home:
            text = str(scope) if scope else ""
            return await self._carriers.attach(request, text, found, grant.token, grant.home)
        return request

    async def _elsewhere(self, site: str, request: Request, travel: Travel, intent: Intent) -> Outcome:
        discovery = intent.kind is Kind.DISCOVERY
        known = self._documents.get(site, request) if discovery else None
        if known is not None:
            return known
        outcome = await self._delivery.deliver(site, request, travel)
        if isinstance(outcome, Unreached):
            return outcome
        reply = await self._explained(self._as_from_here(outcome, request, travel), request, travel)
        if isinstance(reply, Unreached) or not (discovery or self._has_other_links(reply, request, intent)):
            return reply
        limit = _DOCUMENT_LIMIT if discovery else self._topology.sites[self._here].proxy.limits.merged_body
        document = await collect(reply, limit, travel.deadline)
        if isinstance(document, Unreached) or document.rest is not None:
            return document
        document = self._document_as_from_here(document, request, travel)
        if discovery:
            self._documents.put(site, request, document)
        return document

    async def _noted(self, outcome: Outcome, request: Request, travel: Travel) -> Outcome:
        """A version document of this site, which is not kept for others but tells what the site serves."""
        document = await collect(outcome, _DOCUMENT_LIMIT, travel.deadline)
        if isinstance(document, Reply) and document.rest is None:
            self._documents.learn(self._here, request, document)
        return document

    async def _explained(self, reply: Reply, request: Request, travel: Travel) -> Outcome:
        """The answer; where it refuses a version of the API, with a message that tells which site does, and why."""
        document = self._documents.root(reply.site, request.service)
        if not may_need_explaining(reply, request, document):
            return reply
        whole = await collect(reply, _DOCUMENT_LIMIT, travel.deadline)
        return explained(whole, request, document) if isinstance(whole, Reply) and whole.rest is None else whole

    # Absolute links are made from Host, which is the client's all the way; what can differ is the path of the front.

    def _has_other_links(self, reply: Reply, request: Request, intent: Intent) -> bool:
        """Whether a client that follows the answer's links (to the next page, say) would not come back here."""
        return not self.links_hold(reply.site, request.service, intent) and _is_json(reply)

    def links_hold(self, site: str, service: str, intent: Intent) -> bool:
        """Whether the links in a site's answers are good here as well: its front has the path that ours has."""
        ends = (self._topology.sites[name].services.get(service) for name in (self._here, site))
        return len({end.front.path for end in ends if end is not None}) < 2 or is_data(intent, service)

    def _roots(self, site: str, request: Request, travel: Travel) -> list[tuple[str, str]]:
        theirs = self._topology.sites[site].services[request.service].front
        ours = self._topology.sites[self._here].services.get(request.service)
        if ours is None:
            return []
        origin = f"{travel.scheme}://{travel.host}"
        roots = [(f"{origin}{theirs.path}", f"{origin}{ours.front.path}"), (str(theirs), f"{origin}{ours.front.path}")]
        return [(old, new) for old, new in roots if old != new]

    def _as_from_here(self, reply: Reply, request: Request, travel: Travel) -> Reply:
        location = reply.header("Location")
        if location is None:
            return reply
        for old, new in self._roots(reply.site, request, travel):
            location = rewrite_link(location, old, new)
        return replace(reply, headers=with_header(reply.headers, "Location", location))

    def _document_as_from_here(self, reply: Reply, request: Request, travel: Travel) -> Reply:
        body = reply.body
        for old, new in self._roots(reply.site, request, travel):
            body = rewrite_links(body, old, new)
        if body == reply.body:
            return reply
        return replace(reply, body=body, headers=with_header(reply.headers, "Content-Length", str(len(body))))


def _unknown_in(request: Request, grant: Grant) -> str | None:
    """The first of the caller's own ids in the target whose counterpart at the site nobody has looked up yet."""
    return next((id_ for id_ in grant.unknown if translate_target(request.target, {id_: ""}) != request.target), None)


def _unnamed(call: Call, grant: Grant, unknown: str) -> Reply:
    message = (
        f"scope: proxy.homes of {call.site} tells by name whom {unknown} of {grant.home} stands for there, and "
        f"{call.request.service} has it in its path before any service could look the name up: give the id there"
    )
    headers, body = fault(call.request.service, 503, message)
    return Reply(call.site, 503, headers, body)


def _not_the_callers(call: Call) -> Reply:
    message = (
        f"scope: the caller works at {call.site} by an account of the operator's, whose credentials are nobody's to "
        "make or to see: they would last when the caller's token does not"
    )
    headers, body = fault(call.request.service, 403, message)
    return Reply(call.site, 403, headers, body)


def _is_json(reply: Reply) -> bool:
    return (reply.header("Content-Type") or "").partition(";")[0].strip().lower() == "application/json"


def is_data(intent: Intent, service: str) -> bool:
    """Whether a body is the user's own data, in which nothing is changed, even when it looks like an id."""
    return service == "object-store" or intent.kind in (Kind.UPLOAD, Kind.DOWNLOAD)


def _addressed(request: Request, grant: Grant, intent: Intent) -> Request:
    """The request with the caller's own ids as they are there."""
    if not grant.ids:
        return request
    body = request.body
    if isinstance(body, Held) and body.data and not is_data(intent, request.service):
        body = Held(translate_body(body.data, grant.ids))
    return replace(request, target=translate_target(request.target, grant.ids), body=body)
