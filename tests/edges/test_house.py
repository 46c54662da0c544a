"""The parts of a proxy are put together before anything is opened."""

from __future__ import annotations

import pytest
import yaml

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.errors import ConfigurationError


async def test_what_was_learned_moves_into_the_next_house(stage):
    back = await stage.back()
    path = stage.sites({"Paris": {"docs": back.address}})
    app = await stage.proxy(path, "Paris")
    before, lasting = app.house, app.lasting
    await app.use(load(path))
    assert app.house is not before
    assert app.lasting is lasting


def test_every_peer_without_a_key_is_told_at_once(tmp_path):
    rows = {
        name: {"services": {"docs": {"front": f"http://{name.lower()}.example", "back": "http://127.0.0.1:1"}}}
        for name in ("Paris", "Corte", "Marseille")
    }
    rows["Paris"]["services"]["docs"]["listen"] = "127.0.0.1:2"
    proxy = {"state": f"sqlite:///{tmp_path}/state.db", "peer_key": "one.key", "peer_keys": {"Corte": "two.key"}}
    path = tmp_path / "sites.yaml"
    path.write_text(yaml.safe_dump({"sites": rows, "services": {"docs": {}}, "proxy": proxy}))
    with pytest.raises(ConfigurationError) as refused:
        App(load(path), "Paris")
    assert [mistake.partition(":")[0] for mistake in refused.value.mistakes] == [
        str(tmp_path / name) for name in ("two.key", "one.key")
    ]


@pytest.mark.parametrize(("several", "shared"), [(False, False), (True, True)])
async def test_signatures_are_remembered_together_where_several_serve(stage, several, shared):
    path = stage.sites({"Paris": {"docs": stage.port()}})
    assert App(load(path), "Paris", several).lasting.several is shared
