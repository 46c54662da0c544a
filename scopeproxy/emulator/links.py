"""The links between sites: delays, rates and losses by configuration, cuts at run time.

There is a relay for every ordered pair of sites and every front address of the second one; the topology's `routes` send
a proxy's calls to another site there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from scopeproxy.emulator.relay import Relay
from scopeproxy.emulator.wire import Wire
from scopeproxy.model.topology import Address, LinkConstraint


class Cut(StrEnum):
    """How a link is broken."""

    REFUSE = "refuse"  # nobody answers: ports closed, connections reset
    DROP = "drop"  # packets vanish: connecting hangs, what is open stalls


@dataclass(frozen=True, slots=True)
class Link:
    """What one site uses to call another: a relay for each address there."""

    src: str
    dst: str
    relays: Mapping[Address, Relay]

    @property
    def routes(self) -> dict[Address, Address]:
        """Where to connect instead."""
        return {address: relay.address for address, relay in self.relays.items()}


class Links:
    """Every link of a cloud.  `addresses`: the front addresses of each site."""

    def __init__(self, addresses: Mapping[str, Iterable[Address]], constraints: Iterable[LinkConstraint] = ()) -> None:
        pairs = [(src, dst) for src in addresses for dst in addresses if src != dst]
        self._wires = {pair: Wire() for pair in pairs}
        self._links = {
            (src, dst): Link(
                src,
                dst,
                {a: Relay(a, self._wires[src, dst], self._wires[dst, src]) for a in dict.fromkeys(addresses[dst])},
            )
            for src, dst in pairs
        }
        for rule in constraints:
            self.constrain(
                rule.src, rule.dst, delay=rule.delay, rate=rule.rate, loss=rule.loss, symmetric=rule.symmetric
            )

    def open(self) -> None:
        for link in self._links.values():
            for relay in link.relays.values():
                relay.open()

    async def close(self) -> None:
        relays = [relay for link in self._links.values() for relay in link.relays.values()]
        await asyncio.gather(*(relay.close() for relay in relays))

    def routes(self, src: str) -> dict[Address, Address]:
        """For a site: the front addresses of the others, and where to connect to instead."""
        return {k: v for (from_, _), link in self._links.items() if from_ == src for k, v in link.routes.items()}

    # ---- at run time

    def constrain(
        self,
        src: str,
        dst: str,
        *,
        delay: float = 0.0,
        rate: float | None = None,
        loss: float = 0.0,
        symmetric: bool = True,
    ) -> None:
        """Seconds one way, bytes per second, the share that is lost; both ways unless told otherwise."""
        for pair in self._ways(src, dst, symmetric):
            wire = self._wires[pair]
            wire.delay, wire.rate, wire.loss = delay, rate, loss

    def delay(self, src: str, dst: str, seconds: float, *, symmetric: bool = True) -> None:
        """Change the delay alone."""
        for pair in self._ways(src, dst, symmetric):
            self._wires[pair].delay = seconds

    def cut(self, src: str, dst: str, how: Cut | str = Cut.REFUSE, *, symmetric: bool = True) -> None:
        """Break the link, in both directions unless told otherwise: calls from `dst` still pass with `symmetric` False.

        A TCP connection needs both directions, so a drop stalls both of those that `src` opened."""
        how = Cut(how)
        for pair in self._ways(src, dst, symmetric):
            for relay in self._links[pair].relays.values():
                relay.refuse() if how is Cut.REFUSE else relay.drop()
            if how is Cut.DROP:
                self._wires[pair].connected.clear()

    def heal(self, src: str | None = None, dst: str | None = None) -> None:
        """Mend what was cut: everything, all links of a site, or those between two."""
        wanted = {name for name in (src, dst) if name is not None}
        for pair, link in self._links.items():
            if wanted <= set(pair):
                self._wires[pair].connected.set()
                for relay in link.relays.values():
                    relay.open()

    def look(self) -> None:
        """Notice at once which fronts no longer listen; without it, that is noticed when a connection ends or fails."""
        for link in self._links.values():
            for relay in link.relays.values():
                relay.look()

    def _ways(self, src: str, dst: str, symmetric: bool) -> list[tuple[str, str]]:
        return [(src, dst), (dst, src)] if symmetric else [(src, dst)]
