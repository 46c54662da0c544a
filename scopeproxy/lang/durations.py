"""Lengths of time as people write them: `30s`, `15ms`, `500us`, `2m`, `24h`.  Inside the program they are seconds."""

from __future__ import annotations

import re
from decimal import Decimal

_WRITTEN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)")

# Unit to power of ten and factor.  The power is joined to the digits before they become a float, so that 20ms is
# exactly what 0.02 is, and not 20 * 0.001.
_UNITS = {"us": (-6, 1), "ms": (-3, 1), "s": (0, 1), "m": (0, 60), "h": (0, 3600)}
_WAYS = "a number and a unit (us, ms, s, m or h) without a blank, such as 30s or 15ms"

YEAR = 366 * 24 * 3600.0


def parse_duration(text: str) -> float:
    """The seconds that a text such as `15ms` stands for; ValueError tells what would have been right."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise ValueError(f"{text[:40]!r} is not a duration: write {_WAYS}")
    number, unit = written.groups()
    if unit not in _UNITS:
        raise ValueError(f"{unit[:10]!r} is not a unit of time: write {_WAYS}")
    power, factor = _UNITS[unit]
    seconds = float(f"{number}e{power}") * factor
    if seconds > YEAR:
        raise ValueError(f"{text[:40]!r} is longer than a year")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text in one of us, ms and s which `parse_duration` reads as exactly this."""
    unit = "s" if seconds >= 1 or not seconds else "ms" if seconds >= 0.001 else "us"
    number = format(Decimal(repr(float(seconds))).scaleb(-_UNITS[unit][0]), "f")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + unit


def human_duration(seconds: float) -> str:
    """About how long: three digits below a minute (`1.23ms`), then `2m 5s`, then `3h 20m`."""
    if seconds < 59.95:
        return format_duration(float(f"{seconds:.3g}"))
    minutes, rest = divmod(round(seconds), 60)
    hours, rest_minutes = divmod(minutes, 60)
    return f"{hours}h {rest_minutes}m" if hours else f"{minutes}m {rest}s"
