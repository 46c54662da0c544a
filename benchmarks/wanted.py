"""What our figures have to be, a row each: how each comes out of what was measured, and what was reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]
# The figures of a run, one for each round; none where that was not measured.
Values = Callable[[Results], list[float]]

OURS, FIRST = "scopeproxy", "haproxy"


@dataclass(frozen=True, slots=True)
class Row:
    """`least`: whether more is better; `wanted` and `stretch`: the bounds; `unit`: of the figure."""

    what: str
    values: Values
    least: bool
    wanted: float
    stretch: float | None = None
    unit: str = ""


def ratio(load: str, field: str, over: str = FIRST, ours: str = OURS) -> Values:
    """Ours over another's, round by round: what slowed one of them down slowed the other as well."""

    def values(found: Results) -> list[float]:
        visits = found["loads"].get(load, {})
        if ours not in visits or over not in visits:
            return []
        return [one[field] / (other[field] or 1) for one, other in zip(visits[ours], visits[over], strict=True)]

    return values


def added(found: Results) -> list[float]:
    """The p50 that we add to a direct read, over what HAProxy adds."""
    visits = found["loads"].get("GET 1 KiB c=1", {})
    if not {OURS, FIRST} <= visits.keys():
        return []
    rounds = zip(visits[OURS], visits[FIRST], visits["direct"], strict=True)
    return [(one["p50"] - direct["p50"]) / max(1.0, other["p50"] - direct["p50"]) for one, other, direct in rounds]


def streamed(way: str) -> Values:
    def values(found: Results) -> list[float]:
        visits = found["streams"].get(way, {})
        if not {OURS, FIRST} <= visits.keys():
            return []
        return [one["rate"] / other["rate"] for one, other in zip(visits[OURS], visits[FIRST], strict=True)]

    return values


def growth(found: Results) -> list[float]:
    return [max(visit["growth"] for way in found["streams"].values() for visit in way.get(OURS, [{"growth": 0.0}]))]


def listed(*path: str) -> Values:
    """What is there as a list already, or as one figure."""

    def values(found: Any) -> list[float]:
        for name in path:
            found = found.get(name, {})
        return found if isinstance(found, list) else [found] if isinstance(found, float) else []

    return values


READS = "GET 1 KiB c=128"
ROWS = (
    Row("GET 1 KiB, c=128: requests/s over HAProxy's", ratio(READS, "rate"), True, 0.65, 0.85),
    Row("CPU per request over HAProxy's", ratio(READS, "cpu"), False, 1.6, 1.2),
    Row("requests/s over Envoy's", ratio(READS, "rate", "envoy"), True, 1.8, 2.4),
    Row("requests/s over mitmproxy's", ratio(READS, "rate", "mitmproxy"), True, 45, 60),
    Row("requests/s over those of a naive aiohttp proxy", ratio(READS, "rate", "naive"), True, 6.5, 9),
    Row("p50 added at c=1 on one core, over HAProxy's", added, False, 2, 1.3),
    Row("POST 1 KiB, c=128: CPU over HAProxy's", ratio("POST 1 KiB c=128", "cpu"), False, 1.6, 1.2),
    Row("GET 100 KiB, c=16: CPU over HAProxy's", ratio("GET 100 KiB c=16", "cpu"), False, 1.3, 1.0),
    Row("GET 1 MiB, c=16: CPU over HAProxy's", ratio("GET 1 MiB c=16", "cpu"), False, 1.3, 1.0),
    Row("1 GiB down: MB/s over HAProxy's", streamed("down"), True, 0.85, 1),
    Row("1 GiB up", streamed("up"), True, 0.85, 1),
    Row("1 GiB up in chunks", streamed("up chunked"), True, 0.85, 1),
    Row("memory that grows with them", growth, False, 8, 2, " MiB"),
    Row(
        "scoped to another site, 1 KiB, c=128: CPU over that of the naive proxy",
        ratio("scoped GET 1 KiB c=128", "cpu", "naive"), False, 1, 0.4,
    ),
    Row("fan-out to 2 sites: later than the slowest", listed("fan_out", "2"), False, 3, 2, " ms"),
    Row("to 10 sites", listed("fan_out", "10"), False, 6, 4, " ms"),
    Row("to 100 sites", listed("fan_out", "100"), False, 45, 20, " ms"),
    Row("idle memory", listed("idle", "memory"), False, 60, None, " MiB"),
    Row("of it, not shared with other processes", listed("idle", "private"), False, 60, None, " MiB"),
    Row("for each idle connection of 10,000", listed("idle", "connection"), False, 4, None, " KiB"),
    Row("start of `serve` to its first answer, 3 sites", listed("start", "3"), False, 0.7, None, " s"),
    Row("1,000 sites", listed("start", "1000"), False, 3, None, " s"),
)  # fmt: skip


def table(found: Results) -> str:
    lines = ["| what | measured | spread | wanted | stretch | |", "|---|---|---|---|---|---|"]
    for row in ROWS:
        values = row.values(found)
        sign = "≥" if row.least else "≤"
        bounds = f"{sign} {row.wanted:g}{row.unit} | {'' if row.stretch is None else f'{row.stretch:g}{row.unit}'}"
        if not values:
            lines.append(f"| {row.what} | not measured | | {bounds} | |")
            continue
        middle = statistics.median(values)
        spread = f"{min(values):.3g}–{max(values):.3g}" if len(values) > 1 else ""
        lines.append(f"| {row.what} | {middle:.3g}{row.unit} | {spread} | {bounds} | {verdict(row, middle)} |")
    return "\n".join(lines)


def verdict(row: Row, value: float) -> str:
    def reaches(bound: float) -> bool:
        return value >= bound if row.least else value <= bound

    if row.stretch is not None and reaches(row.stretch):
        return "reached, and the stretch"
    return "reached" if reaches(row.wanted) else "**missed**"
