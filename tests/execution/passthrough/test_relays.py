"""Decisions for reads that come again: made at the second one, kept for seconds, made anew in time, and bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.passthrough import relays as module
from scopeproxy.execution.passthrough.relay import Read
from scopeproxy.execution.passthrough.relays import KEPT, RENEWED, Relays
from tests.execution.passthrough.conftest import relay_of

SECRET = b"gAAAAAsecret"
ASKED = Read("192.0.2.1", b"GET", b"/x", b"\r\nHost: h\r\nX-Auth-Token: %b\r\n\r\n" % SECRET)


class Made:
    """`decides`: what is decided, or raised."""

    def __init__(self, road):
        self.time, self.count = 100.0, 0
        self.decides = relay_of(road)
        self.relays = Relays(self.decide, lambda: self.time)

    async def decide(self, asked):
        self.count += 1
        await asyncio.sleep(0)
        if isinstance(self.decides, Exception):
            raise self.decides
        return self.decides

    async def find(self, asked=ASKED):
        found = self.relays.find(asked)
        for _ in range(5):
            await asyncio.sleep(0)
        return found


@pytest.fixture
async def made(road):
    return Made(road)


async def test_a_read_that_comes_for_the_third_time_is_relayed(made):
    assert [await made.find() for _ in range(4)] == [None, None, made.decides, made.decides]
    assert made.count == 1


async def test_a_read_that_does_not_come_again_in_time_costs_no_decision(made):
    for _ in range(3):
        await made.find()
        made.time += KEPT
    assert made.count == 0


@pytest.mark.parametrize("part", range(4))
async def test_a_decision_is_for_the_same_client_and_the_same_bytes_alone(made, part):
    for _ in range(3):
        await made.find()
    other = [*ASKED]
    other[part] = other[part] * 2
    assert await made.find(Read(*other)) is None


async def test_a_decision_is_made_anew_while_the_old_one_is_gone_by(made):
    for _ in range(2):
        await made.find()
    made.time += KEPT - RENEWED
    old, made.decides = made.decides, replace(made.decides, patience=9.0)
    assert await made.find() is old
    assert (await made.find(), made.count) == (made.decides, 2)
    made.time += KEPT - RENEWED - 0.1
    assert (await made.find(), made.count) == (made.decides, 2)
    made.time += RENEWED + 0.1
    assert await made.find() is None


async def test_a_token_that_is_good_no_more_ends_it_at_once(made):
    for _ in range(2):
        await made.find()
    good = True
    made.decides = replace(made.decides, holds=lambda: good)
    made.time += KEPT - RENEWED
    await made.find()
    assert await made.find() is made.decides
    good = False
    assert await made.find() is None
    good = True
    assert await made.find() is None


@pytest.mark.parametrize("decides", [None, Unauthorized("no"), ValueError(SECRET.decode())])
async def test_what_is_not_to_be_relayed_is_not_asked_about_again_and_again(made, decides, caplog):
    made.decides = decides
    assert [await made.find() for _ in range(5)] == [None] * 5
    assert made.count == 1
    made.time += KEPT
    assert [await made.find() for _ in range(3)] == [None] * 3
    assert made.count == 2
    told = ["a decision failed with ValueError, which is a bug of ours"] * 2
    assert caplog.messages == (told if isinstance(decides, ValueError) else [])


async def test_after_an_answer_that_was_not_plain_the_journey_has_the_read_for_a_while(made):
    for _ in range(3):
        await made.find()
    made.relays.forget(ASKED)
    made.time += KEPT - 0.1
    assert await made.find() is None
    made.time += 0.1
    assert [await made.find() for _ in range(3)] == [None, None, made.decides]


async def test_what_is_remembered_and_decided_at_a_time_is_bounded(made, monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    many = [ASKED._replace(target=b"/%d" % number) for number in range(20)]
    for asked in many:
        made.relays.find(asked)
    assert len(made.relays._known) == 10
    for asked in many[10:]:
        assert made.relays.find(asked) is None
    assert len(made.relays._deciding) == 2
    await made.find(many[-1])
    assert made.count >= 2
    assert not made.relays._deciding


async def test_what_is_decided_is_as_old_as_its_beginning(made):
    """A decision that takes long goes by what was so when it was begun."""
    await made.find()
    made.relays.find(ASKED)
    await asyncio.sleep(0)
    made.time += KEPT - 0.1
    assert (await made.find(), made.count) == (None, 1)
    assert made.relays.find(ASKED) is made.decides
    made.time += 0.1
    assert made.relays.find(ASKED) is None


async def test_an_answer_that_was_not_plain_outweighs_a_decision_under_way(made):
    for _ in range(3):
        await made.find()
    made.time += KEPT - RENEWED
    assert made.relays.find(ASKED) is made.decides
    made.relays.forget(ASKED)
    assert [await made.find() for _ in range(3)] == [None] * 3


async def test_a_head_is_remembered_only_up_to_a_size(made):
    long = ASKED._replace(fields=b"\r\nX: %b\r\n\r\n" % (b"x" * 8192))
    assert [await made.find(long) for _ in range(5)] == [None] * 5
    assert not made.relays._known


async def test_what_is_over_is_not_remembered_until_there_are_too_many(made):
    many = [ASKED._replace(target=b"/%d" % number) for number in range(20)]
    for asked in many:
        made.relays.find(asked)
    made.time += KEPT
    made.relays.find(ASKED)
    assert list(made.relays._known) == [ASKED]


async def test_what_goes_on_is_not_the_first_to_be_forgotten(made, monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    for _ in range(3):
        await made.find()
    for number in range(10):
        if number == 5:
            made.time += KEPT - RENEWED
            await made.find()
        made.relays.find(ASKED._replace(target=b"/%d" % number))
    assert await made.find() is made.decides
