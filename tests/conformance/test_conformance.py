"""The table of table.py, row by row, on every path."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import closing

import pytest

from scopeproxy.execution.telling import Arrival
from scopeproxy.model.messages import Reply
from tests.conformance.backend import Message
from tests.conformance.client import Client
from tests.conformance.conftest import Stage
from tests.conformance.table import CASES, EITHER, OPEN, PATHS, PLAIN, THERE, Case, Want


@pytest.mark.parametrize("stage", PATHS, indirect=True)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_messages_pass_as_the_standard_wants(stage: Stage, case: Case) -> None:
    went_through(stage, case, stage.client(), stage.scoped(case.sent))


def went_through(stage: Stage, case: Case, client: Client, sent: bytes) -> None:
    stage.back.begin(case.answer, case.then_closes)
    client.send(sent)
    for want, asked in zip(case.client, case.back, strict=True):
        matches(client.answer(asked.start.split()[0]), want, stage.path)
    assert not stage.back.wrong
    for seen, want in zip(stage.back.requests, case.back, strict=True):
        matches(seen, want, stage.path)
    if case.after != EITHER:
        stage.back.begin()
        assert client.is_open() == (case.after == OPEN)


# What a relay may answer: all of it is plain, and of reads whose heads are whole.
MORE = (b"HTTP/1.0", b"Content-Length", b"chunked", b"Upgrade", b"If-", b"Range", b": Host,")
RELAYED = [
    case
    for case in CASES
    if all(want.start.split()[0] in (b"GET", b"HEAD") and not want.body for want in case.back)
    and all(want.start in (b"200", b"204", b"206") and want.before == () for want in case.client)
    and b"\r\n\r\n" not in case.sent[:-4]
    and not case.then_closes
    and case.sent.isascii()
    and not any(mark in case.sent for mark in MORE)
]


@pytest.mark.parametrize("case", RELAYED, ids=lambda case: case.name)
def test_reads_that_come_again_pass_as_the_standard_wants(
    sites: Stage, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a scope that names another site, and decided by what came before: without a journey."""
    sites.path, journey, count = THERE, sites.apps[0].house.journey, 0
    answer = journey.answer

    def noted(arrival: Arrival) -> Awaitable[Reply]:
        nonlocal count
        count += 1
        return answer(arrival)

    monkeypatch.setattr(journey, "answer", noted)
    sent = sites.scoped(case.sent).replace(b"\r\n\r\n", b"\r\nX-Again: %b\r\n\r\n" % case.name.encode())
    for _ in range(50):
        before = count
        with closing(sites.client().socket):
            went_through(sites, case, sites.clients[-1], sent)
        if count == before:
            return
    raise AssertionError("it still takes its journey")


def matches(seen: Message, want: Want, path: str) -> None:
    trailers = want.trailers if path == PLAIN else ()
    before = seen.before if want.before is None else want.before
    assert (seen.start, seen.body, seen.trailers, seen.before) == (want.start, want.body, trailers, before)
    for name in {name for name, _ in want.lines}:
        assert seen.values(name) == [value for key, value in want.lines if key == name]
    assert not [name for name in want.without if seen.values(name)]
