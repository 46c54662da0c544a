"""Connections that were accepted, and whose client has yet to agree on TLS."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakSet, ref

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.front import Front


class Coming:
    """Counts them.  Nobody tells of those that never agree: they are forgotten when the loop has let go of them, and
    after `patience` seconds at the latest, when it gives them up.  `now`: seconds, monotonic."""

    def __init__(self, patience: float, now: Callable[[], float]) -> None:
        self._patience, self._now = patience, now
        self._waiting: WeakSet[Front] = WeakSet()
        # The oldest first; those that have agreed go when they come to be the oldest.
        self._until: deque[tuple[float, ref[Front]]] = deque()

    def add(self, front: Front) -> None:
        """Note one that was accepted."""
        if self._patience:
            self._waiting.add(front)
            self._until.append((self._now() + self._patience, ref(front)))

    def discard(self, front: Front) -> None:
        """It has agreed."""
        self._waiting.discard(front)

    def __len__(self) -> int:
        now = self._now()
        while self._until:
            until, known = self._until[0]
            front = known()
            if front is not None and front in self._waiting:
                if until > now:
                    break
                self._waiting.discard(front)
            self._until.popleft()
        return len(self._waiting)
