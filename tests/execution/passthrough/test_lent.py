"""A connection that is lent looks to its server as its own."""

from __future__ import annotations

import pytest

OTHER = b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"


@pytest.fixture
def lent(road):
    road.asks(OTHER)
    return road.journeys[0].transport


async def test_what_the_server_asks_is_done_to_the_real_one(road, lent):
    assert lent.get_extra_info("peername") == ("192.0.2.1", 5)
    lent.write(b"a")
    lent.writelines([b"b", b"c"])
    assert road.client.out == b"abc"
    lent.pause_reading()
    assert road.client.paused
    lent.resume_reading()
    assert not road.client.paused
    assert not lent.is_closing()
    assert not lent.can_write_eof()


async def test_after_its_end_it_does_nothing_to_the_real_one(road, lent):
    road.asks(b"hello")
    road.journeys[0].answers(b"answer")
    assert lent.is_closing()
    lent.write(b"late")
    lent.pause_reading()
    lent.close()
    lent.abort()
    assert road.client.out == b"answer"
    assert not road.client.paused
    assert not road.client.closed
    await road.settle()
    assert road.journeys[0].lost


async def test_a_server_that_breaks_off_breaks_off_the_real_one(road, lent):
    lent.abort()
    assert road.client.aborted
    await road.settle()
    assert len(road.fronts) == 0


async def test_a_client_that_leaves_is_told_to_the_server_once(road, lent):
    road.client.lose()
    assert road.journeys[0].lost
    assert lent.is_closing()
    lent.close()
    await road.settle()
    assert len(road.fronts) == 0


async def test_a_client_that_reads_slowly_makes_the_server_wait(road):
    road.asks(OTHER)
    journey, asked = road.journeys[0], []
    journey.pause_writing = lambda: asked.append("pause")
    journey.resume_writing = lambda: asked.append("resume")
    road.front.pause_writing()
    road.front.resume_writing()
    assert asked == ["pause", "resume"]
    assert not road.front.eof_received()
