"""Follows a chunked body through its chunk sizes, without touching or copying its data: RFC 9112, section 7.1."""

from __future__ import annotations

import enum
import re

from scopeproxy.execution.passthrough.head import Malformed

# `1*HEXDIG [ chunk-ext ] CRLF`.  Fifteen digits fit everybody's 64 bits with their sign; no sign, no `0x`, no space
# around the size.  An extension begins by `;` and holds no control character: a bare LF in it is how chunks smuggle.
# It is no longer than a line may be.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15}+)(?:;[^\x00-\x08\x0a-\x1f\x7f]{0,4096}+)?+\r\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):[^\x00-\x08\x0a-\x1f\x7f]*+\r\n")
_SIZE_BEGUN = re.compile(rb"(?:[0-9A-Fa-f]{1,15}+(?:;[^\x00-\x08\x0a-\x1f\x7f]*+)?+)?+\r?+")
_FIELD_BEGUN = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++(?::[^\x00-\x08\x0a-\x1f\x7f]*+)?+)?+\r?+")

# RFC 9110, section 6.5.1: what must not be in trailers, because a reader may merge them into the head.
_NO_TRAILER = re.compile(
    rb"(?i:connection|content-.*|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade|via|authorization|"
    rb"forwarded|x-forwarded-.*|x-real-ip|x-auth-token|x-subject-token|x-service-token|x-scope.*)"
)

_LINE = 4096
_TRAILERS = 64 * 1024


class Where(enum.Enum):
    """What comes next in a chunked body."""

    SIZE = "the line with the size of a chunk"
    DATA = "data of a chunk"
    AFTER = "the line end after the data"
    TRAILER = "a line of the trailers, or the empty line behind them"
    END = "nothing: the body has ended"


# RFC 9112, 7.1: what may come after what.
MOVES: dict[Where, frozenset[Where]] = {
    Where.SIZE: frozenset({Where.DATA, Where.TRAILER}),
    Where.DATA: frozenset({Where.AFTER}),
    Where.AFTER: frozenset({Where.SIZE}),
    Where.TRAILER: frozenset({Where.TRAILER, Where.END}),
    Where.END: frozenset(),
}


class Chunks:
    """A chunked body.  Lines pass once they are whole, so nothing that is malformed passes at all."""

    __slots__ = ("_left", "_trailers", "where")

    def __init__(self) -> None:
        self.where = Where.SIZE
        self._left = 0
        self._trailers = 0

    @property
    def done(self) -> bool:
        """Whether the body has ended."""
        return self.where is Where.END

    def follow(self, data: bytes, at: int = 0, into: list[bytes] | None = None) -> int:
        """Where in the data, from `at`, that ends which may pass; a line that was begun is to be shown again.

        `into`: takes what is in the chunks.  Raises Malformed.
        """
        while True:
            match self.where:
                case Where.SIZE:
                    found = _SIZE.match(data, at)
                    if found is None:
                        _check_begun(data, at, _SIZE_BEGUN)
                        return at
                    at, self._left = found.end(), int(found[1], 16)
                    self.where = Where.DATA if self._left else Where.TRAILER
                case Where.DATA:
                    here = len(data) - at
                    if into is not None and here:
                        into.append(data[at : at + self._left])
                    if here < self._left:
                        self._left -= here
                        return len(data)
                    at, self._left, self.where = at + self._left, 0, Where.AFTER
                case Where.AFTER:
                    if not data.startswith(b"\r\n", at):
                        if data[at:] not in (b"", b"\r"):
                            raise Malformed("a chunk is longer than its size")
                        return at
                    at, self.where = at + 2, Where.SIZE
                case Where.TRAILER:
                    passed = self._trailer(data, at)
                    if passed == at:
                        return at
                    at = passed
                case Where.END:
                    return at

    def _trailer(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self.where = Where.END
            return at + 2
        found = _FIELD.match(data, at)
        if found is None:
            _check_begun(data, at, _FIELD_BEGUN)
            return at
        if _NO_TRAILER.fullmatch(found[1]):
            raise Malformed("a trailer holds what belongs into the head")
        self._trailers += found.end() - at
        if self._trailers > _TRAILERS:
            raise Malformed("the trailers are too long")
        return found.end()


def _check_begun(data: bytes, at: int, beginning: re.Pattern[bytes]) -> None:
    """Raise Malformed unless this may be the beginning of a line that is still to come whole."""
    begun = data[at : at + _LINE + 1]
    if len(begun) > _LINE or not beginning.fullmatch(begun):
        raise Malformed("a line between the chunks is wrong")
