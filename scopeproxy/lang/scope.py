"""The values of the language: locations, and the scope that binds services to them.

Nothing here reads text (parser.py does) and nothing knows which sites exist (the topology does).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from scopeproxy.lang.durations import format_duration

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_KEYWORDS = frozenset({"any", "all"})

EVERY_SERVICE = "*"


@dataclass(frozen=True, slots=True)
class At:
    """One site, by name."""

    site: str

    def __str__(self) -> str:
        return quoted(self.site)


@dataclass(frozen=True, slots=True)
class And:
    """Here and there.  Build it with `all_of`, which keeps it flat and free of repetitions."""

    parts: tuple[Location, ...]

    def __str__(self) -> str:
        return "&".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Here or there, in this order.  Build it with `any_of`."""

    parts: tuple[Location, ...]

    def __str__(self) -> str:
        return "|".join(str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Pool:
    """The sites a selector draws from: every site (`*`), a site, or a group, less what is taken away."""

    name: str
    minus: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " - ".join(name if name == EVERY_SERVICE else quoted(name) for name in (self.name, *self.minus))


@dataclass(frozen=True, slots=True)
class Selector:
    """`any(…)` or `all(…)`: sites chosen by the topology; the entry expands it, once.

    `within` is a round-trip time in seconds, measured from `of` (a site; None: from here).
    """

    kind: str
    pool: Pool
    within: float | None = None
    of: str | None = None

    def __str__(self) -> str:
        near = "" if self.within is None else f", {format_duration(self.within)}"
        return f"{self.kind}({self.pool}{near}{'' if self.of is None else f' of {quoted(self.of)}'})"


Location = At | And | Or | Selector


def quoted(name: str) -> str:
    """The name as it is written in a scope: plain where the grammar lets it be, in double quotes elsewhere."""
    if _PLAIN.match(name) and name not in _KEYWORDS:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def all_of(parts: Iterable[Location]) -> Location:
    """`A & B & …`: flattened, without repetitions; one part is that part."""
    flat = _flat(And, parts)
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(parts: Iterable[Location]) -> Location:
    """`A | B | …`: flattened, without repetitions; one part is that part."""
    flat = _flat(Or, parts)
    return flat[0] if len(flat) == 1 else Or(flat)


def _flat(node: type[And] | type[Or], parts: Iterable[Location]) -> tuple[Location, ...]:
    flat: dict[Location, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, node) else (part,)))
    return tuple(flat)


def sites_of(location: Location) -> tuple[str, ...]:
    """Every site that the location names, in written order, each once."""
    return tuple(dict.fromkeys(_sites(location)))


def _sites(location: Location) -> Iterator[str]:
    match location:
        case At(site):
            yield site
        case And(parts) | Or(parts):
            for part in parts:
                yield from _sites(part)
        case Selector():
            return


@dataclass(frozen=True, slots=True)
class Scope(Mapping[str, Location]):
    """Which service is used where: service type (or `*`) to location, in written order.

    A mapping; two scopes are equal when they bind the same services to the same locations, in whatever order.
    """

    bindings: tuple[tuple[str, Location], ...] = ()

    def __getitem__(self, service: str) -> Location:
        for name, location in self.bindings:
            if name == service:
                return location
        raise KeyError(service)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.bindings)

    def __len__(self) -> int:
        return len(self.bindings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and dict(self.bindings) == dict(other.bindings)

    def __hash__(self) -> int:
        return hash(frozenset(self.bindings))

    def __str__(self) -> str:
        return "{" + ", ".join(f"{_bound(name)} {location}" for name, location in self.bindings) + "}"

    def location(self, service: str) -> Location | None:
        """Where the service is bound to, by its own name or by `*`; None leaves it where its caller runs."""
        return self.get(service) or self.get(EVERY_SERVICE)

    def having(self, service: str, location: Location) -> Scope:
        """This scope with one service bound to that location."""
        rest = tuple(binding for binding in self.bindings if binding[0] != service)
        return Scope(((service, location), *rest))

    def only(self, services: Iterable[str]) -> Scope:
        """This scope, less the services that are not among these; `*` stays."""
        kept = {*services, EVERY_SERVICE}
        return Scope(tuple(binding for binding in self.bindings if binding[0] in kept))


def quoted_service(name: str) -> str:
    """The service as it is written in a scope."""
    return name if name == EVERY_SERVICE else quoted(name)


def _bound(service: str) -> str:
    # `"our app": "New York"` would be read as JSON, where the value is an expression; with `=` it never is.
    name = quoted_service(service)
    return f"{name} =" if name.startswith('"') else f"{name}:"


def explained(what: Scope | Location) -> str:
    """The scope, or the location, with parentheses that show what belongs together: `Paris & (Corte | Marseille)`."""
    if isinstance(what, Scope):
        return "{" + ", ".join(f"{_bound(name)} {explained(location)}" for name, location in what.bindings) + "}"
    match what:
        case And(parts):
            return " & ".join(_enclosed(part) for part in parts)
        case Or(parts):
            return " | ".join(_enclosed(part) for part in parts)
    return str(what)


def _enclosed(part: Location) -> str:
    return f"({explained(part)})" if isinstance(part, And | Or) else str(part)
