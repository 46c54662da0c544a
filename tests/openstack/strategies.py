"""The token strategies that the suite runs under, and what each changes in the topology."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Change = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Strategy:
    """`partner`: the site which it takes Paris's tokens to; `tokens`: `proxy.tokens` of every site.

    `more`: sites beside the independent ones, which take part under this strategy alone.
    """

    name: str
    partner: str
    tokens: tuple[str, ...]
    more: tuple[str, ...] = ()

    def sites(self, independent: Iterable[str]) -> list[str]:
        return [*independent, *self.more]

    def change(self, topology: dict[str, Any]) -> dict[str, Any]:
        """The cloud's topology, served by this strategy."""
        for site in topology["sites"].values():
            site.setdefault("proxy", {})["tokens"] = list(self.tokens)
        return topology


STRATEGIES = {strategy.name: strategy for strategy in (Strategy("login", "Corte", ("login",)),)}
