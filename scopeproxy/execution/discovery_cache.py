"""Version documents of other sites, kept for a while: clients ask for them before anything else, without a token."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from scopeproxy.model.messages import Reply, Request

# Seconds.  Documents change when a site is upgraded.
_FRESH = 300.0
_REMEMBERED = 2_000
_LARGEST = 64 * 1024

# What a document depends on beside its address.
_VARY = ("Accept", "Accept-Encoding", "Host", "OpenStack-API-Version", "X-OpenStack-Nova-API-Version")

Key = tuple[str, ...]


class DiscoveryCache:
    """Documents by site and request.  Only whole, good answers to requests without a token are kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[Key, tuple[Reply, float]] = OrderedDict()

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
        self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _key(site: str, request: Request) -> Key:
    return (site, request.service, request.method, request.target, *(request.header(name) or "" for name in _VARY))
