"""What a table does not tell, because it depends on who speaks first: bodies that are asked for, early answers, other
protocols, slow ends, and ends that are lost."""

from __future__ import annotations

import hashlib
import socket

import h11
import pytest

from tests.conformance.backend import Gate, head_of, resets
from tests.conformance.conftest import Stage
from tests.conformance.table import HERE, PLAIN, THERE, answer, request
from tests.kernel import WIRE

MIB = 1024 * 1024
# Both ends of each of the three connections on the way hold as much as they may; the proxies hold next to nothing.
HELD = 3 * WIRE + 8 * MIB
LARGE = HELD + 40 * MIB
# Seconds without a byte after which a socket is taken to be full.
FULL = 0.3

GET = request(b"GET /x")
CREATED = answer(b"201 Created", b"Content-Length: 0")


# ---- Expect: 100-continue (RFC 9110, section 10.1.1)


def test_a_body_is_asked_for_when_the_service_asks(stage: Stage) -> None:
    came: list[bytes] = []

    def script(connection: socket.socket) -> None:
        came.append(head_of(connection))
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        came.append(connection.recv(5, socket.MSG_WAITALL))
        connection.sendall(CREATED)

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(request(b"PUT /x", b"Expect: 100-continue", b"Content-Length: 5")))
    assert client.some(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"hello")
    assert client.answer(b"PUT").start == b"201"
    assert came[0].endswith(b"\r\n\r\n")
    assert came[1] == b"hello"


@pytest.mark.parametrize("stage", [HERE, THERE], indirect=True)
def test_a_service_that_never_asks_for_a_body_gets_it_all_the_same(stage: Stage) -> None:
    client = stage.client()
    client.send(stage.scoped(request(b"PUT /x", b"Expect: 100-continue", b"Content-Length: 5")))
    # A client that waits for ever would: without a scope it is the client's to give up waiting (RFC 9110, 10.1.1).
    assert client.some(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"hello")
    assert client.answer(b"PUT").start == b"200"
    assert [seen.body for seen in stage.back.requests] == [b"hello"]


def test_a_body_that_is_refused_unseen_is_never_sent(stage: Stage) -> None:
    stage.back.begin(script=lambda connection: connection.sendall(too_large(head_of(connection))))
    client = stage.client()
    client.send(stage.scoped(request(b"PUT /x", b"Expect: 100-continue", b"Content-Length: 5")))
    told = client.answer(b"PUT")
    assert (told.start, told.values(b"connection")) == (b"413", [b"close"])
    client.ends()
    assert client.rest() == b""


def too_large(_: bytes) -> bytes:
    return answer(b"413 Content Too Large", b"Content-Length: 0")


def test_an_answer_may_come_before_the_body_has_gone(stage: Stage) -> None:
    stage.back.begin(script=lambda connection: connection.sendall(too_large(head_of(connection))))
    client = stage.client()
    client.send(stage.scoped(request(b"PUT /x", b"Content-Length: 1000")) + b"some")
    # Nobody knows whether the rest of the body comes: the connection ends (RFC 9112, section 9.6).
    told = client.answer(b"PUT")
    assert (told.start, told.values(b"connection")) == (b"413", [b"close"])
    client.ends()
    assert client.rest() == b""


# ---- connections


def test_calls_under_several_scopes_and_none_take_turns_on_one_connection(sites: Stage) -> None:
    client = sites.client()
    for back in sites.backs.values():
        back.begin()
    for path in (PLAIN, THERE, PLAIN, HERE, HERE, THERE, PLAIN) * 2:
        sites.path = path
        client.send(sites.scoped(request(b"POST /x", b"Content-Length: 5", body=path[-5:].encode())))
    for _ in range(14):
        assert client.answer(b"POST").start == b"200"
    assert [len(sites.backs[name].requests) for name in ("Paris", "Corte")] == [10, 4]
    client.socket.close()


def test_a_request_may_come_byte_by_byte(stage: Stage) -> None:
    client = stage.client()
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = request(b"POST /x", b"Transfer-Encoding: chunked", body=b"5;a=b\r\nhello\r\n0\r\n\r\n")
    for code in stage.scoped(sent):
        client.send(bytes([code]))
    assert client.answer(b"POST").start == b"200"
    assert [seen.body for seen in stage.back.requests] == [b"hello"]


def test_a_client_may_end_its_half_and_still_have_its_answer(stage: Stage) -> None:
    client = stage.client()
    client.send(stage.scoped(GET))
    client.ends()
    assert client.answer().start == b"200"


def test_a_websocket_is_a_way_for_bytes_both_ways(stage: Stage) -> None:
    def script(connection: socket.socket) -> None:
        head = head_of(connection)
        lines = (b"Connection: Upgrade", b"Upgrade: websocket")
        connection.sendall(answer(b"101 Switching Protocols", *lines, body=b"there"))
        assert b"upgrade: websocket" in head.lower()
        while data := connection.recv(1000):
            connection.sendall(data.upper())
        connection.sendall(b"bye")

    stage.back.begin(script=script)
    client = stage.client()
    asked = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Version: 13")
    client.send(stage.scoped(request(b"GET /x", *asked)))
    head = b""
    while not head.endswith(b"there"):
        head += client.some(1)
    assert head.startswith(b"HTTP/1.1 101 ")
    client.send(b"hello\0\xff")
    assert client.some(7) == b"HELLO\0\xff"
    client.ends()
    assert client.rest() == b"bye"


# ---- slow ends: what one does not take, the other must wait with


def test_a_client_that_does_not_read_holds_up_the_service_and_gets_all(stage: Stage) -> None:
    held, full = [], Gate()
    block = bytes(range(256)) * 4096

    def script(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer(b"200 OK", b"Content-Length: %d" % LARGE))
        sent = poured(connection, block, LARGE)
        held.append(sent)
        full.open()
        while sent < LARGE:
            at = sent % len(block)
            piece = block[at : at + LARGE - sent]
            connection.sendall(piece)
            sent += len(piece)

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(GET))
    full.wait()
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.some(1)
    assert held[0] < HELD
    assert client.digest(LARGE) == hashlib.sha256(block * (LARGE // len(block))).digest()


def test_a_service_that_does_not_read_holds_up_the_client_and_gets_all(stage: Stage) -> None:
    may_read, digests = Gate(), []
    block = bytes(range(256)) * 4096

    def script(connection: socket.socket) -> None:
        data = head_of(connection)
        may_read.wait()
        body = data.partition(b"\r\n\r\n")[2]
        digest, left = hashlib.sha256(body), LARGE - len(body)
        while left:
            piece = connection.recv(min(left, MIB))
            digest.update(piece)
            left -= len(piece)
        digests.append(digest.digest())
        connection.sendall(CREATED)

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(request(b"PUT /x", b"Content-Length: %d" % LARGE)))
    sent = held = poured(client.socket, block, LARGE)
    may_read.open()
    while sent < LARGE:
        at = sent % len(block)
        piece = block[at : at + LARGE - sent]
        client.send(piece)
        sent += len(piece)
    assert client.answer(b"PUT").start == b"201"
    assert held < HELD
    assert digests == [hashlib.sha256(block * (LARGE // len(block))).digest()]


def poured(connection: socket.socket, block: bytes, most: int) -> int:
    """Bytes that could be sent before nothing more was taken; they repeat the block."""
    before, sent = connection.gettimeout(), 0
    connection.settimeout(FULL)
    try:
        while sent < most:
            sent += connection.send(block[sent % len(block) :][: most - sent])
    except TimeoutError:
        pass
    finally:
        connection.settimeout(before)
    return sent


# ---- lost ends

BODY = request(b"PUT /x", b"Content-Length: 1000")
CUTS = {
    "in its head": GET[:-3],
    "after its head": BODY,
    "in its body": BODY + b"some",
    "in a chunk": request(b"PUT /x", b"Transfer-Encoding: chunked", body=b"5\r\nhel"),
    "between chunks": request(b"PUT /x", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_request_whose_client_is_lost_is_never_whole(stage: Stage, cut: str) -> None:
    begun, ended = Gate(), Gate()

    def script(connection: socket.socket) -> None:
        try:
            while connection.recv(1 << 16):
                begun.open()
        except ConnectionError:
            pass
        ended.open()

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(CUTS[cut]))
    if cut in ("in its head", "after its head"):
        client.resets()
    else:
        begun.wait()
        client.resets()
        # The service must not take for whole what it has: its connection ends.
        ended.wait()
    stage.back.begin()
    assert stage.client().ask(stage.scoped(GET)).start == b"200"


def test_a_read_ends_when_its_client_is_lost(stage: Stage) -> None:
    begun, ended = Gate(), Gate()

    def script(connection: socket.socket) -> None:
        head_of(connection)
        begun.open()
        assert connection.recv(1) == b""
        ended.open()

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(GET))
    begun.wait()
    client.resets()
    ended.wait()


def test_an_answer_ends_when_its_client_is_lost(stage: Stage) -> None:
    ended = Gate()

    def script(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer(b"200 OK", b"Content-Length: %d" % LARGE))
        try:
            while True:
                connection.sendall(bytes(MIB))
        except ConnectionError:
            ended.open()

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(GET))
    assert client.some(12) == b"HTTP/1.1 200"
    client.resets()
    ended.wait()


LOST = {
    "before its answer": b"",
    "in the head of its answer": b"HTTP/1.1 200 OK\r\nContent-Le",
    "after a provisional answer": b"HTTP/1.1 103 Early Hints\r\n\r\n",
}
BROKEN = {
    "in a body by length": answer(b"200 OK", b"Content-Length: 10", body=b"some"),
    "in a chunk": answer(b"200 OK", b"Transfer-Encoding: chunked", body=b"5\r\nhel"),
    "between chunks": answer(b"200 OK", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"),
    "before the last line of chunks": answer(b"200 OK", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n"),
}


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize("lost", LOST)
def test_a_service_that_is_lost_before_it_answers_is_told(stage: Stage, lost: str, method: bytes) -> None:
    taken: list[bytes] = []

    def script(connection: socket.socket) -> None:
        taken.append(head_of(connection))
        connection.sendall(LOST[lost])
        resets(connection)

    stage.back.begin(script=script)
    client = stage.client()
    told = client.ask(stage.scoped(request(method + b" /x", b"Content-Length: 0")), method)
    assert told.start in (b"502", b"504")
    # What may have been done is not done again.
    assert len(taken) == 1 or method == b"GET"
    stage.back.begin()
    assert client.is_open()


@pytest.mark.parametrize("broken", BROKEN)
def test_an_answer_that_breaks_off_is_never_whole(stage: Stage, broken: str) -> None:
    def script(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(BROKEN[broken])
        connection.close()

    stage.back.begin(script=script)
    told_or_broken_off(stage)


def told_or_broken_off(stage: Stage) -> None:
    try:
        told = stage.client().ask(stage.scoped(GET))
    except (h11.RemoteProtocolError, ConnectionError):
        return
    assert told.start in (b"502", b"504")


def test_a_pooled_connection_that_its_service_has_closed_costs_nobody_an_answer(stage: Stage) -> None:
    for _ in range(5):
        stage.back.begin()
        client = stage.client()
        assert client.ask(stage.scoped(GET)).start == b"200"
        stage.back.hangs_up()
        assert client.ask(stage.scoped(GET)).start == b"200"


# ---- answers that can be read in two ways (RFC 9112, sections 5.2, 6.3 and 7.1): a service that is wrong, or attacked

WRONG = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "two lengths": answer(b"200 OK", b"Content-Length: 2", b"Content-Length: 3", body=b"hi"),
    "a list of lengths": answer(b"200 OK", b"Content-Length: 2, 3", body=b"hi"),
    "a signed length": answer(b"200 OK", b"Content-Length: +2", body=b"hi"),
    "a negative length": answer(b"200 OK", b"Content-Length: -2", body=b"hi"),
    "length and chunks": answer(b"200 OK", b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "NUL in the head": answer(b"200 OK", b"X-A: a\0b", b"Content-Length: 2", body=b"hi"),
    "a name with a space": answer(b"200 OK", b"X A: b", b"Content-Length: 2", body=b"hi"),
    "space before a colon": answer(b"200 OK", b"Content-Length : 2", body=b"hi"),
    "a status of two digits": answer(b"20 OK", b"Content-Length: 2", body=b"hi"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_answer_that_can_be_read_in_two_ways_is_not_passed_on(stage: Stage, wrong: str) -> None:
    stage.back.begin(WRONG[wrong], then_closes=True)
    client = stage.client()
    assert client.ask(stage.scoped(GET)).start in (b"502", b"504")


@pytest.mark.parametrize("size", [b"+5", b"-5", b"0x5", b"", b"f" * 17, b"5 5", b"5\0"])
def test_wrong_chunks_of_an_answer_break_it_off(stage: Stage, size: bytes) -> None:
    chunks = size + b"\r\nhello\r\n0\r\n\r\n"
    stage.back.begin(answer(b"200 OK", b"Transfer-Encoding: chunked", body=chunks), then_closes=True)
    told_or_broken_off(stage)
