"""A call of the proxy's own, against pretended services: what becomes of it, and of its connection.

What it is on real sockets is in tests/execution/test_forwarding.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from scopeproxy.execution.bodies import Once
from scopeproxy.execution.passthrough.errand import Errand
from scopeproxy.execution.passthrough.outgoing import Outgoing
from scopeproxy.model.messages import NOTHING, Reply, Unreached
from scopeproxy.model.topology import Address, Timeouts, Url
from tests.execution.passthrough.conftest import Sockets

ROOT = Url("http", Address("h", 1))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A:  b \r\n\r\nhi"


class Going:
    """One errand.  `socket`: the service's end."""

    def __init__(self, pool, method="GET", body=NOTHING, headers=(), held=1000, **more):
        timeouts = more.pop("timeouts", Timeouts(2, 5, 10))
        call = Outgoing("Corte", ROOT, method, "/x", (("Host", "h"), *headers), body, timeouts, **more)
        self.pool, self.errand = pool, Errand(pool, call, held)
        self.task = asyncio.create_task(self.errand.outcome())

    async def socket(self):
        await settle()
        return self.pool.made[-1]

    def passes(self, seconds):
        """Time: nothing here waits for it."""
        patience = self.errand._patience
        patience.until -= seconds
        if patience._call.deadline is not None:
            patience._call = replace(patience._call, deadline=patience._call.deadline - seconds)
        patience.look()

    async def answers(self, data):
        (await self.socket()).protocol.data_received(data)
        return await self.task


async def anything(*pieces):
    for piece in pieces:
        yield piece


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def pool():
    pool = Sockets(asyncio.get_running_loop().time)
    yield pool
    pool.close()
    await settle()
    assert pool.counts() == {"in_use": 0, "idle": 0, "waiting": 0}


async def test_a_small_answer_comes_with_its_head_and_its_connection_is_kept(pool):
    reply = await Going(pool).answers(OK)
    assert reply == Reply("Corte", 200, (("Content-Length", "2"), ("X-A", "b")), b"hi", None, "OK")
    assert pool.counts() == {"in_use": 0, "idle": 1, "waiting": 0}
    assert (await Going(pool).answers(b"HTTP/1.1 204 \r\n\r\n")).headers == ()
    assert len(pool.made) == 1


@pytest.mark.parametrize(
    "answer",
    [OK, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nh\r\n1\r\ni\r\n0\r\nX-T: 1\r\n\r\n"],
)
async def test_what_is_more_than_may_be_held_or_comes_in_chunks_is_a_stream(pool, answer):
    reply = await Going(pool, held=1).answers(answer)
    assert reply.body == b""
    assert [piece async for piece in reply.rest] == [b"hi"]
    assert pool.counts()["idle"] == 1


async def test_an_answer_without_a_length_ends_with_its_connection(pool):
    going = Going(pool)
    reply = await going.answers(b"HTTP/1.1 200 OK\r\n\r\nh")
    service = (await going.socket()).protocol
    service.data_received(b"i")
    service.eof_received()
    assert [piece async for piece in reply.rest] == [b"hi"]
    assert pool.counts()["idle"] == 0


async def test_an_answer_may_be_cut_anywhere(pool):
    answer = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    for cut in range(1, len(answer)):
        going = Going(pool)
        service = (await going.socket()).protocol
        service.data_received(answer[:cut])
        service.data_received(answer[cut:])
        reply = await going.task
        body = reply.body if reply.rest is None else b"".join([piece async for piece in reply.rest])
        assert (reply.status, body) == (200, b"hi")
    assert len(pool.made) == 1


async def test_whoever_wants_to_know_is_told_of_each_1xx(pool):
    told = []
    await Going(pool, provisional=told.append).answers(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK)
    assert told == [b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"]


async def test_a_102_does_not_ask_for_the_body(pool):
    async def body():
        yield b"hi"

    going = Going(pool, "PUT", Once(body(), 2), (("Content-Length", "2"), ("Expect", "100-continue")))
    socket = await going.socket()
    socket.taken()
    socket.protocol.data_received(b"HTTP/1.1 102 Processing\r\n\r\n")
    await settle()
    assert socket.taken() == b""
    socket.protocol.data_received(b"HTTP/1.1 100 Continue\r\n\r\n")
    await settle()
    assert socket.taken() == b"hi"
    assert (await going.answers(OK)).status == 200
    assert pool.counts()["idle"] == 1


async def test_a_service_that_refuses_before_the_body_is_whole_is_heard_and_sent_no_more(pool):
    more = asyncio.Event()

    async def body():
        yield b"a"
        await more.wait()
        yield b"b"

    going = Going(pool, "PUT", Once(body(), 2), (("Content-Length", "2"),))
    await settle()
    reply = await going.answers(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
    assert (reply.status, reply.body) == (413, b"no")
    more.set()
    await settle()
    socket = await going.socket()
    assert socket.aborted
    assert socket.taken().endswith(b"\r\n\r\na")


async def test_a_body_that_breaks_off_under_an_answer_breaks_the_answer_off(pool):
    broken = asyncio.Event()

    async def body():
        yield b"a"
        await broken.wait()
        raise ConnectionError("the client broke off in its body")

    going = Going(pool, "PUT", Once(body(), 2), (("Content-Length", "2"),))
    reply = await going.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
    broken.set()
    with pytest.raises(ConnectionError, match="the client broke off in its body"):
        [piece async for piece in reply.rest]
    assert (await going.socket()).aborted


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_read_is_repeated_once(pool, method):
    await Going(pool).answers(OK)
    going = Going(pool, method)
    (await going.socket()).protocol.eof_received()
    second = await going.socket()
    assert second is not pool.made[0]
    second.lose()
    assert await going.task == Unreached("Corte", True, "the connection was closed before an answer")
    assert len(pool.made) == 2


@pytest.mark.parametrize("before", ["nothing", "1xx"])
async def test_nothing_is_repeated_that_went_by_a_new_connection_or_had_a_1xx(pool, before):
    if before == "1xx":
        await Going(pool).answers(OK)
    going = Going(pool)
    socket = await going.socket()
    if before == "1xx":
        socket.protocol.data_received(b"HTTP/1.1 103 Early\r\n\r\n")
    socket.lose()
    assert await going.task == Unreached("Corte", True, "the connection was closed before an answer")


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_call_whose_body_cannot_be_had_was_not_sent(pool, method):
    async def body():
        raise ConnectionError("the data cannot be read")
        yield

    going = Going(pool, method, Once(body(), 2))
    assert await going.task == Unreached("Corte", False, "the data cannot be read")
    assert (await going.socket()).aborted


class Slow:
    """A body of two bytes that a client takes its time for."""

    def __init__(self, error=None):
        self.error, self.go_on = error, asyncio.Event()
        self.body = Once(self._pieces(), 2)

    async def _pieces(self):
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        yield b"hi"


@pytest.mark.parametrize("how", ["closes", "answers"])
async def test_a_kept_connection_that_ends_while_the_body_is_waited_for_costs_nothing(pool, how):
    await Going(pool).answers(OK)
    slow = Slow()
    going = Going(pool, "PUT", slow.body)
    first = await going.socket()
    first.taken()
    if how == "closes":
        first.protocol.eof_received()
    else:
        first.protocol.data_received(b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    second = await going.socket()
    assert second is not first
    slow.go_on.set()
    await settle()
    assert (first.taken(), second.taken()[-6:]) == (b"", b"\r\n\r\nhi")
    assert (await going.answers(OK)).status == 200


@pytest.mark.parametrize("how", ["closes", "answers"])
async def test_a_new_connection_that_ends_before_anything_was_sent_was_sent_nothing(pool, how):
    going = Going(pool, "PUT", Slow().body)
    socket = await going.socket()
    if how == "closes":
        socket.protocol.eof_received()
        why = "the connection was closed before an answer"
    else:
        socket.protocol.data_received(OK)
        why = "it answered before it was asked"
    assert await going.task == Unreached("Corte", False, why)


async def test_a_body_that_is_lost_while_there_is_no_connection_ends_the_call(pool):
    await Going(pool).answers(OK)
    slow, pool.slow = Slow(ConnectionError("the client has gone")), asyncio.Event()
    going = Going(pool, "PUT", slow.body)
    (await going.socket()).protocol.eof_received()
    await settle()
    slow.go_on.set()
    await settle()
    pool.slow.set()
    assert await going.task == Unreached("Corte", False, "the client has gone")
    assert pool.counts() == {"in_use": 0, "idle": 1, "waiting": 0}


async def test_a_connection_that_is_closed_at_once_was_sent_nothing(pool, monkeypatch):
    reach = pool.reach

    async def closing(*how):
        back = await reach(*how)
        back.close()
        return back

    monkeypatch.setattr(pool, "reach", closing)
    assert await Going(pool).task == Unreached("Corte", False, "it closed the connection at once")


@pytest.mark.parametrize(
    ("more", "least", "why"),
    [
        ({}, 5, "no answer within 5 s"),
        ({"deadline": 3}, 3, "no answer within the time that the call was given"),
    ],
)
async def test_an_answer_that_does_not_come_is_not_waited_for(pool, more, least, why):
    now = asyncio.get_running_loop().time()
    going = Going(pool, **{name: now + seconds for name, seconds in more.items()})
    socket = await going.socket()
    going.passes(least - 2)
    assert not socket.aborted
    going.passes(2)
    assert await going.task == Unreached("Corte", True, why)
    assert socket.aborted


async def test_a_connection_that_does_not_come_about_in_the_time_of_the_answer_was_sent_nothing(pool):
    pool.slow = asyncio.Event()
    assert await Going(pool, timeouts=Timeouts(2, 0.02, 5)).task == Unreached(
        "Corte", False, "no connection within 0.02 s"
    )


async def test_a_call_whose_time_is_over_takes_no_connection(pool):
    going = Going(pool, deadline=asyncio.get_running_loop().time() - 1)
    assert await going.task == Unreached("Corte", False, "no answer within the time that the call was given")
    assert pool.made == []


async def test_what_cannot_be_sent_takes_no_connection(pool):
    going = Going(pool, headers=(("X-A", "b\r\nc: d"),))
    assert await going.task == Unreached("Corte", False, "a control character is in its head")
    assert pool.made == []


async def test_a_body_that_moves_earns_the_call_more_time(pool):
    more = asyncio.Semaphore(0)

    async def body():
        for _ in range(6):
            await more.acquire()
            yield b"a"

    going = Going(pool, "PUT", Once(body(), 6), (("Content-Length", "6"),))
    socket = await going.socket()
    for _ in range(6):
        going.passes(3)
        more.release()
        await settle()
    assert socket.out.endswith(b"aaaaaa")
    assert (await going.answers(OK)).status == 200


async def test_an_answer_that_stops_is_given_up_but_only_while_it_is_waited_for(pool):
    going = Going(pool)
    reply = await going.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
    pieces = aiter(reply.rest)
    assert await anext(pieces) == b"h"
    # Longer than the service may take: but it is the reader who takes so long.
    going.passes(60)
    socket = await going.socket()
    assert not socket.aborted
    waiting = asyncio.ensure_future(anext(pieces))
    await settle()
    going.passes(3)
    assert not socket.aborted
    going.passes(2)
    with pytest.raises(TimeoutError, match="no more of it came in time"):
        await waiting
    assert socket.aborted


async def test_a_reader_that_is_slow_has_the_service_wait(pool):
    going = Going(pool)
    reply = await going.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    socket = await going.socket()
    socket.protocol.data_received(b"x" * 300_000)
    assert socket.paused
    pieces = aiter(reply.rest)
    assert len(await anext(pieces)) == 300_000
    assert not socket.paused
    socket.protocol.data_received(b"x" * 700_000)
    assert len(await anext(pieces)) == 700_000
    # It was full with the last piece, and its connection is somebody else's now.
    assert not socket.paused
    assert pool.counts()["idle"] == 1


async def test_who_goes_away_closes_the_connection(pool):
    going = Going(pool)
    socket = await going.socket()
    going.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going.task
    assert socket.aborted


async def test_an_answer_that_nobody_wants_is_given_up(pool):
    going = Going(pool)
    reply = await going.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nh")
    await reply.rest.aclose()
    assert (await going.socket()).aborted


async def test_it_speaks_no_other_protocol(pool):
    outcome = await Going(pool).answers(b"HTTP/1.1 101 Switching\r\n\r\n")
    assert outcome == Unreached("Corte", True, "it changed to a protocol that nobody asked for")


async def test_a_service_that_is_full_is_sent_more_when_it_is_ready(pool):
    more = asyncio.Event()

    async def body():
        await more.wait()
        yield b"hi"

    going = Going(pool, "PUT", Once(body(), 2), (("Content-Length", "2"),))
    socket = await going.socket()
    socket.protocol.pause_writing()
    more.set()
    await settle()
    assert socket.taken() == b""
    socket.protocol.resume_writing()
    await settle()
    assert socket.taken().endswith(b"\r\n\r\nhi")
    assert (await going.answers(OK)).status == 200


# ---- other protocols

UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "websocket"))
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nSec-A: b\r\n\r\n"


async def test_another_protocol_that_was_asked_for_is_a_stream_both_ways(pool):
    going = Going(pool, headers=UPGRADE, upgrades=True)
    reply = await going.answers(SWITCHING + b"early")
    service = await going.socket()
    assert (reply.status, reply.headers, reply.rest) == (101, (("Sec-A", "b"),), reply.rest)
    service.taken()
    said = anything(b"ping", b"more")
    up = asyncio.create_task(reply.rest.carry(said))
    await settle()
    assert service.taken() == b"pingmore"
    assert service.ended
    assert await anext(aiter(reply.rest)) == b"early"
    service.protocol.data_received(b"bye")
    assert not service.protocol.eof_received()
    assert [piece async for piece in reply.rest] == [b"bye"]
    await up
    await reply.rest.aclose()
