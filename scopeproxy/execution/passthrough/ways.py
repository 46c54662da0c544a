"""Where calls that pass untouched go: from the method and target of a request to its service's back.

What was found is kept, so that a target which comes again costs one look into a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scopeproxy.execution.passthrough.tally import Row, Tally
from scopeproxy.model.messages import Request
from scopeproxy.model.topology import Url
from scopeproxy.planning.intent import classify
from scopeproxy.planning.passing import path_passes

# So many are kept; a target which is longer than this is hardly asked for again, and is looked up each time.
_KEPT, _LONGEST = 4096, 512

# Which service a raw target belongs to, and the target below the service's root; None: it is not for the fast path.
Enter = Callable[[str], tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class Way:
    """Where a call goes.  `root`, `origin`: of its service; `target`: at the service; `path`: as it is told in the log;
    `row`: where it is counted."""

    service: str
    root: Url
    origin: str
    target: bytes
    path: str
    intent: str
    row: Row


class Ways:
    """The ways through one door of a site's proxy, under one topology.  `tally`: where calls are counted."""

    def __init__(self, enter: Enter, backs: Mapping[str, Url], tally: Tally) -> None:
        self._enter, self._backs, self.tally = enter, backs, tally
        self._known: dict[tuple[bytes, bytes, bool], Way | None] = {}

    def find(self, method: bytes, target: bytes, upgrades: bool = False) -> Way | None:
        """The way of a call whose headers pass; None: it is not for the fast path."""
        key = (method, target, upgrades)
        try:
            return self._known[key]
        except KeyError:
            way = self._found(method.decode(), target.decode(), upgrades)
        if len(target) <= _LONGEST:
            if len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = way
        return way

    def _found(self, method: str, target: str, upgrades: bool) -> Way | None:
        entered = self._enter(target)
        if entered is None:
            return None
        service, below = entered
        back = self._backs.get(service)
        request = Request(service, method, below, (("Upgrade", "websocket"),) if upgrades else ())
        if back is None or not path_passes(request):
            return None
        intent = classify(request).kind.value
        there = (back.path + below).encode()
        return Way(service, back, back.origin, there, request.path, intent, self.tally.row(service, intent))
