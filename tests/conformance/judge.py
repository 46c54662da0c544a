"""Whether our reading of bytes agrees with that of h11, which knows nothing of ours.

We may refuse what h11 takes: we are meant to be stricter.  What we take, it takes too, and it sees the same message.
"""

from __future__ import annotations

import re

import h11

from scopeproxy.errors import CallerError, Unauthorized
from scopeproxy.execution.passthrough.framing import TO_THE_END, Follower, follower, of_reply, of_request
from scopeproxy.execution.passthrough.head import END, Malformed, ReplyHead, RequestHead, check_beginning, every_line
from scopeproxy.planning.carriers import SEPARATOR, Tags, strip
from tests.conformance.backend import Message, messages

# RFC 9112, section 7.1.1, lets space stand before an extension; h11 does not.
_SPACED = re.compile(rb"[0-9A-Fa-f][ \t]+;")
_EMPTY = re.compile(rb"(?:\r\n)*")
_CHUNKS = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")


def request(data: bytes, cuts: tuple[int, ...] = ()) -> bool:
    """Read one request, cut in pieces.  Whether we took it; an AssertionError where h11 takes something else."""
    read = _request_of_ours(data, cuts)
    if read is None:
        return False
    # RFC 9112, section 2.2, lets empty lines stand before a request; h11 does not.
    agree(h11.Connection(h11.SERVER, 1 << 20), data[_EMPTY.match(data).end() :], read)
    return True


def reply(data: bytes, cuts: tuple[int, ...] = (), method: bytes = b"GET") -> bool:
    """The same for an answer to a method."""
    read = _reply_of_ours(data, cuts, method)
    if read is None:
        return False
    reader = h11.Connection(h11.CLIENT, 1 << 20)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    reader.send(h11.EndOfMessage())
    agree(reader, data, read)
    return True


def tag(tags: Tags, value: str) -> None:
    """A value that nobody made with the key of these tags is refused, or has no tag."""
    try:
        found = tags.untag(value, 0.0)
    except Unauthorized:
        return
    assert found.tag is None
    assert SEPARATOR not in value
    assert found.token.value == value == strip(value)


Read = tuple[bytes, list[tuple[bytes, bytes]], bytes, bytes]


def agree(reader: h11.Connection, data: bytes, read: Read) -> None:
    left = [data, b""]
    try:
        seen: Message | None = messages(reader, lambda: left.pop(0) if left else b"")
    except h11.RemoteProtocolError as error:
        if _SPACED.search(data):
            return
        raise AssertionError(f"we took what h11 refuses: {error}") from error
    assert seen is not None
    start, lines, body, rest = read
    assert seen.start == start
    # The coding is all that h11 writes in small letters.
    assert list(seen.lines) == [
        (name, value.lower() if name == b"transfer-encoding" else value) for name, value in lines
    ]
    assert seen.body == body
    assert reader.trailing_data[0] == rest


def _request_of_ours(data: bytes, cuts: tuple[int, ...]) -> Read | None:
    begin = 0
    while data.startswith(b"\r\n", begin):
        begin += 2
    end = data.find(END, begin) + len(END)
    try:
        if end < len(END):
            check_beginning(data[begin:])
            return None
        head = RequestHead(data, begin, end)
        framing = of_request(head.fields.lines)
        names = [name for name, _, _, _ in head.fields.lines]
        if head.minor != b"1" or names.count(b"host") != 1:
            return None
        found = _followed(follower(framing), data[end:], _within(cuts, end))
    except CallerError:
        return None
    if found is None:
        return None
    lines = [(name.lower(), value) for name, value in every_line(head.fields.raw)]
    passed, rest = found
    return head.method + b" " + head.target, lines, _content(passed) if framing < 0 else passed, rest


def _reply_of_ours(data: bytes, cuts: tuple[int, ...], method: bytes) -> Read | None:
    end = data.find(END) + len(END)
    if end < len(END):
        return None
    try:
        head = ReplyHead(data, end)
        if head.status < 200:
            return None
        framing = of_reply(method, head)
        found = _followed(follower(framing), data[end:], _within(cuts, end))
    except Malformed:
        return None
    if found is None and framing != TO_THE_END:
        return None
    lines = [(name.lower(), value) for name, value in every_line(data[head.first : end])]
    passed, rest = found or (data[end:], b"")
    return b"%d" % head.status, lines, passed if framing != -1 else _content(passed), rest


def _within(cuts: tuple[int, ...], end: int) -> list[int]:
    return sorted(cut - end for cut in cuts if cut > end)


def _followed(body: Follower, data: bytes, cuts: list[int]) -> tuple[bytes, bytes] | None:
    """What passes and what is left, of data that comes in pieces; None where the body has not ended."""
    passed, held, at = b"", b"", 0
    for cut in (*cuts, len(data)):
        held, at = held + data[at:cut], max(at, cut)
        if body.done:
            continue
        to = body.follow(held)
        passed, held = passed + held[:to], held[to:]
    return (passed, held) if body.done else None


def _content(chunked: bytes) -> bytes:
    """The data of a chunked body that was found to be whole."""
    found, at = b"", 0
    while True:
        line = _CHUNKS.match(chunked, at)
        assert line is not None
        size = int(line[1], 16)
        if not size:
            return found
        found += chunked[line.end() : line.end() + size]
        at = line.end() + size + 2
