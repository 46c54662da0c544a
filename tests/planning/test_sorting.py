"""A merged list is in the order that the request asked for, and no site's own order is changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.messages import Request
from scopeproxy.planning.sorting import By, interleaved, order


@pytest.mark.parametrize(
    ("service", "query", "expected"),
    [
        ("compute", "", ()),
        ("compute", "sort_key=name", (By("name", True),)),
        ("compute", "sort_key=name&sort_dir=asc&sort_key=id", (By("name", False), By("id", True))),
        ("network", "sort_key=name", (By("name", False),)),
        ("image", "sort=name:asc,size", (By("name", False), By("size", True))),
        ("network", "sort_key=&sort_dir=desc&sort_dir=asc&sort=", ()),
    ],
)
def test_what_requests_sort_by(service: str, query: str, expected: tuple[By, ...]) -> None:
    assert order(Request(service, "GET", f"/v2/x?{query}")) == expected


def test_items_of_several_sites_are_interleaved() -> None:
    paris, corte = [{"name": "a", "n": 1}, {"name": "c", "n": 3}], [{"name": "b", "n": 2}, {"name": "c", "n": 4}]
    assert [item["n"] for item in interleaved([paris, corte], (By("name", False),))] == [1, 2, 3, 4]
    assert [item["n"] for item in interleaved([paris[::-1], corte[::-1]], (By("n", True),))] == [4, 3, 2, 1]
    assert [item["n"] for item in interleaved([paris, corte], ())] == [1, 3, 2, 4]


def test_a_column_may_be_called_otherwise_in_the_answer() -> None:
    assert interleaved([[{"created": "2"}], [{"created": "1"}]], (By("created_at", False),))[0] == {"created": "1"}


ITEMS = st.one_of(
    st.text(max_size=2), st.fixed_dictionaries({}, optional={"name": st.none() | st.integers() | st.text(max_size=2)})
)


@given(st.lists(st.lists(ITEMS, max_size=4), max_size=4), st.booleans())
def test_no_item_is_lost_and_each_sites_order_stays(sites: list[list[object]], descending: bool) -> None:
    numbered = [[(number, item) for item in items] for number, items in enumerate(sites)]
    wrapped = [[{"name": item, "site": site} for site, item in items] for items in numbered]
    merged = interleaved(wrapped, (By("name", descending),))
    for number, items in enumerate(wrapped):
        assert [item for item in merged if item["site"] == number] == items
    assert len(merged) == sum(map(len, sites))
