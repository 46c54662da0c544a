"""The tables of ids: of services and collections that exist, each row once; none that a service has is missing."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from scopeproxy.model.services import SERVICES
from scopeproxy.planning.reference_fields import ANY, BODIES, HOLDERS, MAYBE, OR_NAMES
from scopeproxy.planning.reference_targets import OWN_QUERIES, QUERIES

# What tests/openstack/id_fields.py told of the services of 2026.1.
DECLARED = (Path(__file__).parent / "id_fields.txt").read_text().splitlines()

# Declared fields that are no references to things that are called differently at another site.
NONE = {
    "the id that the thing itself gets, or has": (
        "* body *.id",
        "* body id",
        "identity body domain.explicit_domain_id",
        "compute body snapshot.create_info.id",
    ),
    "keystone's regions, providers, protocols and mappings have names for ids, which their makers choose": (
        "identity * *region_id",
        "identity * *idp_id",
        "identity * *protocol_id",
        "identity * *unique_id",
        "identity * *mapping_id",
        "identity body *remote_ids[[]]",
    ),
    "a login, which is no request under a scope": ("identity body identity.token.id", "identity body scope.*"),
    "of answers": ("identity body *.domain.id",),
    "of the storage behind a site, not of a service": (
        "block-storage body backend_id",
        "block-storage body failover_replication.secondary_backend_id",
        "block-storage body snapshot.ref",
        "block-storage body volume.ref",
    ),
    "to clean up after cinder's own processes, which are counted at each site": (
        "block-storage body resource_id",
        "block-storage body service_id",
    ),
    "a yes or no": ("compute body server.return_reservation_id",),
    "of one request at one site": ("compute query reservation_id",),
    "hosts and the segments of networks are numbered or named by who builds them": (
        "network body [*].binding:host_id",
        "network body [*].provider:segmentation_id",
        "network body [*].segmentation_id",
    ),
    "words: who owns a port, the name of a peer, a rank": (
        "network body [*].device_owner",
        "network body [*].peer_id",
        "network body [*].local_id",
        "network body [*].chain_id",
    ),
    "of what no service of 2026.1 has a collection for": (
        "network body [*].service_type_id",
        "network body [*].l7_parameters.*",
    ),
}


def test_rows_are_of_known_services_and_none_is_twice() -> None:
    for table in (BODIES, QUERIES):
        assert len(set(table)) == len(table)
        assert {row[0] for row in table} <= {*SERVICES, ANY}
        assert {row[3] for row in table} <= {*SERVICES, ""}


def test_what_only_what_holds_it_tells_is_told_there() -> None:
    assert {row[2].rpartition(".")[2] for row in BODIES if not row[3]} == {"uuid", "value", "object_id", "resource_id"}
    assert {service for kinds in HOLDERS.values() for service, _ in kinds.values()} <= set(SERVICES)


def test_fields_that_may_hold_something_else_are_fields() -> None:
    last = {row[2].replace("[]", "").replace("[,]", "").rpartition(".")[2] for row in BODIES}
    assert last >= OR_NAMES | MAYBE


def fits(path: str, row: str) -> bool:
    """Whether the path of a declared field is that of a row; `*` is one key."""
    pattern = re.escape(row.replace("[,]", "").replace("[]", "")).replace(r"\*", r"[^.]+")
    return re.fullmatch(pattern, path.replace("[]", "")) is not None


def known(line: str) -> bool:
    """Whether a declared field is in the tables."""
    service, kind, path = line.split(" ")
    if kind == "query":
        return path in OWN_QUERIES or any(row[2] == path for row in QUERIES if row[0] in (service, ANY))
    rows = [row[2] for row in BODIES if row[0] in (service, ANY)]
    # Keystone declares what is inside of an envelope by itself as well.
    return any(fits(path, row) or (service == "identity" and row == f"*.{path}") for row in rows)


def excused(line: str) -> list[str]:
    return [pattern for patterns in NONE.values() for pattern in patterns if fnmatchcase(line, pattern)]


@pytest.mark.parametrize("line", DECLARED)
def test_every_field_for_an_id_is_a_reference_or_known_to_be_none(line: str) -> None:
    assert known(line) or excused(line)


def test_no_excuse_is_left_over() -> None:
    needed = {pattern for line in DECLARED if not known(line) for pattern in excused(line)}
    assert needed == {pattern for patterns in NONE.values() for pattern in patterns}
