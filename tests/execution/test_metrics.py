"""Figures with labels from closed sets."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from scopeproxy.edges.settings import STRATEGIES
from scopeproxy.execution.metrics import DOCUMENTED, Metrics, outcome_class
from scopeproxy.model.messages import Reply, Unreached
from scopeproxy.planning.carriers import CARRIERS
from scopeproxy.planning.intent import Kind

SITES = {"Paris", "Corte", "Marseille"}
SERVICES = {"identity", "compute", "image", "network", "placement", "block-storage"}
CLASSES = {f"{n}xx" for n in range(1, 6)} | {
    "refused",
    "never_sent",
    "maybe_sent",
    "abandoned",
    "done",
    "unreached",
    "granted",
}


def test_every_metric_is_documented_with_its_labels():
    families = {family.name: family for family in Metrics("Paris").registry.collect()}
    for metric in DOCUMENTED:
        assert metric.name.removesuffix("_total").removesuffix("_info") in families
        assert metric.meaning
        assert metric.rise


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Reply("Paris", 204), "2xx"), (Reply("Paris", 503), "5xx"), (Unreached("Paris", True, ""), "maybe_sent"),
     (Unreached("Paris", False, ""), "never_sent"), (None, "abandoned")],
)  # fmt: skip
def test_an_outcome_is_one_of_few_words(outcome, word):
    assert outcome_class(outcome) == word


def test_a_call_that_was_cancelled_is_counted_and_no_longer_in_flight():
    metrics = Metrics("Paris")
    with pytest.raises(KeyError), metrics.call_to("Corte", "image", "list"):
        raise KeyError
    text = generate_latest(metrics.registry).decode()
    assert 'scopeproxy_site_calls_total{intent="list",outcome="abandoned",service="image",site="Corte"} 1.0' in text
    assert 'scopeproxy_site_calls_in_flight{site="Corte"} 0.0' in text


async def test_labels_come_from_closed_sets_whatever_clients_send(cloud):
    token = await cloud.token("{glance: Corte&Marseille}")
    for method, path, scope in (
        ("GET", "/v2/images", "{glance: Corte|Marseille}"),
        ("OPTIONS", "/v2/what/ever", None),
        ("PUT", "/x?y", "{glance: Pariss}"),
        ("GET", f"/v2/{token}", "{glance: Corte}"),
    ):
        headers = {"X-OpenStack-Request-ID": "req-5c09e000-what-ever"}
        await cloud.call("Paris", "image", method, path, scope=scope, token=token, headers=headers)
    seen: dict[str, set[str]] = {}
    for family in cloud.apps["Paris"].lasting.metrics.registry.collect():
        for sample in family.samples:
            for label, value in sample.labels.items():
                seen.setdefault(label, set()).add(value)
    assert seen["site"] <= SITES
    assert seen["service"] <= SERVICES
    assert seen["outcome"] <= CLASSES
    assert seen["scoped"] == {"yes", "no"}
    assert seen["carrier"] <= set(CARRIERS)
    assert seen["strategy"] <= {*STRATEGIES, "none"}
    assert seen["intent"] <= {kind.value for kind in Kind}
