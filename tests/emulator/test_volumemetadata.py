"""A volume's metadata: all of it, or one key."""

from __future__ import annotations

import pytest


@pytest.fixture
async def path(alice, site):
    root = f"/v3/{site.project('demo')}/volumes"
    _, body, _ = await alice("POST", "block-storage", root, {"volume": {"size": 1, "metadata": {"a": "b"}}})
    return f"{root}/{body['volume']['id']}/metadata"


async def test_all_of_it(alice, path):
    assert (await alice("POST", "block-storage", path, {"metadata": {"c": "d"}}))[1] == {
        "metadata": {"a": "b", "c": "d"}
    }
    assert (await alice("PUT", "block-storage", path, {"metadata": {"e": "f"}}))[1] == {"metadata": {"e": "f"}}
    assert (await alice("GET", "block-storage", path))[1] == {"metadata": {"e": "f"}}


async def test_one_key(alice, path):
    assert (await alice("PUT", "block-storage", f"{path}/a", {"meta": {"a": "z"}}))[1] == {"meta": {"a": "z"}}
    assert (await alice("GET", "block-storage", f"{path}/a"))[1] == {"meta": {"a": "z"}}
    assert (await alice("DELETE", "block-storage", f"{path}/a"))[0] == 200
    status, body, _ = await alice("DELETE", "block-storage", f"{path}/a")
    assert (status, body["itemNotFound"]["message"].endswith("has no metadata with key a.")) == (404, True)


async def test_a_body_about_another_key(alice, path):
    assert (await alice("PUT", "block-storage", f"{path}/a", {"meta": {"b": "z"}}))[0] == 400
