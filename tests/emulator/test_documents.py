"""The files for proxies and clients."""

from __future__ import annotations

import yaml

from scopeproxy.emulator.documents import as_yaml, clouds, constraint
from scopeproxy.model.topology import LinkConstraint


def test_yaml_keeps_order_and_accents():
    value = {"sites": {"Saint-Étienne": {"on": True}, "Corte": {}}}
    text = as_yaml(value)
    assert "Saint-Étienne" in text
    assert yaml.safe_load(text) == value


def test_clouds():
    rows = clouds({"Paris": "http://127.0.1.1:5000"})["clouds"]
    assert list(rows) == ["Paris", "Paris-alice", "Paris-bob"]
    alice = rows["Paris-alice"]["auth"]
    assert (alice["auth_url"], alice["username"], alice["project_name"]) == (
        "http://127.0.1.1:5000/v3",
        "alice",
        "demo",
    )


def test_constraints():
    rule = LinkConstraint("Paris", "Corte", delay=0.0155, rate=125_000, loss=0.001, symmetric=False)
    assert constraint(rule) == {
        "src": "Paris",
        "dst": "Corte",
        "delay": "15.5ms",
        "rate": "1000kbit",
        "loss": "0.1%",
        "symmetric": False,
    }
    assert "rate" not in constraint(LinkConstraint("Paris", "Corte"))
