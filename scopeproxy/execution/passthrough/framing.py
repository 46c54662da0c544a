"""How far the body of a message goes: RFC 9112, section 6, without what two readers could understand in two ways."""

from __future__ import annotations

from collections.abc import Sequence

from scopeproxy.execution.passthrough.chunks import Chunks
from scopeproxy.execution.passthrough.head import Line, Malformed, ReplyHead

# How a body is delimited: so many bytes, or one of these.
CHUNKED, TO_THE_END = -1, -2

# Sixteen digits and more are no length of anything; eighteen still fit everybody's 64 bits.
_DIGITS = 18

_BARE = frozenset({204, 304})


def of_request(lines: Sequence[Line]) -> int:
    """The body of a request with these lines; without framing it has none (RFC 9112, 6.3, point 7).

    Raises Malformed for what is refused, and not mended: mending is how requests are smuggled (RFC 9112, 11.2).
    """
    framing = _framing(lines)
    return 0 if framing is None else framing


def check_old(lines: Sequence[Line]) -> None:
    """Raise Malformed for a request of HTTP/1.0 with a Transfer-Encoding, which may mean anything (RFC 9112, 6.1)."""
    if _framing(lines) == CHUNKED:
        raise Malformed("a Transfer-Encoding under HTTP/1.0 is not taken")


def of_reply(method: bytes, head: ReplyHead) -> int:
    """The body of an answer to a method; without framing it goes to the end of the connection (point 8)."""
    framing = head.length if head.usual else _framing(head.lines)
    if method == b"HEAD" or head.status in _BARE or head.status < 200:
        # Points 1 and 2: whatever the head says.
        return 0
    if framing == CHUNKED and head.minor == b"0":
        raise Malformed("a Transfer-Encoding under HTTP/1.0")
    return TO_THE_END if framing is None else framing


def _framing(lines: Sequence[Line]) -> int | None:
    length: int | None = None
    for name, value, _, _ in lines:
        if name == b"content-length":
            if length is not None:
                raise Malformed("Content-Length, or it and Transfer-Encoding, are there more than once")
            # RFC 9110, 8.6: digits; no sign, no list, no other base.  `isdigit` of bytes knows ASCII alone.
            if not value.isdigit() or len(value) > _DIGITS:
                raise Malformed("a Content-Length is a number in digits")
            length = int(value)
        elif name == b"transfer-encoding":
            if length is not None or value.lower() != b"chunked":
                raise Malformed("a Transfer-Encoding is `chunked` and nothing else, and stands alone")
            length = CHUNKED
    return length


class Length:
    """A body of so many bytes."""

    __slots__ = ("left",)

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def done(self) -> bool:
        """Whether the body has ended."""
        return not self.left

    def follow(self, data: bytes, at: int = 0, into: list[bytes] | None = None) -> int:
        """Where in the data, from `at`, that ends which belongs to the body.  `into`: takes it."""
        passed = min(self.left, len(data) - at)
        self.left -= passed
        if into is not None and passed:
            into.append(data[at : at + passed])
        return at + passed


class Endless:
    """A body that goes to the end of its connection."""

    __slots__ = ()

    done = False

    def follow(self, data: bytes, at: int = 0, into: list[bytes] | None = None) -> int:
        """All of it belongs to the body.  `into`: takes it."""
        if into is not None and at < len(data):
            into.append(data[at:])
        return len(data)


Follower = Length | Chunks | Endless


def follower(framing: int) -> Follower:
    """What follows a body that is delimited so."""
    if framing == CHUNKED:
        return Chunks()
    return Endless() if framing == TO_THE_END else Length(framing)
