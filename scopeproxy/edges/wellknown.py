"""What a front answers itself, below /.well-known/scopeproxy/ (RFC 8615): for clients and for other sites' proxies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import unquote

from scopeproxy.edges.doors import WELL_KNOWN
from scopeproxy.edges.explain import explain
from scopeproxy.errors import CallerError, Forbidden, ScopeProxyError, Unauthorized
from scopeproxy.execution.health import Health
from scopeproxy.execution.identity_calls import IdentityCalls
from scopeproxy.execution.records import Record, Records
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.tokens.lending import Lending, tell_site
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.lang.wire import from_header
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Reply, Request, json_reply
from scopeproxy.model.topology import Topology
from scopeproxy.planning.replica_news import told_by

logger = logging.getLogger("scopeproxy")


class NotFound(ScopeProxyError):
    """Nothing is at this path."""

    status = 404


class Conflict(ScopeProxyError):
    """What is told contradicts what is known."""

    status = 409


class WellKnown:
    """The proxy's own pages on the fronts of one site."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        vocabulary: Vocabulary,
        identity: IdentityCalls,
        lending: Lending,
        health: Health,
        records: Records,
        replicas: Replicas,
        round_trip: Callable[[str, str], float | None],
    ) -> None:
        self._topology, self._here, self._vocabulary = topology, here, vocabulary
        self._identity, self._lending, self._health = identity, lending, health
        self._records, self._replicas, self._round_trip = records, replicas, round_trip

    async def answer(self, request: Request, peer: str | None) -> Reply:
        """The page that the request asks for."""
        page = request.path.removeprefix(WELL_KNOWN)
        methods = ("PUT", "DELETE") if page == "peer/replicas" else ("GET", "HEAD")
        if request.method not in methods:
            raise CallerError(f"{request.method} is not for this page: {methods[0]} is")
        if page.startswith("peer/"):
            return await self._for_peer(page.removeprefix("peer/"), request, peer)
        caller = await self._caller(request)
        if page == "sites":
            return json_reply(self._here, 200, {"sites": sites_table(self._topology, self._here, self._health)})
        if page == "explain":
            return json_reply(self._here, 200, self._explained(request))
        if page.startswith("requests/"):
            return self._report(unquote(page.removeprefix("requests/")), caller)
        raise NotFound(f"no page {page!r}: there are sites, explain and requests/<id>")

    async def _caller(self, request: Request) -> Identity | None:
        """The pages are for those who may use the service: their token is checked as the service would."""
        if not self._topology.has_identity:
            return None
        value = request.header("X-Auth-Token")
        caller = await self._identity.identity(Token(value)) if value else None
        if caller is None:
            raise Unauthorized("this page needs a token that this site accepts")
        return caller

    def _explained(self, request: Request) -> dict[str, object]:
        query = dict(request.query)
        text = query.get("scope")
        if text is None:
            header = request.header("X-Scope")
            text = from_header(header) if header else "{}"
        call = (query["method"], query["url"]) if "method" in query and "url" in query else None
        return explain(text, self._topology, self._here, self._vocabulary, self._round_trip, call)

    def _report(self, id_: str, caller: Identity | None) -> Reply:
        record = self._records.get(id_)
        if record is None or not _may_read(caller, record):
            raise NotFound(f"no scoped call of the id {id_[:80]!r} is remembered for this project")
        return json_reply(self._here, 200, asdict(record))

    async def _for_peer(self, page: str, request: Request, peer: str | None) -> Reply:
        if peer is None:
            raise Forbidden("this page is for other sites' proxies: the call is not signed")
        if page == "health":
            return json_reply(self._here, 200, {"site": self._here})
        if page == "token":
            return await self._lend(request, peer)
        if page == "replicas":
            return await self._hear(request, peer)
        raise NotFound(f"no page {page!r} for peers")

    async def _lend(self, request: Request, peer: str) -> Reply:
        site, value = dict(request.query).get("site", ""), request.header("X-Auth-Token")
        there = await self._lending.lend(peer, Token(value), site) if value else None
        if there is None:
            raise NotFound(f"no login that {peer} has a part in covers {site[:80]!r}")
        return json_reply(self._here, 200, tell_site(there), (("Cache-Control", "no-store"),))

    async def _hear(self, request: Request, peer: str) -> Reply:
        """What another site's proxy tells of a replica set: kept where it does not contradict what is known."""
        news = told_by(request)
        unknown = [site for site in news.members if site not in self._topology.sites]
        if unknown:
            raise CallerError(f"unknown site {unknown[0][:80]!r} in a replica set")
        if request.method == "DELETE":
            for site, id_ in news.members.items():
                await self._replicas.hear_gone(news.service, news.collection, site, id_)
        elif self._here not in news.members:
            raise CallerError(f"{self._here} has no part in this replica set")
        elif not await self._replicas.hear(news):
            logger.warning("%s tells of a replica set what contradicts what is known here: %s", peer, request.target)
            raise Conflict("this contradicts what is known here of one of these ids")
        return json_reply(self._here, 200, {"site": self._here})


def _may_read(caller: Identity | None, record: Record) -> bool:
    """Whose call it was, by project; a call that belongs to no project is for admins alone."""
    if caller is None or "admin" in caller.roles:
        return True
    return caller.project_id is not None and record.project == caller.project_id


def sites_table(topology: Topology, here: str, health: Health) -> list[dict[str, object]]:
    """The sites as seen from here: what they offer, whether they are up, how far they are."""

    def rtt(site: str) -> float | None:
        seconds = topology.round_trip(here, site)
        seconds = health.round_trip(site) if seconds is None else seconds
        return None if seconds is None else round(seconds * 1000, 3)

    return [
        {
            "name": site.name,
            "region": site.region,
            "labels": dict(site.labels),
            "services": list(site.services),
            "state": "here" if site.name == here else health.state(site.name),
            "rtt_ms": rtt(site.name),
        }
        for site in topology
    ]
