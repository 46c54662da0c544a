"""The bytes of a reply: how each is framed for whom, and what is not sent."""

from __future__ import annotations

import pytest

from scopeproxy.execution.passthrough.answer import answer
from scopeproxy.model.messages import Reply


class Rest:
    def __init__(self, *pieces):
        self._pieces = pieces

    async def __aiter__(self):
        for piece in self._pieces:
            yield piece

    async def aclose(self):
        pass


async def sent(told):
    got = []
    await collected(told, got)
    return b"".join(got)


async def collected(told, got):
    async for piece in told.pieces():
        got.append(bytes(piece))


HELD, COMING = Reply("P", 200, (("A", "b"),), b"hi"), Reply("P", 200, (("A", "b"),), b"hi", Rest(b"ho", b"", b"x"))
KNOWN = Reply("P", 200, (("content-length", "5"),), b"hi", Rest(b"ho", b"x"))
OK, OLD = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n"


@pytest.mark.parametrize(
    ("reply", "method", "minor", "last", "bytes_", "ends"),
    [
        (HELD, "GET", 1, False, OK + b"A: b\r\nContent-Length: 2\r\n\r\nhi", False),
        (HELD, "GET", 1, True, OK + b"A: b\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", True),
        (HELD, "GET", 0, True, OLD + b"A: b\r\nContent-Length: 2\r\n\r\nhi", True),
        (HELD, "GET", 0, False, OLD + b"A: b\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi", False),
        (HELD, "HEAD", 1, False, OK + b"A: b\r\n\r\n", False),
        (COMING, "GET", 1, False,
         OK + b"A: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n2\r\nho\r\n1\r\nx\r\n0\r\n\r\n", False),
        (COMING, "GET", 0, False, OLD + b"A: b\r\n\r\nhihox", True),
        (COMING, "HEAD", 1, False, OK + b"A: b\r\n\r\n", False),
        (KNOWN, "GET", 1, False, OK + b"content-length: 5\r\n\r\nhihox", False),
        (Reply("P", 204, (("Content-Length", "0"),)), "PUT", 1, False, b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (Reply("P", 304, (("Content-Length", "9"),), b"x"), "GET", 1, False,
         b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", False),
        (Reply("P", 299, (("A", "\udcff\u00e9"),), reason="Odd"), "GET", 1, False,
         b"HTTP/1.1 299 Odd\r\nA: \xff\xc3\xa9\r\nContent-Length: 0\r\n\r\n", False),
        (Reply("P", 799), "GET", 1, False, b"HTTP/1.1 799 \r\nContent-Length: 0\r\n\r\n", False),
    ],
)  # fmt: skip
async def test_a_reply_is_framed_so_that_its_end_can_be_told(reply, method, minor, last, bytes_, ends):
    told = answer(reply, method, minor, last)
    assert told.last == ends
    assert await sent(told) == bytes_


@pytest.mark.parametrize("length", ["4", "6"])
async def test_a_body_that_is_not_as_long_as_its_head_says_is_never_whole(length):
    told = answer(Reply("P", 200, (("Content-Length", length),), b"hi", Rest(b"hox")), "GET", 1, False)
    got: list[bytes] = []
    with pytest.raises(ConnectionError):
        await collected(told, got)
    assert len(b"".join(got).partition(b"\r\n\r\n")[2]) < int(length)


async def test_a_large_body_goes_piece_by_piece():
    body = bytes(range(256)) * 4096
    pieces = [bytes(piece) async for piece in answer(Reply("P", 200, (), body), "GET", 1, False).pieces()]
    assert max(map(len, pieces)) < 300_000
    assert b"".join(pieces).partition(b"\r\n\r\n")[2] == body


def test_a_control_character_in_a_head_is_not_sent():
    with pytest.raises(ValueError, match="control character"):
        answer(Reply("P", 200, (("A", "b\r\nC: d"),)), "GET", 1, False)
