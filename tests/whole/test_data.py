"""Data at other sites, with the released client."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest


def test_an_image_is_made_at_another_site_and_comes_back_the_same(lab: Any, tmp_path: Path) -> None:
    data = b"".join(hashlib.sha256(bytes([number % 256])).digest() for number in range(1 << 16))
    (tmp_path / "up.img").write_bytes(data)
    made = lab.openstack(
        *("image", "create", "two-mib", "--file", str(tmp_path / "up.img"), "--disk-format", "raw"),
        *("-f", "json", "--scope", "{glance: Corte}"),
    )
    assert made.code == 0, made.stderr
    assert "glance@Paris" not in made.asked
    there = lab.openstack("image", "show", "two-mib", "-f", "json", cloud="Corte-alice")
    # Asked there, since older clients show the image as it was before its data came.
    assert there.json["status"] == "active"
    assert there.json["checksum"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    saved = lab.openstack("image", "save", "two-mib", "--file", str(tmp_path / "down"), "--scope", "{glance: Corte}")
    assert saved.code == 0, saved.stderr
    assert (tmp_path / "down").read_bytes() == data


def test_a_volume_is_made_in_the_project_of_the_other_site(lab: Any) -> None:
    made = lab.openstack("volume", "create", "--size", "1", "far", "-f", "json", "--scope", "{cinder: Corte}")
    assert made.json["name"] == "far"
    project = lab.cloud.site("Corte").project("demo")
    assert made.calls("cinder@Corte", method="POST") == [f"/v3/{project}/volumes"]
    assert "cinder@Paris" not in made.asked
    both = lab.openstack("volume", "list", "-f", "json", "--scope", "{cinder: Paris&Corte}")
    assert [row["Name"] for row in both.json if row["Name"] == "far"] == ["far"]


@pytest.mark.parametrize("chosen", [True, False])
def test_an_image_is_made_at_two_sites_with_the_same_data(lab: Any, tmp_path: Path, chosen: bool) -> None:
    """Under an id that the client has chosen, or under one of each site's own."""
    data = b"".join(hashlib.sha256(bytes([number % 256])).digest() for number in range(1 << 16))
    (tmp_path / "up.img").write_bytes(data)
    name, scope = f"everywhere-{chosen}", "{glance: Paris&Corte}"
    made = lab.openstack(
        *("image", "create", name, "--file", str(tmp_path / "up.img"), "--disk-format", "raw", "-f", "json"),
        *(("--id", str(uuid.uuid4())) if chosen else ()),
        *("--scope", scope),
    )
    assert made.code == 0, made.stderr
    ids = {}
    for site in ("Paris", "Corte"):
        there = lab.openstack("image", "show", name, "-f", "json", cloud=f"{site}-alice").json
        ids[site] = there["id"]
        assert made.calls(f"glance@{site}", method="PUT") == [f"/v2/images/{ids[site]}/file"]
        assert (there["status"], there["size"]) == ("active", len(data))
        assert there["checksum"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
        saved = lab.openstack("image", "save", name, "--file", str(tmp_path / site), cloud=f"{site}-alice")
        assert saved.code == 0, saved.stderr
        assert (tmp_path / site).read_bytes() == data
    assert (ids["Paris"] == ids["Corte"]) == chosen
    deleted = lab.openstack("image", "delete", made.json["id"], "--scope", scope)
    assert deleted.code == 0, deleted.stderr
    for site in ("Paris", "Corte"):
        assert lab.openstack("image", "show", ids[site], cloud=f"{site}-alice").code != 0
