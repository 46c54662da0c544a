"""Whether a call that says it comes from another site's proxy does."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from scopeproxy.errors import Forbidden
from scopeproxy.model.messages import Headers, header
from scopeproxy.model.topology import Topology
from scopeproxy.planning.peer_head import hop_of
from scopeproxy.planning.signing import SIGNATURE, WINDOW, NonceMemory, verify

# Of a signature and when it may be forgotten: whether no process of this site, before or now, has honoured it.
FirstTime = Callable[[str, float], Awaitable[bool]]

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Peers:
    """Checks signatures for one site.  `key_of`: the key shared with a site; `seen`: the memory of this process;
    `first_time`: that of all processes, also of those before a restart.  It is asked for writes, and for every call
    where several processes serve the site: a read that is done twice changes nothing."""

    def __init__(
        self,
        topology: Topology,
        here: str,
        key_of: Callable[[str], bytes | None],
        seen: NonceMemory,
        first_time: FirstTime,
        several: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topology, self._here, self._key_of, self._seen, self._now = topology, here, key_of, seen, now
        self._first_time, self._several = first_time, several
        self._settings = topology.sites[here].proxy

    async def sender(self, method: str, target: str, service: str, headers: Headers) -> str | None:
        """The site that signed the call; None: nobody did.  Raises Forbidden for a signature that does not hold."""
        signature = header(headers, SIGNATURE)
        if signature is None:
            return None
        hop = hop_of(headers, self._here, service)
        now = self._now()
        site = verify(self._trusted_key, method, target, hop, signature, now, self._seen)
        if self._several or method not in _READS:
            mac = signature.rpartition("mac=")[2]
            # The date in it may be a window ahead of our clock, and is honoured for one more.
            if not await self._first_time(mac, now + 2 * WINDOW):
                raise Forbidden(f"this call from {site} was received before: it was replayed")
        return site

    def _trusted_key(self, site: str) -> bytes | None:
        if site not in self._topology.sites:
            return None
        if not self._settings.trusts(site):
            raise Forbidden(f"{self._here} does not trust {site}: its proxy.trust does not list it")
        return self._key_of(site)
