"""What an item is called, how its site is told, and when a list is asked for as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.messages import Request
from scopeproxy.planning.intent import classify
from scopeproxy.planning.items import are_distinct, is_whole, item_id, same, site_teller


@pytest.mark.parametrize(
    ("service", "path", "item", "expected"),
    [
        ("docs", "/pages", {"id": "1"}, {"id": "1", "scope_site": "Paris"}),
        ("docs", "/pages", {"labels": {"a": 1}}, {"labels": {"a": 1}, "scope_site": "Paris"}),
        ("compute", "/os-keypairs", {"keypair": {"name": "k"}}, {"keypair": {"name": "k", "scope_site": "Paris"}}),
        ("compute", "/os-keypairs", {"keypair": "odd"}, {"keypair": "odd", "scope_site": "Paris"}),
        ("docs", "/tags", "red", "red"),
    ],
)
def test_marks_stand_in_the_item_itself(service: str, path: str, item: Any, expected: Any) -> None:
    request = Request(service, "GET", path)
    assert site_teller(request, classify(request))([item], "Paris") == [expected]


@pytest.mark.parametrize(
    ("service", "path", "item", "expected"),
    [
        ("compute", "/v2.1/servers", {"id": "1", "name": "a"}, "1"),
        ("placement", "/resource_providers", {"uuid": "u", "name": "a"}, "u"),
        ("compute", "/v2.1/os-keypairs", {"keypair": {"name": "k"}}, "k"),
        ("compute", "/v2.1/servers/s/os-instance-actions", {"request_id": "req-1", "action": "boot"}, "req-1"),
        ("compute", "/v2.1/os-migrations", {"id": 7, "uuid": "u"}, "u"),
        ("image", "/v2/metadefs/namespaces", {"namespace": "OS::Compute"}, "OS::Compute"),
        ("docs", "/pages", {"title": "a"}, None),
        ("docs", "/tags", "red", None),
        ("docs", "/pages", {"id": 7}, "7"),
    ],
)
def test_what_a_client_sends_as_a_marker(service: str, path: str, item: Any, expected: str | None) -> None:
    request = Request(service, "GET", path)
    assert item_id(item, request, classify(request)) == expected


UUIDS = [f"{number:032x}" for number in range(4)]
ITEMS = st.lists(
    st.one_of(
        st.fixed_dictionaries({}, optional={key: st.sampled_from([*UUIDS, "1", 1, None]) for key in ("id", "uuid")}),
        st.fixed_dictionaries({"name": st.sampled_from("ab")}),
        st.sampled_from(["red", 1, None]),
    ),
    max_size=3,
)


@given(
    st.sampled_from([("image", "/v2/images"), ("identity", "/v3/users"), ("compute", "/v2.1/flavors"), ("docs", "/p")]),
    st.lists(ITEMS, min_size=2, max_size=3),
    st.booleans(),
)
def test_what_is_distinct_at_a_glance_has_no_key_in_common(
    what: tuple[str, str], lists: list[list[Any]], replicas: bool
) -> None:
    service, path = what
    request = Request(service, "GET", path)
    sets = {id_: {"0": UUIDS[0], "1": UUIDS[1]} for id_ in UUIDS[:2]} if replicas else {}
    keys = same(request, classify(request), sets)
    found = [{key for item in items for key in keys(item, str(site))} for site, items in enumerate(lists)]
    if are_distinct(lists, request, classify(request), sets):
        assert sum(map(len, found)) == len(set().union(*found))


def test_what_usual_lists_hold_is_distinct_at_a_glance() -> None:
    request = Request("compute", "GET", "/v2.1/servers/detail")
    lists = [[{"id": UUIDS[0]}, {"id": UUIDS[1]}], [{"id": UUIDS[2]}]]
    assert are_distinct(lists, request, classify(request))
    assert not are_distinct([*lists, [{"id": UUIDS[0]}]], request, classify(request))
    assert not are_distinct(lists, request, classify(request), {UUIDS[0]: {"0": UUIDS[0], "1": UUIDS[2]}})


@pytest.mark.parametrize(
    ("service", "target", "whole"),
    [
        ("compute", "/v2.1/servers/detail", False),
        ("compute", "/v2.1/servers?name=a", True),
        ("compute", "/v2.1/flavors", True),
        ("network", "/v2.0/ports", False),
        ("network", "/v2.0/networks", True),
        ("identity", "/v3/users", True),
        ("placement", "/resource_providers", True),
        ("docs", "/pages", True),
        # By `offset`, which says nothing of several sites; markers are not heeded.
        ("compute", "/v2.1/os-server-groups", True),
        ("key-manager", "/v1/secrets", True),
    ],
)
def test_which_lists_are_asked_for_as_a_whole(service: str, target: str, whole: bool) -> None:
    request = Request(service, "GET", target)
    assert is_whole(request, classify(request)) is whole


def test_what_has_one_name_everywhere_is_one_thing() -> None:
    flavors = Request("compute", "GET", "/v2.1/flavors")
    keys = same(flavors, classify(flavors))
    assert set(keys({"id": "1", "name": "m1.tiny"}, "Paris")) & set(keys({"id": "9", "name": "m1.tiny"}, "Paris"))
    servers = Request("compute", "GET", "/v2.1/servers")
    keys = same(servers, classify(servers))
    assert not set(keys({"id": "1", "name": "vm"}, "Paris")) & set(keys({"id": "9", "name": "vm"}, "Paris"))


@pytest.mark.parametrize(
    ("service", "path", "id_", "is_one"),
    [
        ("compute", "/v2.1/os-aggregates", 1, False),
        ("compute", "/v2.1/os-services", "1", False),
        ("compute", "/v2.1/os-services", "5a1c35c1-6e3a-4b0b-9a8f-9c3f5a1c35c1", True),
        ("block-storage", "/v3/p/volumes", "1", False),
        ("identity", "/v3/regions", "RegionOne", True),
        ("identity", "/v3/users", "9f" * 32, True),
    ],
)
def test_what_a_service_counts_for_itself_is_not_the_same_elsewhere(
    service: str, path: str, id_: object, is_one: bool
) -> None:
    """`aggregate list` showed the first site's alone: the first aggregate of every nova has the id 1."""
    request = Request(service, "GET", path)
    keys = same(request, classify(request))
    assert bool(set(keys({"id": id_}, "Paris")) & set(keys({"id": id_}, "Corte"))) is is_one


@pytest.mark.parametrize(("query", "expected"), [("", 2), ("?type=image", 1), ("?name=glance", 1), ("?enabled=1", 2)])
def test_services_are_each_sites_own_but_for_those_that_are_looked_up(query: str, expected: int) -> None:
    """Clients find the service of each endpoint of a list in the list of services."""
    listed = Request("identity", "GET", f"/v3/services{query}")
    keys = same(listed, classify(listed))
    glance = [{"id": f"{number}" * 32, "name": "glance", "type": "image"} for number in (1, 2)]
    shared = set(keys(glance[0], "Paris")) & set(keys(glance[1], "Corte"))
    assert 2 - len(shared) == expected
