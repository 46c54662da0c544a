"""Those who have yet to agree on TLS are counted for as long as they may."""

from __future__ import annotations

from scopeproxy.execution.passthrough.coming import Coming


class Clock:
    time = 0.0

    def __call__(self):
        return self.time


class Front:
    """What is counted; nothing of it is asked."""


def test_they_are_counted_until_they_agree_or_are_gone():
    coming = Coming(15.0, Clock())
    fronts = [Front() for _ in range(4)]
    for front in fronts:
        coming.add(front)
    assert len(coming) == 4
    coming.discard(fronts[2])
    assert len(coming) == 3
    del fronts[0], front
    assert len(coming) == 2
    # Twice changes nothing.
    coming.discard(fronts[1])
    assert len(coming) == 2


def test_they_are_given_up_in_time():
    clock = Clock()
    coming = Coming(15.0, clock)
    old, young = Front(), Front()
    coming.add(old)
    clock.time = 10.0
    coming.add(young)
    clock.time = 15.0
    assert len(coming) == 1
    clock.time = 25.0
    assert len(coming) == 0


def test_nothing_is_kept_of_those_who_have_agreed():
    coming = Coming(15.0, Clock())
    for _ in range(1000):
        front = Front()
        coming.add(front)
        coming.discard(front)
        assert len(coming) == 0
    assert not coming._until


def test_without_tls_there_are_none():
    coming = Coming(0.0, Clock())
    front = Front()
    coming.add(front)
    assert len(coming) == 0
