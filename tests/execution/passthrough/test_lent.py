"""A request in the hands of the journey: what it is told of it, what makes it wait, and what ends it."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.passthrough.lent import HALF_CLOSED, SILENT, HeadNotText
from scopeproxy.execution.passthrough.states import AtClient
from scopeproxy.execution.passthrough.wire import HIGH_WATER
from scopeproxy.planning.rewriting import opens_websocket
from tests.execution.passthrough.conftest import Never

GET = b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n"
OTHER = b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
CHUNKS = b"PUT /other HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
EXPECTS = OTHER.replace(b"\r\n\r\n", b"\r\nExpect: 100-Continue\r\n\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def posted(length):
    return b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % length


async def test_a_request_is_told_as_it_came(road):
    road.asks(b"X-My.m /other?a=%20 HTTP/1.1\r\nHost: h\r\nx-A: \t1 \r\nX-a: 2\r\nContent-Length: 5\r\n\r\nhello")
    lent = (await road.journey()).lent
    assert (lent.method, lent.target, lent.address) == ("X-My.m", "/other?a=%20", "192.0.2.1")
    assert lent.headers == (("Host", "h"), ("x-A", "1"), ("X-a", "2"), ("Content-Length", "5"))
    assert lent.body.length == 5
    request = lent.request("docs", "/a")
    assert (request.service, request.target, request.method) == ("docs", "/a", "X-My.m")


@pytest.mark.parametrize("minor", [0, 1])
async def test_a_client_of_http_1_0_asks_for_no_other_protocol(road, minor):
    road.asks(b"GET /other HTTP/1.%d\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" % minor)
    assert opens_websocket((await road.journey()).lent.request("docs", "/x")) == bool(minor)


async def test_a_header_that_is_no_text_is_told(road):
    road.asks(b"GET /other HTTP/1.1\r\nHost: h\r\nX-A: caf\xc3\xa9\r\nX-Odd: \xff\r\n\r\n")
    with pytest.raises(HeadNotText, match="X-Odd holds bytes that are not UTF-8"):
        _ = (await road.journey()).lent.headers


async def test_chunks_and_trailers_are_no_part_of_a_body(road):
    for piece in (CHUNKS, b"5;a=b\r\nhel", b"lo\r\n3", b"\r\nyou\r\n0\r\nX-Sum: 7\r\n\r", b"\n"):
        road.asks(piece)
        await road.settle()
    journey = await road.journey()
    assert journey.got == b"helloyou"
    assert journey.lent.body.length is None
    assert journey.lent.is_whole


# ---- Expect


async def test_the_client_is_asked_for_a_body_when_the_journey_wants_it(road):
    road.asks(EXPECTS)
    await road.settle()
    assert road.client.taken() == CONTINUE
    road.asks(b"hello")
    assert (await road.journey()).got == b"hello"
    assert road.client.taken() == b""


@pytest.mark.parametrize("sent", [EXPECTS + b"he", EXPECTS.replace(b"HTTP/1.1", b"HTTP/1.0"), OTHER])
async def test_who_does_not_wait_or_would_not_understand_is_not_asked(road, sent):
    road.asks(sent)
    await road.settle()
    assert road.client.taken() == b""


# ---- who is slow, and who leaves


async def test_a_body_that_nobody_takes_makes_the_client_wait(road):
    road.asks(posted(3 * HIGH_WATER))
    journey = await road.journey()
    # Before the journey takes any.
    for _ in range(3):
        if not road.client.paused:
            road.asks(bytes(HIGH_WATER // 2))
    assert road.client.paused
    await road.settle()
    assert not road.client.paused
    assert len(journey.got) == HIGH_WATER


async def test_a_body_that_stops_is_told_to_the_journey_which_may_still_answer(road):
    road.asks(OTHER + b"he")
    journey = await road.journey()
    road.passes(9)
    await road.settle()
    assert journey.failed == "nothing of the request's body came for 9 s"
    assert journey.lent.body.failure.status == 408
    journey.answers(b"told")
    await road.settle()
    assert road.client.out.endswith(b"told")
    assert road.front.state is AtClient.LINGERING


async def test_a_journey_that_does_not_read_on_is_not_held_against_the_client(road):
    """A service that answers early makes its sender go away, which waited for the client."""
    road.asks(OTHER + b"he")
    journey = await road.journey()
    journey._reading.cancel()
    journey.answers(rest=Never())
    await road.settle()
    road.passes(9)
    road.passes(1000)
    await road.settle()
    assert not road.client.closed


async def test_a_client_that_does_not_take_its_answer_is_given_up(road):
    road.asks(GET)
    journey, rest = await road.journey(), Never()
    road.client.when_written = road.front.pause_writing
    journey.answers(b"x" * 600_000, rest)
    await road.settle()
    head_and_first = len(road.client.taken())
    assert head_and_first < 300_000
    road.passes(9)
    road.front.resume_writing()
    await road.settle()
    assert road.client.taken()
    road.passes(9)
    assert not road.client.aborted
    road.passes(1)
    assert road.client.aborted
    await road.settle()
    assert rest.is_given_up
    assert len(road.fronts) == 0


async def test_a_client_that_leaves_ends_the_journey_and_its_body(road):
    road.asks(OTHER + b"he")
    journey = await road.journey()
    road.client.lose()
    await road.settle()
    assert journey.lost
    assert journey.failed == "the request's body broke off"
    assert len(road.fronts) == 0


async def test_who_closes_its_half_gets_its_answer(road):
    road.asks(GET + GET)
    journey = await road.journey()
    assert road.front.eof_received()
    journey.answers(b"first")
    second = await road.journey()
    assert second is not journey
    second.answers(b"second")
    await road.settle()
    assert road.client.out.endswith(b"\r\nConnection: close\r\n\r\nsecond")
    assert road.client.closed


@pytest.mark.parametrize(("sent", "is_given_up"), [(GET, True), (OTHER + b"hello", False)])
async def test_who_closes_its_half_and_may_have_left_is_not_waited_for_long_with_a_read(road, sent, is_given_up):
    road.asks(sent)
    journey = await road.journey()
    road.front.eof_received()
    road.passes(HALF_CLOSED)
    await road.settle()
    assert (road.client.aborted, journey.lost) == (is_given_up, is_given_up)


async def test_who_closes_its_half_in_an_answer_and_may_have_left_is_not_waited_for_long(road):
    """A peer's proxy whose own client has left does so."""
    road.asks(GET)
    journey, rest = await road.journey(), Never()
    journey.answers(rest=rest)
    await road.settle()
    road.front.eof_received()
    road.passes(HALF_CLOSED)
    await road.settle()
    assert road.client.aborted
    assert rest.is_given_up


async def test_who_closes_its_half_and_takes_what_comes_is_waited_for(road):
    class Slow(Never):
        go_on = asyncio.Event()

        async def __aiter__(self):
            await self.go_on.wait()
            yield b"more"
            await asyncio.Event().wait()

    road.asks(GET)
    (await road.journey()).answers(rest=Slow())
    await road.settle()
    road.front.eof_received()
    Slow.go_on.set()
    await road.settle()
    road.passes(1000)
    assert not road.client.aborted


async def test_who_closes_its_half_in_a_body_has_left(road):
    road.asks(OTHER + b"he")
    await road.settle()
    assert not road.front.eof_received()


# ---- journeys that fail


async def test_a_journey_that_breaks_breaks_the_connection_off(road, caplog):
    road.asks(GET)
    journey = await road.journey()
    journey._reply.set_exception(ValueError("verysecret"))
    await road.settle()
    assert road.client.aborted
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


async def test_an_answer_that_breaks_off_breaks_the_connection_off(road):
    class Broken(Never):
        async def __aiter__(self):
            yield b"he"
            raise ConnectionError

    road.asks(GET)
    journey, rest = await road.journey(), Broken()
    journey.answers(rest=rest)
    await road.settle()
    assert road.client.out.endswith(b"\r\n\r\n2\r\nhe\r\n")
    assert road.client.aborted
    assert rest.is_given_up


async def test_when_the_proxy_stops_a_journey_is_ended_after_a_while(road):
    road.asks(OTHER + b"he")
    journey = await road.journey()
    road.fronts.pre_shutdown()
    await road.fronts.shutdown(0.01)
    assert journey.lost
    assert road.client.aborted


# ---- what comes before the answer, and instead of it

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"


async def test_provisional_answers_are_passed_on_until_there_is_an_answer(road):
    road.asks(GET)
    journey = await road.journey()
    journey.lent.provisional(HINTS)
    assert road.client.taken() == HINTS
    # That is said when the body is asked for.
    journey.lent.provisional(CONTINUE)
    journey.answers(rest=Never())
    await road.settle()
    assert road.client.taken().startswith(b"HTTP/1.1 200 OK\r\n")
    journey.lent.provisional(HINTS)
    assert road.client.taken() == b""


async def test_a_client_of_http_1_0_is_told_of_no_provisional_answer(road):
    road.asks(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    (await road.journey()).lent.provisional(HINTS)
    assert road.client.taken() == b""


@pytest.fixture
async def joined(road):
    """A service that a client is joined with."""
    road.asks(GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n") + b"early")
    service = (await road.journey()).switches()
    await road.settle()
    assert road.client.taken() == (
        b"HTTP/1.1 101 Switching Protocols\r\nSec-A: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    assert service.socket.taken() == b"early"
    return service


async def test_another_protocol_goes_both_ways_until_the_service_has_said_its_last(road, joined):
    road.asks(b"ping")
    joined.tunnel.put(b"pong")
    await road.settle()
    assert (joined.socket.taken(), road.client.taken()) == (b"ping", b"pong")
    assert road.front.eof_received()
    await road.settle()
    assert joined.socket.ended
    joined.tunnel.put(b"bye")
    joined.tunnel.end()
    await road.settle()
    assert road.client.taken() == b"bye"
    assert road.client.closed
    assert len(road.fronts) == 0


async def test_another_protocol_may_be_silent_for_long_and_not_for_ever(road, joined):
    road.passes(SILENT - 1)
    road.asks(b"ping")
    await road.settle()
    road.passes(SILENT - 1)
    assert not road.client.aborted
    road.passes(1)
    await road.settle()
    assert road.client.aborted
    assert joined.is_given_up


async def test_another_protocol_ends_with_its_service(road, joined):
    joined.tunnel.lose(ConnectionError("reset"))
    await road.settle()
    assert road.client.aborted
    assert joined.is_given_up


async def test_another_protocol_ends_with_its_client(road, joined):
    road.client.lose()
    await road.settle()
    assert joined.is_given_up
    assert len(road.fronts) == 0
