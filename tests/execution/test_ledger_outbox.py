"""Letters to other sites: in order, to one worker at a time, and no more than may wait."""

from __future__ import annotations

import pytest

from scopeproxy.execution import ledger_outbox as outbox


@pytest.fixture
def db(tables):
    return tables


def targets(db, now=10.0, sites=("Corte", "Nice")):
    return sorted(letter.target for letter in outbox.due(sites, now, db))


def test_a_site_is_told_one_thing_after_the_other(db):
    for site, target in (("Corte", "1"), ("Nice", "2"), ("Corte", "3")):
        assert outbox.post(site, target, 1.0, db)
    assert targets(db) == ["1", "2"]
    assert targets(db, sites=("Nice",)) == ["2"]
    (first, _) = sorted(outbox.due(("Corte", "Nice"), 10.0, db), key=lambda letter: letter.target)
    outbox.put_off(first, 20.0, 1, db)
    assert targets(db) == ["2"]
    assert targets(db, now=20.0) == ["1", "2"]
    outbox.done(first, db)
    assert targets(db) == ["2", "3"]


def test_one_worker_delivers_it(db):
    outbox.post("Corte", "1", 1.0, db)
    (seen,) = outbox.due(("Corte",), 10.0, db)
    (also_seen,) = outbox.due(("Corte",), 10.0, db)
    assert outbox.take(seen, 70.0, db)
    assert not outbox.take(also_seen, 70.0, db)
    assert targets(db, now=69.0) == []
    assert targets(db, now=70.0) == ["1"]


def test_no_more_waits_for_a_site_than_may(db, monkeypatch):
    monkeypatch.setattr(outbox, "MOST", 2)
    assert [outbox.post("Corte", str(number), 1.0, db) for number in range(3)] == [True, True, False]
    assert outbox.post("Nice", "other", 1.0, db)
