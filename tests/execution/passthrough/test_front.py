"""The client's end, as a conversation: what it sends, what the service gets, and what it is told."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from scopeproxy.execution.passthrough.back import LINGER
from scopeproxy.execution.passthrough.front import IDLE, SILENT
from scopeproxy.execution.passthrough.lent import HALF_CLOSED
from scopeproxy.execution.passthrough.states import AtClient
from tests.execution.passthrough.conftest import Never

VIA = b"Via: 1.1 Paris (scopeproxy)\r\n"
FROM = b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n" + VIA
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
PASSED_ON = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + VIA + b"\r\nhi"


async def test_a_call_passes_and_its_answer_and_the_next_one_takes_the_same_connection(road):
    for _ in range(3):
        road.asks(GET)
        service = await road.service()
        assert service.taken() == b"GET /base/x HTTP/1.1\r\nHost: h\r\n" + FROM + b"\r\n"
        assert await road.answers(OK) == PASSED_ON
    assert len(road.pool.made) == 1
    assert road.front.state is AtClient.READY


async def test_a_request_may_be_cut_anywhere(road):
    whole = POST + b"hello"
    for cut in range(1, len(whole)):
        road.asks(whole[:cut])
        await road.settle()
        road.asks(whole[cut:])
        service = await road.service()
        assert service.taken().endswith(FROM + b"\r\nhello")
        assert await road.answers(OK) == PASSED_ON


async def test_a_request_may_come_byte_by_byte(road):
    whole = b"\r\n" + POST + b"hello"
    for at in range(len(whole)):
        road.asks(whole[at : at + 1])
        await road.settle()
    assert (await road.service()).taken().endswith(FROM + b"\r\nhello")
    assert await road.answers(OK) == PASSED_ON


async def test_requests_sent_ahead_are_answered_in_order_and_wait_for_one_another(road):
    road.asks(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(3)))
    for number in range(3):
        service = await road.service()
        assert service.taken().startswith(b"GET /base/%d " % number)
        assert await road.answers(OK) == PASSED_ON


OTHER = b"Host: h\r\nX-A: 1\r\n"


@pytest.mark.parametrize(("next_", "there"), [
    (b"GET /y?z HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /base/y?z HTTP/1.1\r\nHost: h\r\n" + FROM + b"\r\n"),
    (b"PUT /x HTTP/1.1\r\nHost: h\r\n\r\n", b"PUT /base/x HTTP/1.1\r\nHost: h\r\n" + FROM + b"\r\n"),
    (b"GET /x HTTP/1.1\r\n" + OTHER + b"\r\n", b"GET /base/x HTTP/1.1\r\n" + OTHER + FROM + b"\r\n"),
    (b"\r\n" + GET, b"GET /base/x HTTP/1.1\r\nHost: h\r\n" + FROM + b"\r\n"),
])  # fmt: skip
async def test_what_is_known_of_a_connection_is_of_use_for_the_same_alone(road, next_, there):
    road.asks(GET)
    await road.answers(OK)
    road.asks(next_)
    service = await road.service()
    assert service.taken().endswith(there)
    assert await road.answers(OK) == PASSED_ON


@pytest.mark.parametrize("first", [
    b"GET  /x HTTP/1.1", b"GET /x HTTP/1.1 ", b"GET /x HTTP/2.0", b"", b"GET /x\nA: HTTP/1.1", b"CONNECT /x HTTP/1.1",
    b"GET http://other/x HTTP/1.1", b"GET /\0 HTTP/1.1",
])  # fmt: skip
async def test_fields_that_are_known_excuse_no_first_line(road, first):
    for _ in range(2):
        road.asks(GET)
        await road.answers(OK)
    road.asks(first + b"\r\nHost: h\r\n\r\n")
    assert road.client.taken().startswith(b"HTTP/1.1 400 ")
    assert road.front.state is AtClient.LINGERING


async def test_a_head_of_known_parts_is_too_large_all_the_same(road):
    first = b"GET /" + b"x" * 40 + b" HTTP/1.1\r\n"
    road.lane = dataclasses.replace(road.lane, head_limit=100)
    road.asks(first + b"Host: h\r\n\r\n")
    await road.answers(OK)
    road.client = road.connect()
    fields = b"Host: h\r\nX-A: " + b"a" * 40 + b"\r\n\r\n"
    road.asks(b"GET /x HTTP/1.1\r\n" + fields)
    assert await road.answers(OK) == PASSED_ON
    road.asks(first + fields)
    assert road.client.taken().startswith(b"HTTP/1.1 431 ")


async def test_who_sends_too_much_ahead_has_to_wait(road):
    road.asks(GET)
    road.asks(GET * 3000)
    assert road.client.paused
    await road.answers(OK)
    assert not road.client.paused


async def test_empty_lines_before_a_request_are_passed_over(road):
    road.asks(b"\r\n\r\n" + GET)
    assert (await road.service()).taken().startswith(b"GET /base/x ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /x HTTP/1.1\nHost: h\n\n", 400),
        (b"GET /x HTTP/1.1\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 4096, 431),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_ends(road, sent, status):
    road.asks(sent + GET)
    await road.settle()
    assert road.client.out.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close\r\n" in road.client.out
    assert road.client.ended
    assert road.pool.made == []
    road.asks(GET)
    assert road.front.state is AtClient.LINGERING
    road.passes(LINGER)
    assert road.client.closed


async def test_wrong_chunks_end_the_call_and_no_byte_of_them_passes(road):
    road.asks(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
    service = await road.service()
    road.asks(b"smuggled\r\n")
    assert service.taken().endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
    assert service.aborted
    assert road.client.out.startswith(b"HTTP/1.1 400 ")


OTHER = b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"


async def test_a_call_that_does_not_pass_is_lent_and_the_connection_comes_back(road):
    for number in range(1, 3):
        road.asks(OTHER + b"he")
        road.asks(b"llo" + GET)
        journey = await road.journey()
        assert journey.got == b"hello"
        journey.answers(b"answer")
        await road.settle()
        assert road.client.taken() == ANSWER
        assert (await road.service()).taken().startswith(b"GET /base/x ")
        assert await road.answers(OK) == PASSED_ON
        assert len(road.journeys) == number


async def test_a_lent_request_that_is_the_last_ends_the_connection(road):
    road.asks(b"GET /other HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GET)
    (await road.journey()).answers(b"last")
    await road.settle()
    assert b"\r\nConnection: close\r\n" in road.client.out
    assert road.client.closed
    assert road.pool.made == []


async def test_a_lent_request_that_is_answered_before_it_is_whole_ends_the_connection(road):
    road.asks(OTHER + b"he")
    (await road.journey()).answers(b"early")
    await road.settle()
    assert road.client.out.endswith(b"\r\nConnection: close\r\n\r\nearly")
    assert road.front.state is AtClient.LINGERING
    road.asks(b"llo" + GET)
    road.passes(LINGER)
    assert road.client.closed
    assert road.pool.made == []


@pytest.mark.parametrize("begun", [False, True])
async def test_wrong_chunks_end_a_request_that_was_lent(road, begun):
    road.asks(b"POST /other HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
    journey = await road.journey()
    if begun:
        journey.answers(rest=Never())
        await road.settle()
    road.asks(b"wrong\r\n" + GET)
    await road.settle()
    assert (journey.got, journey.failed) == (b"he", "a line between the chunks is wrong")
    if begun:
        assert road.client.aborted
    else:
        assert journey.lost
        assert road.client.out.startswith(b"HTTP/1.1 400 ")
        assert road.client.ended
    await road.settle()


# ---- who leaves, and who is late


async def test_a_read_is_given_up_when_its_client_leaves(road):
    road.asks(GET)
    service = await road.service()
    road.client.lose()
    assert service.aborted
    assert len(road.fronts) == 0
    labels = {"site": "Paris", "service": "docs", "intent": "list"}
    assert road.counted("scopeproxy_site_calls_total", outcome="abandoned", **labels) == 1
    assert road.counted("scopeproxy_calls_in_flight") == 0


async def test_a_write_is_seen_through_when_its_client_leaves(road):
    road.asks(POST + b"hello")
    service = await road.service()
    road.client.lose()
    assert not service.closed
    assert len(road.fronts) == 1
    service.protocol.data_received(OK)
    assert len(road.fronts) == 0
    assert len(road.told) == 1


async def test_half_a_write_is_given_up_when_its_client_leaves(road):
    road.asks(POST + b"he")
    service = await road.service()
    road.client.lose()
    assert service.aborted
    assert len(road.fronts) == 0


async def test_who_closes_its_half_gets_its_answer_if_that_comes_soon(road):
    road.asks(GET)
    service = await road.service()
    assert road.front.eof_received()
    assert await road.answers(OK) == PASSED_ON
    assert road.client.closed
    road.client = road.connect()
    road.asks(GET)
    road.front.eof_received()
    road.passes(HALF_CLOSED)
    assert road.client.aborted
    assert service.aborted


async def test_who_closes_its_half_in_a_request_has_left(road):
    assert not road.front.eof_received()
    road.asks(POST)
    assert not road.front.eof_received()


async def test_an_idle_client_is_closed_and_one_that_is_slow_with_its_head(road):
    road.passes(IDLE - 1)
    assert not road.client.closed
    road.asks(b"GET /x HT")
    road.passes(1)
    assert road.client.closed
    assert road.client.out == b""


async def test_a_client_that_stops_in_its_body_is_told(road):
    road.asks(POST + b"he")
    service = await road.service()
    road.passes(9)
    assert road.client.out.startswith(b"HTTP/1.1 408 ")
    assert b"nothing of the request's body came for 9 s" in road.client.out
    assert service.aborted


async def test_a_service_that_takes_too_long_is_told_and_the_connection_goes_on(road):
    road.asks(GET)
    service = await road.service()
    road.passes(10)
    assert road.client.taken().endswith(b"docs: docs no answer within 10 s")
    assert service.aborted
    road.asks(GET)
    assert await road.answers(OK) == PASSED_ON


async def test_a_service_that_stops_in_its_answer_is_broken_off(road):
    road.asks(GET)
    assert await road.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    road.passes(9)
    assert await road.answers(b"more") == b"more"
    road.passes(9)
    assert not road.client.closed
    road.passes(1)
    assert road.client.aborted


async def test_a_client_that_does_not_read_makes_the_service_wait_and_is_given_up(road):
    road.asks(GET)
    service = await road.service()
    await road.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    road.front.pause_writing()
    assert service.paused
    road.passes(9)
    road.front.resume_writing()
    assert not service.paused
    road.front.pause_writing()
    road.passes(10)
    assert road.client.aborted
    assert service.aborted


async def test_a_service_that_does_not_read_makes_the_client_wait_and_is_told(road):
    road.asks(POST + b"he")
    service = await road.service()
    service.protocol.pause_writing()
    assert road.client.paused
    service.protocol.resume_writing()
    assert not road.client.paused
    service.protocol.pause_writing()
    road.passes(10)
    assert road.client.out.startswith(b"HTTP/1.1 504 ")


# ---- the end


async def test_when_it_stops_the_idle_go_and_the_others_are_seen_through(road):
    idle = road.connect()
    road.asks(GET)
    await road.service()
    road.fronts.pre_shutdown()
    ending = asyncio.create_task(road.fronts.shutdown(20))
    assert b"\r\nConnection: close\r\n" in await road.answers(OK)
    assert road.client.closed
    await ending
    assert idle.closed
    assert not idle.aborted


async def test_who_wants_no_more_than_this_answer_is_told_and_closed(road):
    road.asks(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GET)
    assert b"\r\nConnection: close\r\n" in await road.answers(OK)
    assert road.client.closed


@pytest.mark.parametrize("last", [GET, b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n"])
async def test_a_connection_ends_after_so_many_requests(road, last):
    road.lane = dataclasses.replace(road.lane, requests=3)
    for _ in range(2):
        road.asks(GET)
        assert b"Connection" not in await road.answers(OK)
    road.asks(last)
    if last == GET:
        assert b"\r\nConnection: close\r\n" in await road.answers(OK)
    else:
        (await road.journey()).answers(b"last")
        await road.settle()
        assert b"\r\nConnection: close\r\n" in road.client.taken()
    assert road.client.closed


# ---- other protocols

UPGRADE = b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_a_websocket_passes_both_ways_until_one_end_goes(road):
    road.asks(UPGRADE + b"early")
    service = await road.service()
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" in service.taken()
    answer = await road.answers(b"HTTP/1.1 101 Switching Protocols\r\nSec-A: b\r\n\r\nhello")
    assert answer.endswith(b"\r\nUpgrade: websocket\r\n\r\nhello")
    assert service.taken() == b"early"
    road.asks(b"ping")
    assert service.taken() == b"ping"
    assert await road.answers(b"pong") == b"pong"
    assert road.front.eof_received()
    assert service.ended
    service.lose()
    assert road.client.aborted


async def test_a_silent_websocket_ends(road):
    road.asks(UPGRADE)
    await road.answers(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    road.passes(SILENT)
    assert road.client.aborted
    assert road.pool.made[0].aborted


async def test_an_upgrade_that_is_not_taken_is_a_call_like_others(road):
    road.asks(UPGRADE)
    assert await road.answers(OK) == PASSED_ON
    road.asks(GET)
    assert await road.answers(OK) == PASSED_ON


@pytest.mark.parametrize("first", ["client", "service"])
async def test_a_websocket_that_both_ends_have_closed_is_gone(road, first):
    road.asks(UPGRADE)
    await road.answers(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    service = await road.service()
    one, other = (road.client, service) if first == "client" else (service, road.client)
    assert one.protocol.eof_received()
    assert other.ended
    assert not other.protocol.eof_received()
    await road.settle()
    assert road.client.closed
    assert service.closed
    assert len(road.fronts) == 0
    assert road.pool.counts() == {"in_use": 0, "idle": 0, "waiting": 0}


async def test_a_websocket_whose_service_cannot_be_told_of_an_end_ends(road):
    road.asks(UPGRADE)
    await road.answers(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    service = await road.service()
    service.half_closes = False
    assert not road.front.eof_received()
    road.client.lose()
    assert service.aborted


async def test_a_websocket_is_not_silent_when_its_service_alone_speaks(road):
    road.asks(UPGRADE)
    await road.answers(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    road.front.pause_writing()
    road.front.resume_writing()
    road.passes(SILENT - 1)
    assert await road.answers(b"news") == b"news"
    road.passes(SILENT - 1)
    assert not road.client.closed
    road.front.pause_writing()
    road.passes(10)
    assert road.client.aborted


async def test_a_websocket_ends_with_its_last_bytes_for_a_client_that_cannot_be_told_of_half_an_end(road):
    road.client.half_closes = False
    road.asks(UPGRADE)
    await road.answers(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    service = await road.service()
    assert await road.answers(b"bye") == b"bye"
    assert not service.protocol.eof_received()
    assert road.client.closed
    assert not road.client.aborted
    assert service.closed


# ---- clients that do not read


async def test_the_next_request_waits_until_its_client_has_taken_the_answers_before_it(road):
    road.asks(GET)
    road.client.when_written = road.front.pause_writing
    await road.answers(OK)
    road.asks(GET * 3000)
    service = await road.service()
    assert service.taken().count(b"GET ") == 1
    assert road.client.paused
    road.client.when_written = None
    road.front.resume_writing()
    await road.settle()
    assert service.taken().startswith(b"GET /base/x ")
    assert not road.client.paused


async def test_a_request_that_is_lent_waits_for_its_client_to_read_too(road):
    road.asks(GET + b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
    road.client.when_written = road.front.pause_writing
    await road.answers(OK)
    await road.settle()
    assert road.journeys == []
    road.front.resume_writing()
    await road.settle()
    assert len(road.journeys) == 1


async def test_a_client_that_does_not_take_the_answers_before_its_next_request_is_given_up(road):
    road.asks(GET)
    road.client.when_written = road.front.pause_writing
    await road.answers(OK)
    road.passes(9)
    assert not road.client.closed
    road.passes(1)
    assert road.client.aborted


async def test_a_client_that_is_full_once_its_answer_is_out_has_the_time_for_an_answer(road):
    road.asks(GET)
    await road.answers(OK)
    assert road.front.deadline == road.time + IDLE
    road.front.pause_writing()
    assert road.front.deadline == road.time + 10
    road.asks(GET)
    road.front.resume_writing()
    await road.settle()
    assert await road.answers(OK) == PASSED_ON


async def test_a_client_that_does_not_take_the_last_answer_is_given_up(road):
    road.client.flushes = False
    road.asks(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    await road.answers(OK)
    await road.settle()
    assert len(road.fronts) == 1
    road.passes(9)
    assert not road.client.aborted
    road.passes(1)
    assert road.client.aborted
    await road.settle()
    assert len(road.fronts) == 0


# ---- who closes its half, and who cannot be told of half an end


@pytest.mark.parametrize("when", ["answering", "ready", "full"])
async def test_who_closes_its_half_gets_the_answers_to_all_that_it_sent(road, when):
    road.asks(GET + GET + b"GET /half HT")
    service = await road.service()
    if when == "full":
        road.client.when_written = road.front.pause_writing
    if when == "answering":
        assert road.front.eof_received()
    answers = await road.answers(OK)
    if when != "answering":
        assert road.front.eof_received()
    if when == "full":
        road.client.when_written = None
        road.front.resume_writing()
    await road.settle()
    answers += await road.answers(OK)
    assert answers == PASSED_ON * 2
    await road.settle()
    assert road.client.closed
    assert service.taken().count(b"GET ") == 2


async def test_an_early_answer_reaches_a_client_that_cannot_be_told_of_half_an_end(road):
    """Over TLS: what it still sends would reset the connection, and the answer with it."""
    road.client.half_closes = False
    road.asks(POST + b"he")
    assert (await road.answers(OK)).endswith(b"hi")
    road.asks(b"llo")
    assert not road.client.closed
    road.passes(LINGER)
    assert road.client.closed


async def test_a_client_that_resets_before_it_is_told_of_the_end_costs_nobody_else_a_deadline(road, monkeypatch):
    """The socket says so to whoever shuts it down, before the loop has seen it."""

    def reset():
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(road.client, "write_eof", reset)
    road.asks(POST + b"he")
    await road.service()
    road.time += 9
    other = road.connect()
    road.fronts._sweep()
    assert road.client.out.startswith(b"HTTP/1.1 408 ")
    road.time += IDLE
    road.fronts._sweep()
    assert road.client.closed
    assert other.closed


async def test_a_mistake_with_one_connection_costs_nobody_else_a_deadline(road, monkeypatch):
    other = road.connect()
    road.front.deadline = 0.0
    monkeypatch.setattr(road.front, "_exchange", object())
    road.fronts._sweep()
    assert road.client.aborted
    road.time += IDLE
    road.fronts._sweep()
    assert other.closed
