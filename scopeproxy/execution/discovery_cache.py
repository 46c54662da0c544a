"""Version documents of other sites, kept for a while: clients ask for them before anything else, without a token.

What each site's document said last is kept as well, this one's too: by it calls that no site could serve are refused.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from scopeproxy.model.messages import Reply, Request
from scopeproxy.planning.discovery import Document, tells_versions

# Seconds.  Documents change when a site is upgraded.
_FRESH = 300.0
_REMEMBERED = 2_000
_LARGEST = 64 * 1024

# What a document depends on beside its address.
_VARY = ("Accept", "Accept-Encoding", "Host", "OpenStack-API-Version", "X-OpenStack-Nova-API-Version")

Key = tuple[str, ...]
K = TypeVar("K")
V = TypeVar("V")


class DiscoveryCache:
    """Documents by site and request.  Only whole, good answers to requests without a token are kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[Key, tuple[Reply, float]] = OrderedDict()
        self._roots: OrderedDict[tuple[str, str], tuple[Document, float]] = OrderedDict()

    def get(self, site: str, request: Request) -> Reply | None:
        """The document, while it is fresh."""
        known = self._known.get(_key(site, request))
        return known[0] if known is not None and self._clock() - known[1] < _FRESH else None

    def put(self, site: str, request: Request, reply: Reply) -> None:
        """Keep a document, if it is one to keep."""
        good = reply.status in (200, 300) and reply.rest is None and len(reply.body) <= _LARGEST
        if not good or request.header("X-Auth-Token") is not None:
            return
        key = _key(site, request)
        self._known[key] = (replace(reply, site=site), self._clock())
        _bound(self._known, key)
        self.learn(site, request, reply)

    def forget(self, site: str, request: Request) -> None:
        """Have the site asked anew."""
        self._known.pop(_key(site, request), None)

    def learn(self, site: str, request: Request, reply: Reply) -> None:
        """Note what a service's root tells of its versions; the document of one version tells nothing of the others."""
        document = reply.json if len(reply.body) <= _LARGEST else None
        if request.path.strip("/") in ("", "versions") and reply.status in (200, 300) and tells_versions(document):
            key = (site, request.service)
            self._roots[key] = (document, self._clock())
            _bound(self._roots, key)

    def root(self, site: str, service: str) -> Document | None:
        """The versions of a service at a site, as last told, while that is fresh."""
        known = self._roots.get((site, service))
        return known[0] if known is not None and self._clock() - known[1] < _FRESH else None


def _bound(known: OrderedDict[K, tuple[V, float]], newest: K) -> None:
    known.move_to_end(newest)
    while len(known) > _REMEMBERED:
        known.popitem(last=False)


def _key(site: str, request: Request) -> Key:
    return (site, request.service, request.method, request.target, *(request.header(name) or "" for name in _VARY))
