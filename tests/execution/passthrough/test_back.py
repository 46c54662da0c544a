"""The service's end: what of an answer passes, and which connections are kept."""

from __future__ import annotations

import pytest

from scopeproxy.execution.passthrough.states import AtService

VIA = b"Via: 1.1 Paris (scopeproxy)\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"


@pytest.mark.parametrize("answer", [OK, CHUNKS, b"HTTP/1.1 100 Continue\r\n\r\n" + OK])
async def test_an_answer_may_be_cut_anywhere(road, answer):
    whole = None
    for cut in range(1, len(answer)):
        road.asks(GET)
        got = await road.answers(answer[:cut]) + await road.answers(answer[cut:])
        whole = whole or got
        assert got == whole
    assert whole.endswith(answer.rpartition(b"\r\n\r\n")[2])
    assert len(road.pool.made) == 1


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"1.1", b"1.0"),
        OK + b"more",
        CHUNKS + b"more",
    ],
)
async def test_a_connection_that_will_not_stay_or_says_too_much_is_not_kept(road, answer):
    for _ in range(2):
        road.asks(GET)
        got = await road.answers(answer)
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"more" not in got
        assert b"Connection" not in got
    assert len(road.pool.made) == 2
    assert all(socket.aborted for socket in road.pool.made)


async def test_an_answer_that_goes_to_the_end_passes_in_chunks(road):
    road.asks(GET)
    assert (await road.answers(b"HTTP/1.1 200 OK\r\n\r\nabc")).endswith(
        VIA + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    )
    assert await road.answers(b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"
    service = await road.service()
    service.protocol.eof_received()
    assert road.client.taken() == b"0\r\n\r\n"
    assert not road.client.closed
    road.asks(GET)
    assert await road.answers(OK)


@pytest.mark.parametrize("method", [b"HEAD", b"GET"])
async def test_answers_without_a_body_end_with_their_head(road, method):
    answer = b"HTTP/1.1 %d x\r\nContent-Length: 7\r\n\r\n" % (304 if method == b"GET" else 200)
    for _ in range(2):
        road.asks(method + GET[3:])
        assert (await road.answers(answer)).endswith(b"Content-Length: 7\r\n" + VIA + b"\r\n")
    assert len(road.pool.made) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nwrong\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70000,
    ],
)
async def test_what_is_no_answer_is_told(road, answer):
    road.asks(GET)
    assert (await road.answers(answer)).startswith(b"HTTP/1.1 504 ")
    assert road.pool.made[0].aborted


async def test_wrong_chunks_in_the_middle_break_off(road):
    road.asks(GET)
    await road.answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    assert await road.answers(b"wrong\r\n") == b""
    assert road.client.aborted


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-"])
async def test_a_connection_that_is_lost_before_an_answer_is_told(road, begun):
    road.asks(GET)
    service = await road.service()
    if begun:
        service.protocol.data_received(begun)
    service.lose()
    assert b"the connection was closed before an answer" in road.client.taken()


@pytest.mark.parametrize("how", ["eof", "lost"])
async def test_a_connection_that_is_lost_in_the_answer_breaks_off(road, how):
    road.asks(GET)
    await road.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    service = await road.service()
    if how == "eof":
        service.protocol.eof_received()
    else:
        service.lose()
    assert road.client.aborted


async def test_who_speaks_without_being_asked_is_closed(road):
    road.asks(GET)
    await road.answers(OK)
    service = await road.service()
    service.protocol.data_received(OK)
    assert service.aborted
    assert service.protocol.state is AtService.CLOSED
    road.asks(GET)
    assert await road.answers(OK)
    assert len(road.pool.made) == 2


async def test_who_closes_in_the_pool_is_not_taken(road):
    road.asks(GET)
    await road.answers(OK)
    (await road.service()).protocol.eof_received()
    road.asks(GET)
    assert await road.answers(OK)
    assert len(road.pool.made) == 2


async def test_a_client_that_is_full_with_the_last_piece_does_not_hold_up_the_next_call(road):
    road.asks(GET)
    service = await road.service()
    road.client.when_written = road.front.pause_writing
    await road.answers(OK)
    assert road.pool.counts()["idle"] == 1
    assert not service.paused
