"""A ledger is opened where it is, and never made by a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from scopeproxy.edges.state import state_of
from scopeproxy.errors import ConfigurationError
from scopeproxy.execution.ledger import Ledger
from scopeproxy.model.topology import ProxySettings


async def test_a_ledger_that_is_there_is_opened(tmp_path: Path) -> None:
    settings = ProxySettings(state=f"sqlite:///{tmp_path}/Paris.db")
    made = Ledger(settings.state, b"k")
    await made.open()
    await made.close()
    state = state_of(settings, "Paris")
    async with state.opened() as ledger:
        assert await ledger.scope_of("x") is None
    assert state.key.hex() not in repr(state)


def test_one_that_is_not_there_is_a_mistake_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has the proxy of Paris ever run here"):
        state_of(ProxySettings(state=f"sqlite:///{tmp_path}/Paris.db"), "Paris")
    assert not list(tmp_path.iterdir())
