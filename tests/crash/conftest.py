"""How often the proxy is killed, and by which dice: `pytest tests/crash --kills 200 --dice 7`."""

from __future__ import annotations

import pytest

FEW = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash", "the crash test")
    group.addoption("--kills", type=int, default=FEW, help="SIGKILLs of the entry's proxy (default: %(default)s)")
    group.addoption(
        "--dice", type=int, default=1, help="what decides when, and which links fail (default: %(default)s)"
    )


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills", FEW))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--dice", 1))
