"""A body goes from its first byte, as fast as it is taken, and whole or not at all."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.bodies import Once
from scopeproxy.execution.passthrough import sending
from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.outgoing import Head
from scopeproxy.execution.passthrough.sending import Sending
from scopeproxy.model.messages import Held
from tests.execution.passthrough.conftest import Socket

HEAD = b"PUT /x HTTP/1.1\r\n\r\n"


class Sender:
    """A body on its way to a pretended service."""

    def __init__(self, road, body, chunked=False, expects=False):
        self.back = Back(road.pool, "http://h")
        self.socket = Socket(self.back)
        self.moved, self.lost = 0, []
        self.sending = Sending(Head(HEAD, chunked, expects), body, self._moved, self.lost.append)
        self.at_once = self.sending.begin(self.back)

    def _moved(self):
        self.moved += 1

    async def settle(self):
        """What was sent of the body."""
        for _ in range(10):
            await asyncio.sleep(0)
        return self.socket.out.removeprefix(HEAD)


async def pieces(*parts):
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


def stream(*parts, length=None):
    return Once(pieces(*parts), length)


async def test_a_body_at_hand_goes_with_its_head(road):
    sender = Sender(road, Held(b"hello"))
    assert (sender.at_once, sender.sending.sent) == (HEAD + b"hello", True)


async def test_a_large_one_goes_in_parts_each_of_which_counts(road, monkeypatch):
    monkeypatch.setattr(sending, "_AT_ONCE", 2)
    sender = Sender(road, Held(b"hello"))
    assert (sender.at_once, sender.sending.sent) == (b"", False)
    assert await sender.settle() == b"hello"
    assert (sender.moved, sender.sending.sent) == (3, True)


@pytest.mark.parametrize(("chunked", "out"), [(False, HEAD), (True, HEAD + b"0\r\n\r\n")])
async def test_a_body_without_bytes_is_a_head(road, chunked, out):
    sender = Sender(road, stream(length=None if chunked else 0), chunked=chunked)
    await sender.settle()
    assert (sender.socket.out, sender.sending.sent) == (out, True)


async def test_a_body_that_cannot_be_had_is_not_begun(road):
    sender = Sender(road, stream(ConnectionError("it was sent before"), length=5))
    await sender.settle()
    assert (sender.socket.out, sender.sending.begun) == (b"", False)
    assert [str(error) for error in sender.lost] == ["it was sent before"]


async def test_chunks_end_with_an_empty_one_and_no_other_is_empty(road):
    sender = Sender(road, stream(b"ab", b"", b"c"), chunked=True)
    assert await sender.settle() == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert sender.sending.sent


@pytest.mark.parametrize(
    ("parts", "chunked", "out", "why"),
    [
        ((b"abc",), False, b"abc", "its body ended 2 bytes too early"),
        ((b"abc", b"def"), False, b"abc", "its body is longer than it was said to be"),
        ((b"abc", ConnectionError("the client broke off")), False, b"abc", "the client broke off"),
        ((b"abc", ConnectionError("the client broke off")), True, b"3\r\nabc\r\n", "the client broke off"),
        ((b"abc", ValueError("a token")), True, b"3\r\nabc\r\n", "ValueError"),
    ],
)
async def test_half_a_body_is_never_ended(road, parts, chunked, out, why):
    sender = Sender(road, stream(*parts, length=None if chunked else 5), chunked=chunked)
    assert await sender.settle() == out
    assert [str(error) for error in sender.lost] == [why]
    assert not sender.sending.sent


async def test_a_service_that_takes_no_more_is_waited_for_and_its_connection_is_not_done_meanwhile(road):
    sender = Sender(road, stream(b"ab", b"cd", length=4))
    sender.back.paused = True
    assert await sender.settle() == b""
    assert not sender.sending.sent
    sender.back.paused = False
    sender.sending.ready()
    assert await sender.settle() == b"abcd"
    assert sender.sending.sent


async def test_a_service_is_asked_first(road):
    sender = Sender(road, stream(b"ab", length=2), expects=True)
    assert (sender.at_once, await sender.settle()) == (HEAD, b"")
    sender.sending.asked()
    assert await sender.settle() == b"ab"


async def test_a_service_that_answers_instead_is_sent_nothing(road):
    body = stream(b"ab", length=2)
    sender = Sender(road, body, expects=True)
    await sender.settle()
    sender.sending.answered()
    sender.sending.asked()
    assert await sender.settle() == b""
    assert body.replayable
    assert not sender.sending.sent


async def test_an_answer_that_comes_early_does_not_stop_what_was_asked_for(road):
    sender = Sender(road, stream(b"ab", length=2), expects=True)
    sender.sending.asked()
    sender.sending.answered()
    assert await sender.settle() == b"ab"


async def test_what_is_stopped_ends_nothing(road):
    sender = Sender(road, stream(b"ab", length=None), chunked=True)
    sender.sending.stop()
    assert await sender.settle() == b""
    assert sender.lost == []
