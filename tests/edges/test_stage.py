"""The stage itself is played on by test_demo; here is what must be so where nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scopeproxy.edges import stage
from scopeproxy.edges.stage import set_up
from scopeproxy.errors import ScopeProxyError


@pytest.fixture
def said() -> list[str]:
    return []


async def test_links_have_half_the_round_trip_each_way(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with set_up(["Paris", "Corte"], 0.03, tmp_path, {"Corte": ["Alpine"]}, said.append) as ready:
        assert "delay: 15ms" in ready.cloud.topology_path.read_text()
        assert (ready.home, set(ready.admins)) == ("Paris", {"Paris", "Corte"})
        assert ready.exports["OS_CLOUD"] == "Paris-alice"
        monkeypatch.setattr(stage, "_PATIENCE", 0.1)
        assert not await ready.becomes_active("Paris", "no-such-server")
        assert (ready.servers(), ready.has_user("Corte", "alice")) == ([], True)
        async with ready.watched() as found:
            pass
        assert found() == []
        monkeypatch.setattr(stage, "_PATIENCE", 0.0)
        with pytest.raises(ScopeProxyError, match="still believes it down"):
            async with ready.cut_off("Corte"):
                pass
    assert len(said) == 2
