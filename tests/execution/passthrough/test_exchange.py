"""One call and its answer: what is repeated, what comes early, what is counted and told."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.passthrough import exchange
from scopeproxy.model.messages import Reply, Unreached

GET = b"GET /x HTTP/1.1\r\nHost: h\r\nX-OpenStack-Request-ID: req-1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LABELS = {"service": "docs", "intent": "list"}


def call(method):
    return method + b" /x HTTP/1.1\r\nHost: h\r\n\r\n"


async def used(road):
    """A connection that has had an answer, and is given another call."""
    road.asks(call(b"GET"))
    await road.answers(OK)
    return road.pool.made[0]


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
async def test_a_read_is_repeated_once_when_a_kept_connection_proves_closed(road, method):
    first = await used(road)
    first.taken()
    road.asks(call(method))
    sent = first.taken()
    first.protocol.eof_received()
    second = await road.service()
    assert second is not first
    assert second.taken() == sent
    assert (await road.answers(OK)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH"])
async def test_a_write_is_never_repeated(road, method):
    first = await used(road)
    road.asks(call(method))
    first.lose()
    await road.settle()
    assert road.client.taken().startswith(b"HTTP/1.1 504 ")
    assert len(road.pool.made) == 1


async def test_nothing_is_repeated_after_a_byte_of_an_answer_or_on_a_new_connection(road):
    first = await used(road)
    road.asks(call(b"GET"))
    assert await road.answers(b"HTTP/1.1 103 x\r\n\r\n")
    first.lose()
    assert road.client.taken().startswith(b"HTTP/1.1 504 ")
    road.asks(call(b"GET"))
    (await road.service()).lose()
    await road.settle()
    assert road.client.taken().startswith(b"HTTP/1.1 504 ")
    assert len(road.pool.made) == 2


async def test_a_service_that_cannot_be_reached_is_told_and_counted(road):
    road.pool.refuses = "no connection"
    road.asks(GET)
    await road.settle()
    assert road.client.taken().endswith(b"docs: docs no connection")
    assert road.counted("scopeproxy_calls_total", scoped="no", outcome="5xx", **LABELS) == 1
    assert road.counted("scopeproxy_site_calls_total", site="Paris", outcome="never_sent", **LABELS) == 1
    (told,) = road.told
    assert (told.status, told.outcome) == (502, Unreached("Paris", False, "no connection"))


async def test_while_there_is_no_connection_the_body_waits(road):
    road.pool.slow = asyncio.Event()
    road.asks(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe")
    await road.settle()
    assert road.client.paused
    road.asks(b"l")
    road.passes(11)
    road.pool.slow.set()
    assert (await road.service()).taken().endswith(b"\r\n\r\nhel")
    assert not road.client.paused
    road.asks(b"lo")
    assert (await road.answers(OK)).endswith(b"hi")


async def test_who_leaves_while_there_is_no_connection_is_not_sent(road):
    road.pool.slow = asyncio.Event()
    road.asks(GET)
    await road.settle()
    road.client.lose()
    road.pool.slow.set()
    service = await road.service()
    assert service.out == b""
    assert road.pool.counts() == {"in_use": 0, "idle": 1, "waiting": 0}


async def test_an_answer_before_the_end_of_its_request_ends_the_connection(road):
    road.asks(b"POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    answer = await road.answers(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
    assert b"\r\nConnection: close\r\n" in answer
    assert road.client.ended
    assert road.pool.made[0].aborted


async def test_a_body_goes_on_while_its_answer_comes(road):
    road.asks(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe")
    assert (await road.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nec")).endswith(b"ec")
    road.pool.made[0].taken()
    road.asks(b"llo")
    assert road.pool.made[0].taken() == b"llo"
    assert await road.answers(b"ho") == b"ho"
    # It was told at the head that no further request would be read.
    assert road.client.closed


async def test_a_client_is_asked_for_its_body_by_the_service_itself(road):
    road.asks(b"POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert b"Expect: 100-continue" in (await road.service()).taken()
    assert await road.answers(b"HTTP/1.1 100 Continue\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    road.asks(b"hello")
    assert (await road.answers(OK)).endswith(b"\r\n\r\nhi")
    assert not road.client.closed


async def test_what_is_answered_is_counted_timed_and_told(road):
    road.asks(GET)
    assert road.counted("scopeproxy_calls_in_flight") == 1
    road.time += 0.02
    await road.answers(OK)
    assert road.counted("scopeproxy_calls_in_flight") == 0
    assert road.counted("scopeproxy_calls_total", scoped="no", outcome="2xx", **LABELS) == 1
    assert road.counted("scopeproxy_call_seconds_bucket", scoped="no", le="0.025", **LABELS) == 1
    assert road.counted("scopeproxy_call_seconds_bucket", scoped="no", le="0.01", **LABELS) == 0
    (told,) = road.told
    assert (told.method, told.status, told.client_id, told.way.path) == ("GET", 200, "req-1", "/x")
    assert told.outcome == Reply("Paris", 200)


async def test_what_comes_of_a_connection_for_which_nobody_waits_is_told_to_nobody(road):
    road.pool.slow = asyncio.Event()
    road.asks(GET)
    await road.settle()
    road.client.lose()
    road.pool.refuses = "no connection"
    road.pool.slow.set()
    await road.settle()
    assert road.told == []
    assert road.counted("scopeproxy_calls_in_flight") == 0
    assert road.counted("scopeproxy_site_calls_total", site="Paris", outcome="never_sent", **LABELS) is None


async def test_a_service_that_closes_at_once_is_told(road):
    made = road.pool.connect

    async def connect(root):
        back = await made(root)
        back.eof_received()
        return back

    road.pool.connect = connect
    road.asks(GET)
    await road.settle()
    assert road.client.taken().endswith(b"docs: docs it closed the connection at once")


async def test_a_kept_connection_that_closes_while_it_is_handed_over_is_replaced(road):
    made, first = road.pool.connect, await used(road)

    async def connect(root):
        road.pool.connect = made
        first.protocol.eof_received()
        return first.protocol

    road.pool.connect, road.pool.take = connect, lambda _: None
    road.asks(call(b"POST"))
    assert (await road.answers(OK)).startswith(b"HTTP/1.1 200 ")
    assert len(road.pool.made) == 2


async def test_while_many_calls_are_under_way_small_messages_wait_for_the_end_of_the_turn(road, monkeypatch):
    service = await used(road)
    service.taken()
    monkeypatch.setattr(exchange, "_FEW", 0)
    road.lane.ways.tally.in_flight = 5
    for _ in range(2):
        road.asks(GET)
        assert service.taken() == b""
        await road.settle()
        assert service.taken().startswith(b"GET /base/x HTTP/1.1\r\n")
        service.protocol.data_received(OK)
        assert road.client.taken() == b""
        await road.settle()
        assert road.client.taken().endswith(b"\r\n\r\nhi")
    road.asks(GET)
    large = b"x" * 100_000
    service.protocol.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + large)
    assert road.client.taken().endswith(large)


async def test_an_answer_that_waits_reaches_a_client_that_ends_meanwhile(road, monkeypatch):
    service = await used(road)
    monkeypatch.setattr(exchange, "_FEW", 0)
    road.lane.ways.tally.in_flight = 5
    road.asks(GET)
    await road.settle()
    service.protocol.data_received(OK)
    assert not road.front.eof_received()
    # The loop closes the connection for that.
    road.client.close()
    await road.settle()
    assert road.client.taken().endswith(b"\r\n\r\nhi")
