"""The column Site of the released `openstack` command, and `site_of` for programs, over all sites."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from scopeproxy.osc import scoped, site_of

from tests.openstack.cloud import SITES, Cloud


@dataclass(frozen=True)
class Row:
    """A list command, by whom, and where the same is asked of one site; `told`: the column by which its rows are known,
    and what it is called in the API."""

    command: str
    where: str
    user: str = "alice"
    told: tuple[str, str] = ("ID", "id")

    def __str__(self) -> str:
        return self.command

    @property
    def scope(self) -> str:
        return f"{{{self.where.partition(':')[0]}: {'&'.join(SITES)}}}"


ROWS = (
    Row("server list", "nova:/v2.1/servers"),
    Row("image list", "glance:/v2/images"),
    Row("network list", "neutron:/v2.0/networks"),
    Row("user list", "keystone:/v3/users", "admin"),
    # No id is shown, or none is in the answer.
    Row("keypair list", "nova:/v2.1/os-keypairs", told=("Name", "name")),
    Row("compute service list", "nova:/v2.1/os-services", "admin", ("Host", "host")),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_row_of_a_merged_list_is_at_the_site_it_tells(cloud: Cloud, name: str, row: Row) -> None:
    with _one_each(cloud, name, row):
        rows = cloud.openstack(*row.command.split(), "-f", "json", user=row.user, scope=row.scope).json
        alone = cloud.openstack(*row.command.split(), "-f", "json", user=row.user, at="Corte").json
        column, key = row.told
        there = {site: _all(cloud, row, site, key) for site in SITES}
    assert {one["Site"] for one in rows} == set(SITES)
    assert [one for one in rows if one[column] not in there[one["Site"]]] == []
    assert alone
    assert not any("Site" in one for one in alone)


@contextmanager
def _one_each(cloud: Cloud, name: str, row: Row) -> Iterator[None]:
    """One of its own for each site meanwhile, where there may be none, or only what is one thing everywhere."""
    with ExitStack() as stack:
        for site in SITES:
            conn = cloud.connect(site)
            if row.command == "server list":
                server = cloud.launch(name, at=site)
                stack.callback(conn.delete_server, server.id, wait=True)
            if row.command == "network list":
                network = conn.network.create_network(name=f"{name}-{site}")
                stack.callback(conn.network.delete_network, network)
            if row.command == "keypair list":
                pair = conn.compute.create_keypair(name=f"{name}-{site}")
                stack.callback(conn.compute.delete_keypair, pair)
        yield


def _all(cloud: Cloud, row: Row, site: str, key: str) -> set[Any]:
    answer = cloud.call("GET", row.where, at=site, token=cloud.token(site, row.user))
    assert answer.status == 200, answer.text
    items = next(value for value in answer.json.values() if isinstance(value, list))
    return {one.get("keypair", one)[key] for one in items}


def test_programs_find_the_site_of_what_they_list(cloud: Cloud) -> None:
    conn = cloud.connect(user="admin")
    with scoped(conn, f"*: {'&'.join(SITES)}"):
        users = {user.id: site_of(user) for user in conn.identity.users()}
        images = {image.id: site_of(image) for image in conn.image.images()}
        subnets = {subnet.id: site_of(subnet) for subnet in conn.network.subnets()}
    for site in SITES:
        # Some of what is there may be a replica of an earlier site's, and count once.
        there = cloud.connect(site, "admin")
        assert set() < _told_at(site, users) <= {one.id for one in there.identity.users()}
        assert set() < _told_at(site, images) <= {one.id for one in there.image.images()}
        assert set() < _told_at(site, subnets) <= {one.id for one in there.network.subnets()}


def _told_at(site: str, told: dict[str, str | None]) -> set[str]:
    return {id_ for id_, at in told.items() if at == site}
