"""The tables of ids in targets: of services and collections that exist, and neutron's attributes as filters."""

from __future__ import annotations

from scopeproxy.model.services import SERVICES
from scopeproxy.planning.reference_fields import BODIES
from scopeproxy.planning.reference_targets import PATHS, QUERIES


def test_rows_of_paths_are_of_known_services_and_none_is_twice() -> None:
    assert len({row[:2] for row in PATHS}) == len(PATHS)
    assert {row[0] for row in PATHS} | {row[2] for row in PATHS} <= set(SERVICES)


def test_every_attribute_of_neutron_that_refers_to_something_is_a_filter_too() -> None:
    filters = {row[2] for row in QUERIES if row[0] == "network"}
    assert {"network_id", "device_id", "security_groups", "subnetpool_id", "qos_policy_id"} <= filters
    attributes = {row[2].removeprefix("*.").removesuffix("[]") for row in BODIES if row[0] == "network"}
    assert filters - {"fixed_ips=subnet_id"} <= attributes
