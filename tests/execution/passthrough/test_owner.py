"""What a connection tells whoever has a call on it, and in which order."""

from __future__ import annotations

import pytest

from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.states import AtService
from tests.execution.passthrough.conftest import Socket

EARLY, MIDDLE = "the connection was closed before an answer", "the connection was closed in the middle of the answer"


class Listener:
    """An owner that notes what it is told.  `tunnel`: itself, where it asks for another protocol."""

    def __init__(self, method=b"GET", sent=True, upgrades=False):
        self.method, self.sent, self.tunnel = method, sent, self if upgrades else None
        self.told = []

    def service_full(self):
        self.told.append("full")

    def service_ready(self):
        self.told.append("ready")

    def provisional(self, head):
        self.told.append(("provisional", head))

    def answer(self, head, framing, options, body):
        self.told.append(("answer", head.status, framing, body))

    def answer_goes_on(self):
        self.told.append("goes on")

    def answer_body(self, data):
        self.told.append(("body", data))

    def ended(self):
        self.told.append("ended")

    def broken(self, back, state, why):
        self.told.append(("broken", state, why))

    def switched(self, head, data):
        self.told.append(("switched", head.status, data))

    def from_service(self, data):
        self.told.append(("said", data))

    def service_ended(self):
        self.told.append("service ended")
        return False


def connected(road, owner):
    back = Back(road.pool, "http://h")
    socket = Socket(back)
    back.carry(owner, b"GET /x HTTP/1.1\r\n\r\n")
    return back, socket


async def test_an_answer_in_one_piece(road):
    owner = Listener()
    back, _ = connected(road, owner)
    back.data_received(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    assert owner.told == [
        ("provisional", b"HTTP/1.1 100 Continue\r\n\r\n"), ("answer", 200, 2, b"hi"), "ended",
    ]  # fmt: skip
    assert back.usable


async def test_an_answer_in_many_and_a_body_that_is_too_fast_for_the_service(road):
    owner = Listener()
    back, _ = connected(road, owner)
    back.pause_writing()
    back.resume_writing()
    back.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    back.data_received(b"2\r\nhi\r\n0\r")
    back.data_received(b"\n\r\n")
    assert owner.told == [
        "full", "ready", ("answer", 200, -1, b""), "goes on", ("body", b"2\r\nhi\r\n"), ("body", b"0\r\n\r\n"), "ended",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "state", "why"),
    [
        (b"", AtService.HEAD, EARLY),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", AtService.BODY, MIDDLE),
        (b"HTTP/1.1 200 OK\r\n\r\nh", AtService.BODY, MIDDLE),
    ],
)  # fmt: skip
async def test_a_reset_is_told_once(road, said, state, why):
    owner = Listener()
    back, socket = connected(road, owner)
    if said:
        back.data_received(said)
    socket.lose()
    assert owner.told[-1] == ("broken", state, why)
    assert sum(told[0] == "broken" for told in owner.told) == 1


async def test_another_protocol_is_its_that_asked_for_it(road):
    owner, other = Listener(upgrades=True), Listener()
    back, _ = connected(road, owner)
    back.data_received(b"HTTP/1.1 101 Switching\r\n\r\nhey")
    back.data_received(b"more")
    back.eof_received()
    assert owner.told == [("switched", 101, b"hey"), ("said", b"more"), "service ended"]
    back, socket = connected(road, other)
    back.data_received(b"HTTP/1.1 101 Switching\r\n\r\n")
    assert other.told == [("broken", AtService.HEAD, "it changed to a protocol that nobody asked for")]
    assert socket.aborted
