"""`any(…)` and `all(…)` become sites, once, at the entry."""

from __future__ import annotations

from collections.abc import Callable

from scopeproxy.lang.scope import Scope
from scopeproxy.model.topology import Topology

RoundTrip = Callable[[str, str], float | None]


def expand(scope: Scope, topology: Topology, here: str, rtt: RoundTrip, fan_out: int | None = None) -> Scope:
    """The scope without selectors.  `fan_out`: the most sites of one binding; None: as `here`'s settings say.

    Sites without the service are left out of a selector.  Where `*` selects, it names all sites of the pool, and each
    service which some of them lack gets a binding of its own.
    """
    raise NotImplementedError
