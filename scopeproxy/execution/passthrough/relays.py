"""The scoped reads that come again and again, and where they go: decided by the journey, kept for seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from scopeproxy.errors import ScopeProxyError
from scopeproxy.execution.passthrough.relay import Read, Relay

logger = logging.getLogger("scopeproxy.relays")

Decide = Callable[[Read], Awaitable[Relay | None]]

# Seconds for which a decision is gone by, and those in which it is made anew while it is still gone by.  What others
# change meanwhile (another worker's login, a replica that another site tells of) is noticed as late as that.
KEPT, RENEWED = 5.0, 1.0

# So many reads are remembered, of so many bytes each, and so many decisions are made at a time: the rest takes the
# journey.
_REMEMBERED, _LARGEST, _AT_ONCE = 1024, 8 * 1024, 16


class _Known:
    """A read that came.  `until`: when it is forgotten; `relay`: None before it is decided, or where there is none."""

    __slots__ = ("deciding", "relay", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.relay: Relay | None = None
        self.deciding = False


class Relays:
    """For one door under one topology.  `clock`: seconds, monotonic."""

    def __init__(self, decide: Decide, clock: Callable[[], float]) -> None:
        self._decide, self._clock = decide, clock
        self._known: dict[Read, _Known] = {}
        self._deciding: set[asyncio.Task[None]] = set()

    def find(self, asked: Read) -> Relay | None:
        """Where the read goes; None: it takes the journey.  One that comes for the second time gets a decision."""
        now, known = self._clock(), self._known.get(asked)
        if known is None or known.until <= now:
            self._remember(asked, _Known(now + KEPT))
            return None
        relay = known.relay
        if not known.deciding and (relay is None or known.until - now <= RENEWED):
            self._begin(asked, known)
        if relay is None or relay.holds():
            return relay
        self.forget(asked)
        return None

    def forget(self, asked: Read) -> None:
        """The decision was not right for what came back: the next ones take the journey for a while."""
        # One that is being made now is for what was there before.
        nowhere = _Known(self._clock() + KEPT)
        nowhere.deciding = True
        self._remember(asked, nowhere)

    def end(self) -> None:
        """Nobody asks any more."""
        for task in self._deciding:
            task.cancel()

    def _remember(self, asked: Read, known: _Known) -> None:
        """Keep what is known, behind what is forgotten before it."""
        if len(asked.target) + len(asked.fields) > _LARGEST:
            return
        self._known.pop(asked, None)
        while self._known:
            first = next(iter(self._known))
            if len(self._known) < _REMEMBERED and self._known[first].until > self._clock():
                break
            del self._known[first]
        self._known[asked] = known

    def _begin(self, asked: Read, known: _Known) -> None:
        if len(self._deciding) < _AT_ONCE:
            known.deciding = True
            task = asyncio.get_running_loop().create_task(self._decided(asked, known))
            self._deciding.add(task)
            task.add_done_callback(self._deciding.discard)

    async def _decided(self, asked: Read, known: _Known) -> None:
        """Learn where the read goes; where it has no answer of another site's, that is learned, too."""
        # What is decided goes by what is so now, however long it takes.
        until, relay = self._clock() + KEPT, None
        try:
            relay = await self._decide(asked)
        except ScopeProxyError:
            pass
        except Exception as error:
            # Its text may hold anything, a token too.
            logger.error("a decision failed with %s, which is a bug of ours", type(error).__name__)
        if self._known.get(asked) is known:
            known.relay, known.until, known.deciding = relay, until, relay is None
            self._remember(asked, known)
