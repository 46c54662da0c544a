"""Tables for the terminal, as commands print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Characters of a cell.
WIDEST = 60


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], widest: int = WIDEST) -> str:
    """The rows below their head; "" where there are none."""
    if not rows:
        return ""
    cells = [tuple(columns), *(tuple(_short(row[column], widest) for column in columns) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _short(value: Any, widest: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= widest else text[: widest - 1] + "…"
