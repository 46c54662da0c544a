"""What was counted in plain numbers is told when somebody asks, once."""

from __future__ import annotations

from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.model.messages import Unreached


def test_figures_are_those_that_the_other_path_would_give():
    metrics = Metrics("Paris")
    tally = Tally(metrics, "Paris")
    row = tally.row("docs", "list")
    assert tally.row("docs", "list") is row
    for _ in range(2):
        row.answered(200, 0.25)
        row.answered(404, 3)
        row.failed(Unreached("Paris", False, "down"), 502, 1)
        row.refused(0.5)
        row.abandoned(2)
        tally.in_flight += 2
        tally.in_flight -= 1
        metrics.registry.get_sample_value("any")
    told = metrics.registry.get_sample_value
    calls = {"service": "docs", "intent": "list", "scoped": "no"}
    for outcome, count in (("2xx", 2), ("4xx", 2), ("5xx", 2), ("refused", 2), ("3xx", None)):
        assert told("scopeproxy_calls_total", {**calls, "outcome": outcome}) == count
    sites = {"site": "Paris", "service": "docs", "intent": "list"}
    for outcome, count in (("2xx", 2), ("4xx", 2), ("never_sent", 2), ("abandoned", 4)):
        assert told("scopeproxy_site_calls_total", {**sites, "outcome": outcome}) == count
    assert told("scopeproxy_call_seconds_count", calls) == 8
    assert told("scopeproxy_call_seconds_sum", calls) == 9.5
    assert told("scopeproxy_call_seconds_bucket", {**calls, "le": "0.25"}) == 2
    assert told("scopeproxy_call_seconds_bucket", {**calls, "le": "0.1"}) == 0
    assert told("scopeproxy_site_call_seconds_count", {"site": "Paris", "service": "docs"}) == 10
    assert told("scopeproxy_calls_in_flight") == told("scopeproxy_site_calls_in_flight", {"site": "Paris"}) == 2
