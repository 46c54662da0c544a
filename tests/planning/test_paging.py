"""A list over several sites is told to its end, page by page: nothing is lost, and nothing is told twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.messages import Request
from scopeproxy.planning.paging import (
    Page,
    Paging,
    Part,
    Position,
    ahead,
    at,
    bare_target,
    beyond,
    cursor_key,
    page,
    read_positions,
    told_positions,
    wanted,
)
from scopeproxy.planning.sorting import By, interleaved


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", None),
        ("name=a", None),
        ("limit=", None),
        ("limit=0", None),
        ("limit=-1&marker=x", None),
        ("limit=many", None),
        ("limit=9999999999", None),
        ("limit=²", None),
        ("limit=2", Paging(2, None)),
        ("limit=2&limit=3", Paging(2, None)),
        ("marker=x", Paging(None, "x")),
        ("limit=2&marker=x&page_reverse=True", Paging(2, "x", True)),
        ("limit=2&page_reverse=False", Paging(2, None, False)),
    ],
)
def test_which_page_a_request_asks_for(query: str, expected: Paging | None) -> None:
    assert wanted(Request("network", "GET", f"/v2.0/networks?{query}")) == expected


def test_a_site_is_asked_beyond_its_own_marker_and_all_else_stays_as_written() -> None:
    request = Request("compute", "GET", "/v2.1/servers?name=%41+b&limit=2&marker=x&m%61rker=y&all_tenants")
    assert bare_target(request.target) == "/v2.1/servers?name=%41+b&all_tenants"
    there = at(request, Position("Corte", "a/b"), Paging(2, "x"))
    assert there.target == "/v2.1/servers?name=%41+b&all_tenants&limit=2&marker=a%2Fb"
    assert at(request, Position("Corte"), Paging(2, "x", True)).target.endswith("&limit=2&page_reverse=True")
    whole = Request("compute", "GET", "/v2.1/servers")
    assert at(whole, Position("Corte"), Paging(None, "x")) == whole
    assert at(whole, Position("Corte"), Paging(3, None)).target == "/v2.1/servers?limit=3"
    # `openstack server list --marker x`: Corte, which has not begun, knows nothing of another site's item.
    assert at(replace(whole, target="/v2.1/servers?marker=x"), Position("Corte"), Paging(None, "x")) == whole


# ---- the law: any distribution of items over sites, any page size, any order


@dataclass
class Site:
    """Lists what it has as OpenStack does: in its own order, beyond a marker, at most so many at once."""

    name: str
    items: list[dict[str, Any]]
    most: int
    heeds_markers: bool = True

    def part(self, position: Position, paging: Paging) -> Part:
        backwards, items = paging.backwards, self.items
        if self.heeds_markers:
            rest = beyond(items, position.marker, _id, backwards)
            limit = min(self.most, paging.limit or self.most)
            given = rest[-limit:] if backwards else rest[:limit]
            return Part(self.name, given, len(given) == limit)
        rest = beyond(items, position.marker, _id, backwards)
        return Part(self.name, rest, False)


def _id(item: dict[str, Any]) -> str | None:
    return str(item["id"]) if "id" in item else None


def read(sites: list[Site], limit: int, by: tuple[By, ...], backwards: bool) -> list[Page]:
    """What a client reads that goes on until there is no more."""
    paging, positions = Paging(limit, None, backwards), tuple(Position(site.name) for site in sites)
    pages: list[Page] = []
    while not pages or pages[-1].more:
        parts = [site.part(one, paging) for site, one in zip(sites, positions, strict=True) if not one.done]
        pages.append(page(parts, positions, paging, by, _id))
        positions = pages[-1].positions
        assert len(pages) < 200, "the list does not end"
    return pages


NAMES = st.none() | st.sampled_from("abcD") | st.integers(0, 3)
ORDERS = st.sampled_from([(), (By("name", False),), (By("name", True),), (By("n", True), By("name", False))])


@given(st.lists(st.lists(NAMES, max_size=7), min_size=1, max_size=5), st.data())
def test_nothing_is_lost_or_doubled_whatever_the_page_size(names: list[list[Any]], data: st.DataObject) -> None:
    by, backwards = data.draw(ORDERS), data.draw(st.booleans())
    limit, most = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    sites = [
        Site(f"S{number}", [{"id": f"{number}-{n}", "name": name, "n": n} for n, name in enumerate(given)], most)
        for number, given in enumerate(names)
    ]
    pages = read(sites, limit, by, backwards)
    told = [[item["id"] for _, item in one.items] for one in pages]
    flat = [id_ for one in (told[::-1] if backwards else told) for id_ in one]
    assert sorted(flat) == sorted(item["id"] for site in sites for item in site.items)
    if not by:
        assert flat == [item["id"] for site in sites for item in site.items]
    for site in sites:
        own = [item["id"] for item in site.items]
        assert [id_ for id_ in flat if id_ in own] == own, "a site's own order is never changed"
    assert all(len(one) <= limit for one in told)


def read_with_sets(
    sites: list[Site], limits: Sequence[int], by: tuple[By, ...], set_of: Mapping[str, str], come_past: dict[str, int]
) -> list[Page]:
    """What a client reads where items are replicas; what pages come past is kept from page to page, as by execution.

    `limits`: of the pages, in turn; `set_of`: of an id, its set; `come_past`: of an id, its place in the list of its
    site, as was kept.
    """
    positions, pages = tuple(Position(site.name) for site in sites), []
    while not pages or pages[-1].more:
        paging = Paging(limits[len(pages) % len(limits)], None)
        parts = [site.part(one, paging) for site, one in zip(sites, positions, strict=True) if not one.done]
        passed = {one.site: one.passed for one in positions}
        told = {set_of[id_] for id_, place in come_past.items() if place <= passed[id_.partition("-")[0]]}
        made = page(
            parts, positions, paging, by, _id, lambda item, site: [set_of[i] for i in [item["id"]] if i in set_of], told
        )
        for part in parts:
            now = next(one.passed for one in made.positions if one.site == part.site)
            for place, item in enumerate(part.items[: now - passed[part.site]], passed[part.site] + 1):
                if item["id"] in set_of:
                    assert come_past.setdefault(item["id"], place) == place
        positions = made.positions
        pages.append(made)
        assert len(pages) < 300, "the list does not end"
    return pages


@given(st.lists(st.lists(NAMES, max_size=6), min_size=1, max_size=4), st.data())
def test_each_replica_set_is_told_once_whatever_the_pages(names: list[list[Any]], data: st.DataObject) -> None:
    by, limits = data.draw(ORDERS), st.lists(st.integers(1, 5), min_size=1, max_size=4)
    sites = [
        Site(f"S{number}", [{"id": f"S{number}-{n}", "name": name, "n": n} for n, name in enumerate(given)], 8)
        for number, given in enumerate(names)
    ]
    # At most one member of a set at each site.
    set_of: dict[str, str] = {}
    for site in sites:
        chosen = data.draw(st.permutations([None, None, None, "x", "y", "z", "w"]))
        set_of |= {item["id"]: one for item, one in zip(site.items, chosen, strict=False) if one is not None}
    come_past: dict[str, int] = {}
    # The same list read twice under one name, as where a client goes back and asks for other pages: what the one
    # reading kept hides nothing from the other.
    for _ in range(2):
        pages = read_with_sets(sites, data.draw(limits), by, set_of, come_past)
        flat = [item["id"] for one in pages for _, item in one.items]
        once = [set_of.get(id_, id_) for id_ in flat]
        assert len(once) == len(set(once)), "a set is told once"
        assert set(once) == {set_of.get(item["id"], item["id"]) for site in sites for item in site.items}
        if not by:
            first = list(dict.fromkeys(set_of.get(item["id"], item["id"]) for site in sites for item in site.items))
            assert once == first, "in scope order, as the first site has it"


@given(st.lists(st.lists(st.integers(0, 9), max_size=7), min_size=1, max_size=5), st.integers(1, 8), st.booleans())
def test_pages_put_together_are_the_list_merged_at_once(names: list[list[int]], limit: int, backwards: bool) -> None:
    by = (By("name", False),)
    sites = [
        Site(f"S{number}", [{"id": f"{number}-{n}", "name": name} for n, name in enumerate(sorted(given))], limit)
        for number, given in enumerate(names)
    ]
    pages = read(sites, limit, by, backwards)
    told = [item for one in (pages[::-1] if backwards else pages) for _, item in one.items]
    assert told == interleaved([site.items for site in sites], by)


def test_a_page_is_full_while_the_sites_give_enough() -> None:
    sites = [Site("A", [{"id": "a"}], 9), Site("B", [{"id": "b"}, {"id": "c"}, {"id": "d"}], 9)]
    # As on OpenStack: that a full page was the last one is seen from the empty one after it.
    assert [len(one.items) for one in read(sites, 2, (), False)] == [2, 2, 0]


def test_a_page_ends_where_a_site_has_more_than_it_gave() -> None:
    one = page([Part("A", [{"id": "1"}], True), Part("B", [{"id": "2"}], False)], POSITIONS, Paging(5, None), (), _id)
    assert (one.items, one.more) == ((("A", {"id": "1"}),), True)
    assert one.positions == (Position("A", "1", passed=1), Position("B"))


POSITIONS = (Position("A"), Position("B"))


def test_a_list_that_heeds_no_marker_is_told_once() -> None:
    whole = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    pages = read([Site("A", whole, 0, heeds_markers=False), Site("B", [{"id": "4"}], 5)], 2, (), False)
    assert [[item["id"] for _, item in one.items] for one in pages] == [["1", "2"], ["3", "4"]]
    assert beyond(whole, "2", _id, backwards=True) == whole[:1]
    assert beyond(whole, "of nobody", _id, backwards=False) == whole


def test_what_is_told_at_another_site_is_passed_over_and_does_not_count() -> None:
    parts = [Part("A", [{"id": "1"}], False), Part("B", [{"id": "1b"}, {"id": "2"}], False)]
    one = page(parts, POSITIONS, Paging(2, None), (), _id, lambda item, site: [item["id"][0]])
    assert [item["id"] for _, item in one.items] == ["1", "2"]
    assert not one.more


def test_what_earlier_pages_told_is_passed_over_though_nothing_is_left_of_the_page() -> None:
    parts = [Part("B", [{"id": "1b"}], True)]
    positions = (Position("A", "1", done=True, passed=1), Position("B"))
    one = page(parts, positions, Paging(1, "1"), (), _id, lambda item, site: [item["id"][0]], {"1"})
    assert (one.items, one.more) == ((), True)
    assert one.positions[1] == Position("B", "1b", passed=1)


def test_a_site_that_fails_on_a_page_is_lost_for_the_pages_after_it_and_stays_told() -> None:
    one = page([Part("A", [{"id": "1"}, {"id": "2"}], False)], POSITIONS, Paging(1, None), (), _id)
    assert one.positions == (Position("A", "1", passed=1), Position("B", done=True, lost=True))
    last = page([Part("A", [{"id": "2"}], False)], one.positions, Paging(1, "1"), (), _id)
    assert (last.more, last.positions[1].lost) == (False, True)


# ---- from page to page


def test_a_marker_alone_tells_where_scope_order_goes_on() -> None:
    sites = ["A", "B", "C"]
    forward = (Position("A", done=True), Position("B", "x"), Position("C"))
    assert ahead(sites, "B", Paging(2, "x")) == forward
    backward = (Position("A"), Position("B", "x"), Position("C", done=True))
    assert ahead(sites, "B", Paging(2, "x", True)) == backward


def test_positions_are_kept_for_their_owner_list_and_direction_alone() -> None:
    request = Request("compute", "GET", "/v2.1/servers?a=1&b=2&limit=2&marker=x")
    key = cursor_key("demo", request, "Paris&Corte", Paging(2, "x"))
    turned = Request("compute", "GET", "/v2.1/servers?b=2&a=1&limit=50&marker=x")
    assert cursor_key("demo", turned, "Paris&Corte", Paging(50, "x")) == key
    others = [
        cursor_key("other", request, "Paris&Corte", Paging(2, "x")),
        cursor_key("demo", request, "Corte&Paris", Paging(2, "x")),
        cursor_key("demo", request, "Paris&Corte", Paging(2, "y")),
        cursor_key("demo", request, "Paris&Corte", Paging(2, "x", True)),
        cursor_key("demo", Request("compute", "GET", "/v2.1/flavors?a=1&b=2"), "Paris&Corte", Paging(2, "x")),
    ]
    assert key not in others
    assert len(set(others)) == len(others)
    went = (Position("A", "x", passed=7), Position("B", done=True, lost=True))
    assert read_positions(told_positions("walk", went)) == ("walk", went)
    # As an earlier release has kept them.
    assert read_positions('[["A", "x", false, false], ["B", null, true, true]]') == (
        "",
        (Position("A", "x"), Position("B", done=True, lost=True)),
    )
