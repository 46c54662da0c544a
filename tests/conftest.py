"""Laws hold on slow machines too: the first text builds the parser, and neighbours may be busy.  What is about
connections holds on every event loop that the proxy runs on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from tests.loops import LOOPS, Loop

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

_HERE = Path(__file__).parent
# Folders and files whose tests run on every loop.
_ON_ALL = (
    "execution/passthrough",
    "execution/test_forwarding.py",
    "edges/test_app.py",
    "edges/test_connections.py",
    "edges/test_lanes.py",
)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Loop]:
    everywhere = any(item.path.is_relative_to(_HERE / path) for path in _ON_ALL)
    return LOOPS if everywhere else {"asyncio": LOOPS["asyncio"]}
