"""What the cases declare of themselves, as tables for the documents.

`@pytest.mark.row("Revoking a token", shared="…")`: what the case shows, for the table of what works under which
strategy; for a strategy under which it does not work, what is told in place of it.  The case itself runs under each
strategy, and asserts the one or the other: see the fixture `instead`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.openstack.strategies import STRATEGIES

HERE = Path(__file__).parent


def marked(mark: str) -> Iterator[tuple[str, Any]]:
    """File and name of each case that has a mark, and the mark; as they stand in the files."""
    for file in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"{__package__}.{file.stem}")
        for name, function in vars(module).items():
            for found in getattr(function, "pytestmark", ()) if name.startswith("test_") else ():
                if found.name == mark:
                    yield f"{file.stem}.{name}", found


def strategies_rows() -> list[tuple[str, ...]]:
    """What each row's case shows, and a cell for each strategy."""
    return [(mark.args[0], *(mark.kwargs.get(name, "yes") for name in STRATEGIES)) for _, mark in marked("row")]


def real_only_rows() -> list[tuple[str, str]]:
    """The cases that the emulator cannot play, and why."""
    return [(name.removeprefix("test_"), mark.args[0]) for name, mark in marked("real_only")]
