"""Volume types: the default one."""

from __future__ import annotations

import pytest


@pytest.fixture
def root(site):
    return f"/v3/{site.project('demo')}/types"


async def test_the_default_type_by_its_id_and_as_default(alice, root):
    _, body, _ = await alice("GET", "block-storage", root)
    (row,) = body["volume_types"]
    assert (row["name"], row["os-volume-type-access:is_public"]) == ("__DEFAULT__", True)
    for id_ in (row["id"], "default"):
        assert (await alice("GET", "block-storage", f"{root}/{id_}"))[1]["volume_type"]["id"] == row["id"]
    assert (await alice("GET", "block-storage", f"{root}/none"))[0] == 404


async def test_only_an_admin_sees_its_qos(alice, admin, root, site):
    _, body, _ = await alice("GET", "block-storage", root)
    assert "qos_specs_id" not in body["volume_types"][0]
    _, body, _ = await admin("GET", "block-storage", "/v3/types")
    assert body["volume_types"][0]["qos_specs_id"] is None
