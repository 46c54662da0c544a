"""Every collection of neutron answers."""

from __future__ import annotations

import pytest

from scopeproxy.emulator.networkkinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
async def test_collections_are_listed_under_their_names(alice, kind):
    status, body, _ = await alice("GET", "network", f"/v2.0/{kind}")
    assert status == 200
    assert list(body) == [kind.replace("-", "_")]


def test_what_everybody_sees():
    assert KINDS["networks"].shared({"shared": True})
    assert KINDS["networks"].shared({"router:external": True})
    assert not KINDS["ports"].shared({})
