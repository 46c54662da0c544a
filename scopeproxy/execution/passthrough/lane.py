"""What the fast path needs to know of a topology, at one door of one site's proxy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scopeproxy.errors import ScopeProxyError
from scopeproxy.execution.passthrough.pool import Pool
from scopeproxy.execution.passthrough.relays import Relays
from scopeproxy.execution.passthrough.ways import Way, Ways
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.model.topology import Timeouts


@dataclass(frozen=True, slots=True)
class Passed:
    """A call that went through untouched, for the log.  `error`: what the client was told instead of an answer."""

    way: Way
    method: str
    status: int
    seconds: float
    outcome: Outcome | None = None
    client_id: str | None = None
    error: ScopeProxyError | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """One door under one topology.

    `refusal`: the answer that an error becomes, in a service's own shape; `lost`: the error that a service without an
    answer becomes; `note`: tells the log, of those calls that `is_due` says; `head_limit`: bytes of a request's head;
    `requests`: after so many, a client's connection ends.
    """

    here: str
    scheme: str
    trusted: tuple[str, ...]
    timeouts: Timeouts
    head_limit: int
    requests: int
    ways: Ways
    relays: Relays
    pool: Pool
    refusal: Callable[[str, ScopeProxyError], Reply]
    lost: Callable[[str, Unreached], ScopeProxyError]
    is_due: Callable[[], bool]
    note: Callable[[Passed], None]
