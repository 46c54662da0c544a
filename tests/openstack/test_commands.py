"""One kind of each service by the released `openstack` command: made, listed, changed, shown and deleted at another
site.  Every kind, at each site from each entry, is used by openstacksdk in test_services.py, in a tenth of the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.cloud import Cloud


@dataclass(frozen=True)
class Row:
    """`kind`: the command's words for it; `values`: what it is made of, beside its name; `change`: what is set, and
    what of it is shown; `where`: the list of them all; `site`: at which all of it happens, with the `services`."""

    kind: str
    values: str
    change: str
    shown: Mapping[str, Any]
    where: str
    site: str
    services: tuple[str, ...]
    user: str = "alice"

    def __str__(self) -> str:
        return self.kind

    @property
    def scope(self) -> str:
        return "{" + ", ".join(f"{service}: {self.site}" for service in self.services) + "}"


# The command has no placement.  `FILE` is one with a few bytes.
_DESCRIBED = ("--description changed", {"description": "changed"})
_SERVER = "--image cirros --flavor m1.tiny --network private"
ROWS = (
    Row("project", "", *_DESCRIBED, "keystone:/v3/projects", "Corte", ("keystone",), "admin"),
    Row("image", "--file FILE", "--min-ram 64", {"min_ram": 64}, "glance:/v2/images", "Marseille", ("glance",)),
    Row(
        "server",
        _SERVER,
        "--property colour=blue",
        {"properties": {"colour": "blue"}},
        "nova:/v2.1/servers",
        "Corte",
        ("nova", "glance", "neutron"),
    ),
    Row("network", "", *_DESCRIBED, "neutron:/v2.0/networks", "Marseille", ("neutron",)),
    Row("volume", "--size 1", *_DESCRIBED, "cinder:/v3/volumes", "Corte", ("cinder",)),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_one_kind_of_each_service_is_used_by_the_command(cloud: Cloud, name: str, tmp_path: Path, row: Row) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"x" * 1024)
    command = partial(cloud.openstack, user=row.user, scope=row.scope)
    values = row.values.replace("FILE", str(file)).split()
    id_ = command(row.kind, "create", name, *values, "-f", "json").json["id"]
    assert [one["ID"] for one in command(row.kind, "list", "-f", "json").json if one["Name"] == name] == [id_]
    done = command(row.kind, "set", name, *row.change.split())
    assert done.code == 0, done.stderr
    shown = command(row.kind, "show", name, "-f", "json").json
    assert {key: shown[key] for key in ("id", *row.shown)} == {"id": id_, **row.shown}
    tokens = {site: cloud.token(site, row.user) for site in cloud.sites}

    def seen() -> dict[str, int]:
        return {
            site: cloud.call("GET", f"{row.where}/{id_}", site, token=token).status for site, token in tokens.items()
        }

    assert seen() == {site: 200 if site == row.site else 404 for site in cloud.sites}
    cloud.wait_for(lambda: finished(cloud, row, id_, tokens[row.site]), f"the {row.kind} can be deleted")
    done = command(row.kind, "delete", name)
    assert done.code == 0, done.stderr
    cloud.wait_for(lambda: seen()[row.site] == 404, f"the {row.kind} is gone")


def finished(cloud: Cloud, row: Row, id_: str, token: str) -> bool:
    """Nothing is being done to it any more."""
    shown = cloud.call("GET", f"{row.where}/{id_}", row.site, token=token).json
    return str(shown.get(row.kind, shown).get("status")).lower() not in ("creating", "build")
