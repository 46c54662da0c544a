"""What the sites are known to serve, asked where that decides whether a write is sent at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from scopeproxy.errors import BadCollaboration
from scopeproxy.execution.calling import Calling
from scopeproxy.execution.carrying import Found
from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.discovery_cache import DiscoveryCache
from scopeproxy.execution.reading import collect
from scopeproxy.lang.scope import Location, sites_of
from scopeproxy.model.messages import Reply, Request, header
from scopeproxy.planning.discovery import Document, tells_versions
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Work
from scopeproxy.planning.versions import microversion, refuse_unserved

# Seconds for all sites together: a site that does not tell its versions in time is not judged by them.
_PATIENCE = 5.0
_DOCUMENT_LIMIT = 1024 * 1024


class Served:
    """For one site's proxy; `documents` is where answers are kept."""

    def __init__(self, calling: Calling, documents: DiscoveryCache) -> None:
        self._calling, self._documents = calling, documents

    def known(self, site: str, service: str) -> Document | None:
        """The versions of a service at a site, if they were told lately."""
        return self._documents.root(site, service)

    async def check(self, work: Work, location: Location, found: Found, travel: Travel) -> None:
        """Raise BadCollaboration (its status 406) when a site that must do a write lacks its microversion.

        What is known counts while it lets the write pass; before it is refused, the sites are asked again.
        """
        if microversion(work.request) is None:
            return
        sites = sites_of(location)
        known = await self._documents_of(sites, work.request, found, travel, again=False)
        try:
            refuse_unserved(work.request, location, known)
        except BadCollaboration:
            known = await self._documents_of(sites, work.request, found, travel, again=True)
            refuse_unserved(work.request, location, known)

    async def _documents_of(
        self, sites: Iterable[str], request: Request, found: Found, travel: Travel, again: bool
    ) -> dict[str, Document]:
        known = {} if again else {site: self._documents.root(site, request.service) for site in sites}
        missing = [site for site in sites if known.get(site) is None]
        end = asyncio.get_running_loop().time() + _PATIENCE
        hurried = replace(travel, deadline=end if travel.deadline is None else min(end, travel.deadline))
        told = await asyncio.gather(*(self._ask(site, request, found, hurried, again) for site in missing))
        known.update(zip(missing, told, strict=True))
        return {site: document for site, document in known.items() if document is not None}

    async def _ask(self, site: str, request: Request, found: Found, travel: Travel, again: bool) -> Document | None:
        host = header(request.headers, "Host") or travel.host
        question = Request(request.service, "GET", "/", (("Host", host), ("Accept", "application/json")))
        if again:
            self._documents.forget(site, question)
        try:
            async with asyncio.timeout_at(travel.deadline):
                nobody = replace(found, request=question, token=None)
                outcome = await self._calling.call(Call(site, question), nobody, travel, classify(question))
                if isinstance(outcome, Reply):
                    outcome = await collect(outcome, _DOCUMENT_LIMIT, travel.deadline)
        except TimeoutError:
            return None
        if not isinstance(outcome, Reply) or outcome.rest is not None:
            return None
        document = outcome.json
        return document if tells_versions(document) else None
