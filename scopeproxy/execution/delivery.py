"""One call to one site: to the own service's back or, signed, to another site's proxy.

What services and peers are sent is decided here; the bytes leave by forwarding.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from scopeproxy.execution.forwarding import Forwarder
from scopeproxy.execution.health import Health
from scopeproxy.execution.lateness import Lateness
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.passthrough.outgoing import Outgoing
from scopeproxy.execution.reading import discard
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Headers, Held, Outcome, Reply, Request, Unreached, with_header, without
from scopeproxy.model.topology import Endpoint, Topology, Url
from scopeproxy.planning.intent import classify
from scopeproxy.planning.peer_head import Client, common, framed_anew, framing, hop_of, told
from scopeproxy.planning.rewriting import UPGRADE, opens_websocket, to_service, with_via
from scopeproxy.planning.signing import SIGNATURE, Signer

# Credentials that are good at their own site alone.  Without a keystone the caller's own go as they are.
_AT_HOME = ("X-Service-Token", "Authorization", "Cookie", "X-Storage-Token", "X-Auth-Key")

# Seconds beyond the time for a connection after which an answer is late.
LATE = 1.0


@dataclass(frozen=True, slots=True)
class Travel:
    """What goes with a call beside the request.

    `scope` and `options` as their headers have them; `token`: what the site is shown, where that is not what the
    request holds; `home`: the issuer of the token, where that is not the site which is called; `entry`: the site whose
    proxy keeps the login; `host`: what the client put into Host; `deadline`: the loop's time for all attempts together;
    `signed`: whether a peer sent the call; `provisional`: takes each 1xx before an answer that is the client's.
    """

    host: str
    client: str
    scheme: str = "http"
    scope: str = ""
    options: str = ""
    token: Token | None = None
    home: str = ""
    entry: str = ""
    hops: int = 0
    deadline: float | None = None
    signed: bool = False
    provisional: Callable[[bytes], None] | None = None


class PeerHead(NamedTuple):
    """The head of a call to another site's proxy, less its signature.  `signer`: None where the sites share no key."""

    headers: Headers
    signer: Signer | None


class Delivery:
    """Calls made by the proxy of one site, `here`."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        forwarder: Forwarder,
        health: Health,
        metrics: Metrics,
        peer_key: Callable[[str], bytes | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._forwarder = topology, here, forwarder
        self._health, self._metrics, self._peer_key, self._now = health, metrics, peer_key, now
        self._settings = topology.sites[here].proxy

    async def deliver(self, site: str, request: Request, travel: Travel) -> Outcome:
        """Make the call.  A site that fails is a value; so is one whose proxy could not reach its own service."""
        there = self._topology.sites.get(site)
        endpoint = there.services.get(request.service) if there else None
        if endpoint is None:
            return Unreached(site, False, f"it has no {request.service} service")
        at_home = site == self._here
        outgoing = (
            self._to_back(endpoint, request, travel) if at_home else self._to_peer(site, endpoint, request, travel)
        )
        with self._metrics.call_to(site, request.service, classify(request).kind.value) as observed:
            outcome = await (self._forwarder.send(outgoing) if at_home else self._send_to_peer(outgoing))
            if not at_home:
                self._learn(site, outcome, travel)
                outcome = await _as_the_peer_tells(outcome)
            observed.outcome = outcome
        return outcome

    async def _send_to_peer(self, outgoing: Outgoing) -> Outcome:
        """Wait for a peer's answer only as long as the peer can be reached.

        Where a link drops packets, a call on a connection that was open before is not told of it for minutes.  So when
        an answer is late a new connection is tried, and again each time that twice as long has passed.
        """
        connect = self._settings.timeouts.connect
        try:
            async with Lateness(partial(self._forwarder.reaches, outgoing.root, connect), connect + LATE):
                return await self._forwarder.send(outgoing)
        except TimeoutError:
            self._health.note(outgoing.site, Unreached(outgoing.site, False, "no new connection"))
            return Unreached(outgoing.site, True, "no answer, and no new connection to it either")

    def _learn(self, site: str, outcome: Outcome, travel: Travel) -> None:
        # A caller who gives a call no time says nothing of the site.
        late = travel.deadline is not None and asyncio.get_running_loop().time() >= travel.deadline
        if isinstance(outcome, Reply) or not late:
            self._health.note(site, outcome)

    def _to_back(self, endpoint: Endpoint, request: Request, travel: Travel) -> Outgoing:
        assert endpoint.back is not None, "the own site's backs are checked when the topology is read"
        # With a body at hand nothing is waited for.
        waiting = ("Expect",) if isinstance(request.body, Held) else ()
        trusted = self._settings.trusted_proxies
        headers = to_service(without(request.headers, *waiting), travel.client, travel.scheme, travel.host, trusted)
        for name, value in framing(request.body):
            headers = with_header(headers, name, value)
        return self._outgoing(self._here, endpoint.back, request, with_via(headers, self._here), travel)

    def _to_peer(self, site: str, endpoint: Endpoint, request: Request, travel: Travel) -> Outgoing:
        head = self.head(site, endpoint, request, travel)
        signature = ((SIGNATURE, self.signature(head.signer)),) if head.signer is not None else ()
        return self._outgoing(site, endpoint.front, request, (*head.headers, *signature), travel)

    def head(self, site: str, endpoint: Endpoint, request: Request, travel: Travel) -> PeerHead:
        """The head of a call to another site's proxy."""
        kept = (*framed_anew(request.body), *self._kept_here(site, request.service))
        client = Client(travel.client, travel.scheme, travel.host, travel.signed)
        passed, own = common(request.headers, kept, client, self._here)
        token = own if travel.token is None else travel.token
        beside = told(token, travel.scope, travel.options, travel.home, travel.entry, travel.hops + 1)
        headers = (("Host", endpoint.front.authority), *passed, *framing(request.body), *beside)
        key = self._peer_key(site)
        if key is None:
            return PeerHead(headers, None)
        hop = hop_of((*beside, ("X-Forwarded-Host", travel.host)), site, request.service, self._here)
        return PeerHead(headers, Signer(key, request.method, endpoint.front.path + request.target, hop))

    def signature(self, signer: Signer) -> str:
        """The value of X-Scope-Signature for one call."""
        return signer.sign(self._now(), secrets.token_hex(16))

    def _kept_here(self, site: str, service: str) -> tuple[str, ...]:
        if not self._topology.has_identity:
            return _AT_HOME[:1]
        kept = _AT_HOME[1:] if self._topology.shared("identity", self._here, site) else _AT_HOME
        return kept if service == "identity" else (*kept, "X-Subject-Token")

    def _outgoing(self, site: str, root: Url, request: Request, headers: Headers, travel: Travel) -> Outgoing:
        upgrades = opens_websocket(request)
        return Outgoing(
            site,
            root,
            request.method,
            request.target,
            (*headers, *UPGRADE) if upgrades else headers,
            request.body,
            self._settings.timeouts,
            travel.deadline,
            travel.provisional,
            upgrades,
        )


async def _as_the_peer_tells(outcome: Outcome) -> Outcome:
    """A peer that could not reach its own service says so: to `|` that is a site which was never reached."""
    if not isinstance(outcome, Reply) or outcome.status != 502:
        return outcome
    told = outcome.header("X-Scope-Sites") or ""
    if told.partition("=")[2] == "unreached":
        await discard(outcome)
        return Unreached(outcome.site, False, "its proxy answers, but its service does not")
    return outcome
