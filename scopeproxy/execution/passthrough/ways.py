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
    """Where a call goes.  `root`, `origin`: of its service; `target`: at the service; `first`: the first line of its
    head there; `path`: as it is told in the log; `row`: where it is counted."""

    service: str
    root: Url
    origin: str
    method: bytes
    target: bytes
    first: bytes
    path: str
    intent: str
    row: Row


class Ways:
    """The ways through one door of a site's proxy, under one topology.

    `tally`: where calls are counted; `known`: what was found, by the first line of the request, without its end.
    """

    def __init__(self, enter: Enter, backs: Mapping[str, Url], tally: Tally) -> None:
        self._enter, self._backs, self.tally = enter, backs, tally
        self.known: dict[bytes, Way | None] = {}

    def find(self, method: bytes, target: bytes, upgrades: bool = False) -> Way | None:
        """The way of a call whose headers pass; None: it is not for the fast path."""
        if upgrades:
            return self._found(method, target, True)
        line = b"%b %b HTTP/1.1" % (method, target)
        try:
            return self.known[line]
        except KeyError:
            way = self._found(method, target, False)
        if len(target) <= _LONGEST:
            if len(self.known) >= _KEPT:
                del self.known[next(iter(self.known))]
            self.known[line] = way
        return way

    def _found(self, method: bytes, target: bytes, upgrades: bool) -> Way | None:
        entered = self._enter(target.decode())
        if entered is None:
            return None
        service, below = entered
        back = self._backs.get(service)
        request = Request(service, method.decode(), below, (("Upgrade", "websocket"),) if upgrades else ())
        if back is None or not path_passes(request):
            return None
        intent = classify(request).kind.value
        there = (back.path + below).encode()
        first, row = b"%b %b HTTP/1.1\r\n" % (method, there), self.tally.row(service, intent)
        return Way(service, back, back.origin, method, there, first, request.path, intent, row)
