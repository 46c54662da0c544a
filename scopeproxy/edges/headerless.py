"""Clients which cannot add a header: the scope is in the path that they call, or in the region that they choose.

The journey knows nothing of it: what arrives by such a path becomes the same call with a scope header, at the service's
own front, and the links of its answer are moved to where the client goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scopeproxy.edges.doors import Door
from scopeproxy.errors import SiteFailure
from scopeproxy.execution.calling import is_data
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.telling import Arrival
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.lang.wire import to_header
from scopeproxy.model.messages import Reply, Request, without
from scopeproxy.model.topology import Topology
from scopeproxy.planning.carriers import strip
from scopeproxy.planning.catalog import change_catalog, under_prefix, with_regions
from scopeproxy.planning.intent import classify
from scopeproxy.planning.links import Links, relink, relinked
from scopeproxy.planning.lists import contents
from scopeproxy.planning.rewriting import is_trusted
from scopeproxy.planning.scoped_paths import Prefix, ScopedPath, as_at_front, authority_of, path_of, scope_of, text_of

Change = Callable[[Any], bool]

_TOKENS = "/v3/auth/tokens"
_CATALOG = "/v3/auth/catalog"
_SERVICE = "service"

# What told of the bytes that are no longer sent.
_OF_OLD_BYTES = ("Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-MD5", "Digest", "ETag")


class Headerless:
    """Scopes in paths, and named scopes as regions, at one site's proxy."""

    def __init__(self, topology: Topology, here: str, vocabulary: Vocabulary) -> None:
        self._topology, self._site, self._vocabulary = topology, topology.sites[here], vocabulary
        self._links = Links(topology, here)
        self._regions = {path_of(name, vocabulary): region for name, region in topology.regions.items()}

    def entered(self, arrival: Arrival, door: Door, path: ScopedPath | None) -> tuple[Arrival, Prefix | None]:
        """The call as it would have come to the service's own front, with a header; and the prefix it came by.

        A header that is there already says more, and wins.  ScopeError tells what is wrong with the path.
        """
        if path is None:
            return arrival, None
        request = arrival.request
        front = self._site.services[request.service].front
        text = text_of(path.scope)
        if request.header("X-Scope") is None:
            scope = scope_of(text, self._topology.scopes, self._vocabulary)
            request = request.with_header("X-Scope", to_header(scope))
        origin = f"{self._scheme(arrival, door)}://{self._authority(arrival, door)}"
        prefix = Prefix(origin, path_of(text, self._vocabulary))
        request = replace(request, headers=as_at_front(request.headers, front))
        return replace(arrival, request=request, scheme=front.scheme), prefix

    def _authority(self, arrival: Arrival, door: Door) -> str:
        request, said = arrival.request, None
        if self._is_behind_a_proxy(arrival):
            said = request.header("X-Forwarded-Host")
        ends = self._site.services.values()
        front = next(end.front for end in ends if end.socket == door.address)
        return authority_of(said or request.header("Host"), front)

    def _scheme(self, arrival: Arrival, door: Door) -> str:
        said = arrival.request.header("X-Forwarded-Proto") if self._is_behind_a_proxy(arrival) else None
        return said if said in ("http", "https") else door.scheme

    def _is_behind_a_proxy(self, arrival: Arrival) -> bool:
        return is_trusted(arrival.client, self._site.proxy.trusted_proxies)

    async def answered(self, arrival: Arrival, prefix: Prefix | None, reply: Reply) -> Reply:
        """The answer for whoever cannot add a header: with links under the prefix, or with regions to choose from."""
        if prefix is not None:
            return await self._under(prefix, arrival.request, reply)
        if arrival.peer is None and reply.ok and self._regions and _tells_a_catalog(arrival.request):
            return await self._changed(reply, self._publish)
        return reply

    async def _under(self, prefix: Prefix, request: Request, reply: Reply) -> Reply:
        front = self._site.services[request.service].front

        def move(link: str) -> str:
            return self._links.moved(link, prefix)

        def change(document: Any) -> bool:
            moved = relink(document, move, request.service)
            if request.service == "identity":
                moved |= change_catalog(document, lambda catalog: under_prefix(catalog, self._site, prefix))
            return moved

        headers = relinked(reply.headers, move, prefix.root(request.service), front.path)
        reply = replace(reply, headers=headers)
        if is_data(classify(request), request.service):
            return reply
        return await self._changed(reply, change)

    def _publish(self, document: Any) -> bool:
        if _SERVICE in _roles(document):
            # A service works with its own site: the scope of what it does comes with each call.
            return False
        return change_catalog(document, lambda catalog: with_regions(catalog, self._site, self._regions))

    async def _changed(self, reply: Reply, change: Change) -> Reply:
        """The reply with its JSON changed; whatever is no JSON, or more than may be held, passes as it is."""
        if reply.status == 206 or not _is_json(reply):
            return reply
        proxy = self._site.proxy
        whole = await collect(reply, proxy.limits.merged_body, within(proxy.timeouts.total))
        if not isinstance(whole, Reply):
            raise SiteFailure(f"{whole.site}: {whole.why}", 504)
        document = contents(whole)
        if document is None or not change(document):
            return whole
        try:
            body = json.dumps(document, allow_nan=False).encode()
        except ValueError:
            # A number that Python cannot hold would be sent as what is no JSON.
            return whole
        headers = (*without(whole.headers, *_OF_OLD_BYTES), ("Content-Length", str(len(body))))
        return replace(whole, headers=headers, body=body)


def _is_json(reply: Reply) -> bool:
    kind = (reply.header("Content-Type") or "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _tells_a_catalog(request: Request) -> bool:
    """Whether a client is told its own catalog.  A token that is shown by somebody else is being validated: services
    take their endpoints from that answer, and it is as it would be without us."""
    if request.service != "identity":
        return False
    path = request.path.rstrip("/")
    if path == _TOKENS and request.method == "GET":
        both = (request.header(name) for name in ("X-Auth-Token", "X-Subject-Token"))
        one, other = (strip(value or "") for value in both)
        return one == other
    return (request.method, path) in (("POST", _TOKENS), ("GET", _CATALOG))


def _roles(document: Any) -> set[str]:
    token = document.get("token") if isinstance(document, Mapping) else None
    roles = token.get("roles") if isinstance(token, Mapping) else None
    return {str(role.get("name")) for role in roles or () if isinstance(role, Mapping)}
