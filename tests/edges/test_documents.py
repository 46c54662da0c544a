"""docs/metrics.md is what the table of metrics says."""

from __future__ import annotations

from pathlib import Path

from scopeproxy.edges.documents import page


def test_the_page_of_metrics_is_up_to_date() -> None:
    written = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert written.read_text() == page(), "python -m scopeproxy.edges.documents > docs/metrics.md"
