"""The table of table.py, row by row, on every path."""

from __future__ import annotations

import pytest

from tests.conformance.backend import Message
from tests.conformance.conftest import Stage
from tests.conformance.table import CASES, EITHER, OPEN, PATHS, PLAIN, Case, Want


def rows() -> list[object]:
    found = []
    for case in CASES:
        for path in PATHS:
            known = case.known and (path != PLAIN)
            marks = [pytest.mark.xfail(reason=case.known, strict=True)] if known else []
            found.append(pytest.param(path, case, id=f"{case.name}-{path}", marks=marks))
    return found


@pytest.mark.parametrize(("stage", "case"), rows(), indirect=["stage"])
def test_messages_pass_as_the_standard_wants(stage: Stage, case: Case) -> None:
    stage.back.begin(case.answer, case.then_closes)
    client = stage.client()
    client.send(stage.scoped(case.sent))
    for want, asked in zip(case.client, case.back, strict=True):
        matches(client.answer(asked.start.split()[0]), want, stage.path)
    assert not stage.back.wrong
    for seen, want in zip(stage.back.requests, case.back, strict=True):
        matches(seen, want, stage.path)
    if case.after != EITHER:
        stage.back.begin()
        assert client.is_open() == (case.after == OPEN)


def matches(seen: Message, want: Want, path: str) -> None:
    trailers = want.trailers if path == PLAIN else ()
    before = seen.before if want.before is None else want.before
    assert (seen.start, seen.body, seen.trailers, seen.before) == (want.start, want.body, trailers, before)
    for name in {name for name, _ in want.lines}:
        assert seen.values(name) == [value for key, value in want.lines if key == name]
    assert not [name for name in want.without if seen.values(name)]
