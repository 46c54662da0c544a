"""Clients that mean no good, and those that are merely lost, on calls under a scope: nobody else pays for them."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conformance.backend import PATIENCE, Gate, head_of, resets
from tests.conformance.conftest import Stage
from tests.conformance.table import CHUNKED, HERE, PLAIN, THERE, answer, request
from tests.conformance.test_stories import HELD, MIB, poured

SCOPED = (HERE, THERE)
BOTH = b"X-Scope: docs: Paris & Corte"
READ, UPLOAD = request(b"GET /x", BOTH), request(b"PUT /x", BOTH, CHUNKED)


def settled(stage: Stage) -> None:
    """Wait until no site has a call under way."""
    until = time.monotonic() + PATIENCE
    while any(app.lasting.metrics.registry.get_sample_value("scopeproxy_calls_in_flight") for app in stage.apps):
        assert time.monotonic() < until, "a call is still under way"
        time.sleep(0.01)


def resident() -> int:
    """Bytes of memory that this process has; what its sockets hold is not among them."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def is_served(stage: Stage) -> None:
    for back in stage.backs.values():
        back.begin()
    for path in (PLAIN, *SCOPED):
        stage.path = path
        assert stage.client().ask(stage.scoped(request(b"GET /x"))).start == b"200"


# ---- those that leave in the middle of a call to several sites


@pytest.mark.parametrize("answered", [b"", answer(b"200 OK", b"Content-Length: 10", body=b'{"a'), answer(b"200 OK")])
def test_a_read_at_several_sites_ends_at_all_of_them_when_its_client_leaves(sites: Stage, answered: bytes) -> None:
    gates = []
    for back in sites.backs.values():
        begun, ended = Gate(), Gate()
        gates.append((begun, ended))

        def script(connection: socket.socket, begun: Gate = begun, ended: Gate = ended) -> None:
            head_of(connection)
            connection.sendall(answered)
            begun.open()
            with suppress(ConnectionError):
                assert connection.recv(1) == b""
            ended.open()

        back.begin(script=script)
    client = sites.client()
    client.send(READ)
    for begun, _ in gates:
        begun.wait()
    client.resets()
    for _, ended in gates:
        ended.wait()
    settled(sites)
    is_served(sites)


@pytest.mark.parametrize("wrong", [b"", b"x\r\n"])
def test_an_upload_to_several_sites_is_whole_at_none_when_its_client_leaves(sites: Stage, wrong: bytes) -> None:
    gates, whole = [], []
    for back in sites.backs.values():
        begun, ended = Gate(), Gate()
        gates.append((begun, ended))

        def script(connection: socket.socket, begun: Gate = begun, ended: Gate = ended) -> None:
            data = head_of(connection)
            with suppress(ConnectionError):
                while b"hello" not in data:
                    data += connection.recv(1 << 16)
                begun.open()
                while more := connection.recv(1 << 16):
                    data += more
            whole.append(data.endswith(b"0\r\n\r\n"))
            ended.open()

        back.begin(script=script)
    client = sites.client()
    client.send(UPLOAD + b"5\r\nhello\r\n")
    for begun, _ in gates:
        begun.wait()
    if wrong:
        client.send(wrong)
        assert client.answer(b"PUT").start == b"400"
    else:
        client.resets()
    for _, ended in gates:
        ended.wait()
    assert whole == [False, False]
    settled(sites)
    is_served(sites)


# ---- those that are gone, at each state of a call

EXPECTS = request(b"PUT /x", b"Expect: 100-continue", b"Content-Length: 5")
GONE = {
    "in the head": (request(b"GET /x")[:-5], b""),
    "in the fields of a second request": (request(b"GET /x") + request(b"GET /x")[:-5], b"HTTP/1.1 200"),
    "before the body": (request(b"PUT /x", b"Content-Length: 5"), b""),
    "asked for the body": (EXPECTS, b"HTTP/1.1 100"),
    "in the body": (request(b"PUT /x", b"Content-Length: 5") + b"he", b""),
    "in a size": (request(b"PUT /x", CHUNKED) + b"5", b""),
    "in the trailers": (request(b"PUT /x", CHUNKED) + b"5\r\nhello\r\n0\r\nX-Sum", b""),
    "behind the body": (request(b"PUT /x", b"Content-Length: 5") + b"hello", b""),
    "in the answer": (request(b"GET /x"), b"HTTP/1.1 200"),
    "with requests ahead": (request(b"GET /x") * 50, b"HTTP/1.1 200"),
}


@pytest.mark.parametrize("stage", SCOPED, indirect=True)
@pytest.mark.parametrize("gone", GONE)
@pytest.mark.parametrize("how", ["resets", "closes", "ends"])
def test_a_client_may_be_gone_at_any_time(stage: Stage, gone: str, how: str) -> None:
    def asks(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer(b"100 Continue"))
        connection.recv(1)

    sent, before = GONE[gone]
    stage.back.begin(script=asks if before.endswith(b"100") else None)
    client = stage.client()
    client.send(stage.scoped(sent))
    assert client.some(len(before)) == before
    {"resets": client.resets, "closes": client.socket.close, "ends": client.ends}[how]()
    if how == "ends":
        client.rest()
    settled(stage)
    is_served(stage)


# ---- other protocols

UPGRADE = request(b"GET /x", b"Connection: Upgrade", b"Upgrade: websocket")
SWITCHING = answer(b"101 Switching Protocols", b"Connection: Upgrade", b"Upgrade: websocket")


@pytest.mark.parametrize("stage", SCOPED, indirect=True)
@pytest.mark.parametrize("first", ["client", "service"])
def test_another_protocol_ends_at_both_ends(stage: Stage, first: str) -> None:
    begun, ended = Gate(), Gate()

    def script(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(SWITCHING + b"hello")
        begun.wait()
        if first == "service":
            resets(connection)
        else:
            with suppress(ConnectionError):
                assert connection.recv(1) == b""
            ended.open()

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(UPGRADE))
    head = b""
    while not head.endswith(b"hello"):
        head += client.some(1)
    begun.open()
    if first == "client":
        client.resets()
        ended.wait()
    else:
        assert client.rest() == b""
    settled(stage)
    is_served(stage)


@pytest.mark.parametrize("stage", SCOPED, indirect=True)
def test_what_one_end_of_another_protocol_does_not_take_the_other_waits_with(stage: Stage) -> None:
    poured_down, both_full, may_end, block = list[int](), Gate(), Gate(), bytes(1 << 20)

    def script(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(SWITCHING)
        poured_down.append(poured(connection, block, 2 * HELD))
        both_full.open()
        may_end.wait()

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(UPGRADE))
    both_full.wait()
    assert poured(client.socket, block, 2 * HELD) < HELD
    assert poured_down[0] < HELD
    may_end.open()
    client.resets()
    settled(stage)
    is_served(stage)


def test_another_protocol_is_spoken_with_one_site_alone(sites: Stage) -> None:
    for back in sites.backs.values():
        back.begin()
    client = sites.client()
    told = client.ask(request(b"GET /x", BOTH, b"Connection: Upgrade", b"Upgrade: websocket"))
    assert told.start == b"400"
    assert b"needs a single site" in told.body
    assert not any(back.raw for back in sites.backs.values())


# ---- those that send, and do not read


@pytest.mark.parametrize("stage", SCOPED, indirect=True)
def test_who_sends_requests_and_reads_no_answers_is_stopped(stage: Stage) -> None:
    stage.back.begin(answer(b"200 OK", b"Content-Length: 100000", body=bytes(100_000)))
    client = stage.client()
    block = stage.scoped(request(b"GET /x")) * 1000
    # The proxy takes in no more requests than it can answer: what is sent stays with the client.
    assert poured(client.socket, block, HELD) < HELD
    client.resets()
    settled(stage)
    is_served(stage)


@pytest.mark.parametrize("stage", [HERE], indirect=True)
def test_an_upload_of_single_bytes_takes_as_little_memory_as_any(stage: Stage) -> None:
    """Each of them in a chunk of its own: a hundred bytes of memory for one that is sent, if nobody counts them."""
    may_go_on = Gate()

    def script(connection: socket.socket) -> None:
        # Only a sixth of what is sent goes on: a socket that holds much of that would hold all.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        head_of(connection)
        may_go_on.wait()
        resets(connection)

    stage.back.begin(script=script)
    client = stage.client()
    client.send(stage.scoped(request(b"PUT /x", CHUNKED)))
    before = resident()
    assert poured(client.socket, b"1\r\nx\r\n" * 50_000, HELD) < HELD
    assert resident() - before < 24 * MIB
    may_go_on.open()
    client.rest()
    settled(stage)
