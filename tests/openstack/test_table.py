"""What cases declare is what there is to declare."""

from __future__ import annotations

from scopeproxy.edges.settings import STRATEGIES
from tests.openstack.table import marked, strategies_rows


def test_every_row_is_of_a_case_and_names_strategies() -> None:
    assert strategies_rows()
    for name, mark in marked("row"):
        assert set(mark.kwargs) <= set(STRATEGIES), name
        assert all(told for told in mark.kwargs.values()), name


def test_rows_have_titles_of_their_own() -> None:
    titles = [row[0] for row in strategies_rows()]
    assert len(titles) == len(set(titles))
