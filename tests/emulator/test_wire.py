"""Delay, rate and loss, by a clock that stands still."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.emulator.wire import SEGMENT, TIMEOUT, Wire


def still():
    return 100.0


def test_delay():
    assert Wire(0.015, clock=still).arrival(1000) == pytest.approx(100.015)


def test_rate_is_shared_by_what_comes_after():
    wire = Wire(0.5, rate=1000, clock=still)
    assert [wire.arrival(500), wire.arrival(500)] == pytest.approx([101.0, 101.5])


def test_a_lost_segment_alone_waits_for_the_timeout():
    wire = Wire(0.01, loss=0.5, clock=still, chance=lambda: 0.0)
    assert wire.arrival(100) == pytest.approx(100.01 + 0.02 + TIMEOUT)


def test_a_lost_segment_among_others_costs_a_round_trip():
    wire = Wire(0.01, loss=0.01, clock=still, chance=lambda: 0.0)
    assert wire.arrival(10 * SEGMENT) == pytest.approx(100.01 + 0.02)


def test_longer_pieces_are_likelier_to_lose_something():
    wire = Wire(loss=0.1, clock=still, chance=lambda: 0.5)
    assert wire.arrival(SEGMENT) == 100
    assert wire.arrival(20 * SEGMENT) == 100  # a fast retransmission on a line without delay
    assert Wire(0.1, loss=0.1, clock=still, chance=lambda: 0.5).arrival(20 * SEGMENT) == pytest.approx(100.3)


async def test_nothing_arrives_while_the_wire_is_cut():
    wire = Wire(clock=still)
    wire.connected.clear()
    arriving = asyncio.ensure_future(wire.until(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not arriving.done()
    wire.connected.set()
    await arriving
