"""The sums of limits, quotas and usage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.planning.totals import summed


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([{"cores": 20}, {"cores": 10}], {"cores": 30}),
        ([{"cores": -1}, {"cores": 10}], {"cores": -1}),
        ([{"cores": 10}, {"cores": -1}, {"cores": 4}], {"cores": -1}),
        (
            [{"limits": {"absolute": {"a": 1}}}, {"limits": {"absolute": {"a": 2, "b": 3}}}],
            {"limits": {"absolute": {"a": 3, "b": 3}}},
        ),
        ([{"maxServerMeta": 128}, {"maxServerMeta": 64}, {"maxServerMeta": -1}], {"maxServerMeta": 64}),
        ([{"injected_files": -1}, {"injected_files": -1}], {"injected_files": -1}),
        ([{"id": "demo", "on": True}, {"id": "d3", "on": False}], {"id": "demo", "on": True}),
        ([{"rate": [1]}, {"rate": [2]}, {"rate": None}], {"rate": [1, 2]}),
        ([{"hours": 1.5}, {"hours": 2}], {"hours": 3.5}),
        ([{"generation": 4}, {"generation": 7}], {"generation": 4}),
        (
            [{"network": {"limit": 100, "used": 3}}, {"network": {"limit": -1, "used": 4}}],
            {"network": {"limit": -1, "used": 7}},
        ),
        ([{"odd": {"a": 1}}, {"odd": 3}], {"odd": {"a": 1}}),
    ],
)
def test_figures_are_added_and_no_limit_absorbs(documents: list[Any], expected: Any) -> None:
    assert summed(documents) == expected


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 99)), min_size=1, max_size=5))
def test_the_order_of_the_sites_makes_no_difference(documents: list[dict[str, int]]) -> None:
    assert summed(documents) == summed(documents[::-1])
