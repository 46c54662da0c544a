"""One line for each scoped call, a sample of the others, and nothing secret in either."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scopeproxy.execution.records import Record, Records, Told


def record(number=0, scope="{nova: Paris}", **more):
    values = {"service": "compute", "method": "GET", "path": "/v2.1/servers", "status": 200, "seconds": 0.1}
    return Record(id=f"req-{number}", at=1.0, site="Paris", scope=scope, **{**values, **more})


def lines(heard):
    return [json.loads(line.partition(" INFO ")[2]) for line in heard.lines if line.startswith("scopeproxy.calls")]


def test_every_scoped_call_is_a_line_of_json_without_what_is_empty(heard):
    Records().note(record(sites={"Paris": "200"}))
    (line,) = lines(heard)
    assert line["sites"] == {"Paris": "200"}
    assert "error" not in line
    assert "peer" not in line


@pytest.mark.parametrize(("sample", "logged"), [(1, 10), (5, 2), (100, 1)])
def test_of_the_unscoped_calls_a_sample_is_logged(heard, sample, logged):
    records = Records(sample)
    for number in range(10):
        records.note(record(number, scope=None))
    assert len(lines(heard)) == logged
    assert records.last() == []


def test_a_call_that_came_with_a_carrier_is_kept_and_logged_without_a_scope_too(heard):
    records = Records(100)
    for number in range(3):
        records.note(record(number, scope=None, carriers=("subject tag",)))
    assert len(records.last()) == 3
    assert [line["carriers"] for line in lines(heard)] == [["subject tag"]] * 3


def test_the_last_scoped_calls_are_remembered_newest_first():
    records = Records(remembered=3)
    for number in range(5):
        records.note(record(number))
    assert [one.id for one in records.last()] == ["req-4", "req-3", "req-2"]
    assert records.get("req-0") is None
    assert records.get("req-3") is not None


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v2.0/tokens/gAAAAsecret/endpoints", "/v2.0/tokens/…/endpoints"),
        ("/v2.1/os-console-auth-tokens/secret", "/v2.1/os-console-auth-tokens/…"),
        ("/v3/auth/tokens", "/v3/auth/tokens"),
        ("/v2/gAAAAAB" + "x" * 150, "/v2/…"),
        ("/v3/auth/tokens/OS-PKI/revoked", "/v3/auth/tokens/…/revoked"),
        ("/v2/images/" + "x" * 5000, "/v2/images/" + "x" * 489 + "…"),
    ],
)
def test_a_token_in_a_path_is_not_told_and_a_path_is_not_told_for_ever(heard, path, shown):
    records = Records()
    records.note(record(path=path))
    assert lines(heard)[0]["path"] == records.last()[0].path == shown


def test_a_call_like_one_before_it_is_told_as_its_own():
    first = Told(Record("req-1", 1.5, "Paris", "image", "GET", "/v2/images", 200, 0.25, sites={"Corte": "200"}))
    again = first.again("req-2", 2.5, 0.125)
    assert json.loads(first.line()) == {
        "id": "req-1", "at": 1.5, "seconds": 0.25, "site": "Paris", "service": "image", "method": "GET",
        "path": "/v2/images", "status": 200, "sites": {"Corte": "200"},
    }  # fmt: skip
    assert json.loads(again.line()) == json.loads(first.line()) | {"id": "req-2", "at": 2.5, "seconds": 0.125}
    assert again.record == replace(first.record, id="req-2", at=2.5, seconds=0.125)
