"""What may differ between replicas, as the table tells it."""

from __future__ import annotations

import pytest

from scopeproxy.model.messages import Request
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.intent import classify
from scopeproxy.planning.volatile import ANY, MADE_BY, OPEN, ROWS, is_of_users, is_volatile


@pytest.mark.parametrize(
    ("service", "collection", "field", "volatile"),
    [
        ("image", "images", "updated_at", True),
        ("image", "images", "owner", True),
        ("image", "images", "checksum", False),
        ("image", "images", "min_ram", False),
        ("image", "images", "mtu", False),
        ("network", "networks", "mtu", True),
        ("network", "networks", "provider:segmentation_id", True),
        ("network", "networks", "availability_zone_hints", True),
        ("network", "networks", "admin_state_up", False),
        ("network", "subnets", "gateway_ip", False),
        ("compute", "servers", "OS-EXT-STS:power_state", True),
        ("compute", "servers", "name", False),
        ("compute", "flavors", "OS-FLV-EXT-DATA:ephemeral", False),
        ("block-storage", "volumes", "os-vol-tenant-attr:tenant_id", True),
        ("load-balancer", "listeners", "operating_status", True),
        ("docs", "pages", "created_at", True),
        ("docs", "pages", "title", False),
    ],
)
def test_what_a_site_makes_for_itself_is_volatile(service: str, collection: str, field: str, volatile: bool) -> None:
    assert is_volatile(service, collection, field) is volatile


def test_every_row_is_of_a_service_and_a_collection_that_calls_name() -> None:
    for service, collection, names in ROWS:
        assert service == ANY or service in SERVICES
        assert names
        if ANY not in (service, collection):
            assert classify(Request(service, "GET", f"/v2/{collection}")).collection == collection
    assert all(service in SERVICES for service, _ in OPEN)
    assert all((service, collection) in OPEN for service, collection, _ in MADE_BY)


def test_what_users_name_themselves_is_known() -> None:
    assert is_of_users("metadata")
    assert not is_of_users("flavor")
