"""The tables of ids: of services and collections that exist, each row once."""

from __future__ import annotations

from scopeproxy.model.services import SERVICES
from scopeproxy.planning.reference_fields import ANY, BODIES, PATHS, QUERIES, SOURCES


def test_rows_are_of_known_services_and_none_is_twice() -> None:
    for table in (BODIES, QUERIES):
        assert len({row[:3] for row in table}) == len(table)
        assert {row[0] for row in table} <= {*SERVICES, ANY}
        assert {row[3] for row in table} <= {*SERVICES, ""}
    assert len({row[:2] for row in PATHS}) == len(PATHS)
    assert {row[0] for row in PATHS} | {row[2] for row in PATHS} <= set(SERVICES)


def test_what_only_its_source_tells_is_told_for_every_source() -> None:
    assert [row[2] for row in BODIES if not row[3]] == ["server.block_device_mapping_v2[].uuid"]
    assert {service for service, _ in SOURCES.values()} <= set(SERVICES)
