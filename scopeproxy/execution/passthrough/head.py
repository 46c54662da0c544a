"""Heads of HTTP/1.1 messages as bytes: where one ends, whether it is well formed, and the lines that matter to us.

A head is validated whole by one expression, which is stricter than most servers; what it says is left where it is.
"""

from __future__ import annotations

import re

from scopeproxy.errors import CallerError

# A header line that matters: its name in lower case, its value, and where in the data it lies: from the line end before
# it to the one behind it, so that cutting it out leaves a head.
Line = tuple[bytes, bytes, int, int]

END = b"\r\n\r\n"

# RFC 9110, section 5.6.2: what names and methods are made of.
_TOKEN = rb"[\w!#$%&'*+.^`|~-]++"

# RFC 9112, section 5: `name: value`, with no space before the colon, on one line (5.2: no obs-fold), of no control
# characters but the tab (RFC 9110, 5.5: NUL, CR and LF make a value dangerous).  Lines end by CRLF (RFC 9112, 2.2).
_LINE = _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n"
_LINES = rb"(?:" + _LINE + rb")*+\r\n"

# RFC 9112, section 3.  The target is whatever a URL may be made of: services are stricter, or not, as they like.
_REQUEST = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]++) HTTP/1\.([01])(?=\r\n)")
_FIELDS = re.compile(rb"\r\n" + _LINES)
# RFC 9112, section 4: the reason may be empty, and some leave out the space before it.
_REASON = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
_BEFORE_REASON = len("HTTP/1.1 200 ")
_REPLY = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: " + _REASON + rb")?\r\n" + _LINES)

_VALUE = rb"):[ \t]*+([^\r]*+)"
# Most lines are told by their first letter not to be among them.
_OF_REQUESTS = re.compile(
    rb"\r\n(?=[cCeEfFhHkKpPtTuUvVxX])((?i:connection|content-length|expect|forwarded|host|keep-alive|proxy-(?:connection|auth[a-z]++)|te|trailer|"
    rb"transfer-encoding|upgrade|via|x-auth-token|x-forwarded-[^:]*+|x-openstack-request-id|x-real-ip|x-scope[^:]*+|"
    rb"x-subject-token)" + _VALUE
)
_MATTER = (
    rb"[cC](?i:onnection|ontent-length)|[kK](?i:eep-alive)|[pP](?i:roxy-(?:connection|auth[a-z]++))|"
    rb"[tT](?i:e|railer|ransfer-encoding)|[uU](?i:pgrade)|[vV](?i:ia)|[xX]-(?i:auth-token|scope-[^:]*+|subject-token)"
)
_OF_REPLIES = re.compile(rb"\r\n(?=[cCkKpPtTuUvVxX])(" + _MATTER + _VALUE)

# What nearly all services answer, in one look: of the lines that matter at most a Content-Length, and behind it a
# Connection which says keep-alive.  All else that is well formed is left to the two expressions above.
_OTHERS = rb"(?:(?:(?=[^cCkKpPtTuUvVxX])|(?!(?:" + _MATTER + rb"):))" + _LINE + rb")*+"
_USUAL = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9]) " + _REASON + rb"\r\n" + _OTHERS +
    rb"(?:(?i:content-length):[ \t]*+([0-9]{1,18}+)[ \t]*+\r\n" + _OTHERS + rb")?+"
    rb"(?:((?i:connection):[ \t]*+(?i:keep-alive)[ \t]*+\r\n)" + _OTHERS + rb")?+\r\n"
)  # fmt: skip

# What no beginning of a head holds: a control character, a line feed alone, a carriage return in a line.
_NEVER = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?=[^\n])")


class Malformed(CallerError):
    """The client's bytes are no HTTP/1.1 that everybody reads in the same way; the connection ends with it."""


class HeadTooLarge(CallerError):
    """The head of the request is over its limit."""

    status = 431


class Fields:
    """The header lines of a request: from the line end before the first of them to the empty line behind the last.

    `lines`: those that matter; `ascii`: whether all bytes are; `onward`: the lines as they go on, once that is known.
    """

    __slots__ = ("ascii", "lines", "onward", "raw")

    def __init__(self, raw: bytes) -> None:
        """Raises Malformed."""
        if not _FIELDS.fullmatch(raw):
            raise Malformed("the head of the request is no HTTP/1.1, or can be read in more than one way")
        self.raw, self.ascii, self.onward = raw, raw.isascii(), b""
        self.lines = [
            (line[1].lower(), line[2].rstrip(b" \t"), line.start(), line.end()) for line in _OF_REQUESTS.finditer(raw)
        ]


class RequestHead:
    """The head of a request: its first line, and the rest; `minor`: of HTTP/1."""

    __slots__ = ("fields", "method", "minor", "target")

    def __init__(self, data: bytes, start: int, end: int, known: Fields | None = None) -> None:
        """Read it from the data.  `known`: the fields of the request before it, which often come again.

        Raises Malformed.
        """
        found = _REQUEST.match(data, start, end)
        if found is None:
            raise Malformed("the first line of the request is no HTTP/1.1")
        self.method, self.target, self.minor = found.groups()
        raw = data[found.end() : end]
        self.fields = known if known is not None and known.raw == raw else Fields(raw)


class ReplyHead:
    """The head of an answer in `data`, 0 to `end`.

    `minor`: of HTTP/1; `usual`: whether nearly all are like it.  Then all that matters of it are its `length`, None
    where it tells none, and a Connection to be cut out: from `cut` to `after`, which are negative where it has none.
    """

    __slots__ = ("_lines", "after", "cut", "data", "end", "length", "minor", "status", "usual")

    def __init__(self, data: bytes, end: int) -> None:
        """Raises Malformed."""
        self.data, self.end = data, end
        self._lines: list[Line] | None = None
        found = _USUAL.fullmatch(data, 0, end)
        if found is not None:
            status, length = found.group(1, 2)
            self.status, self.minor = int(status), b"1"
            self.length = None if length is None else int(length)
            self.cut, self.after = found.span(3)
            self.usual = True
            return
        found = _REPLY.fullmatch(data, 0, end)
        if found is None:
            raise Malformed("what it answered is not HTTP")
        self.minor, status = found.groups()
        self.status, self.usual = int(status), False

    @property
    def first(self) -> int:
        """Where its first line ends."""
        return self.data.index(b"\r\n")

    @property
    def reason(self) -> bytes:
        """The phrase behind its status."""
        return self.data[_BEFORE_REASON : self.first]

    @property
    def lines(self) -> list[Line]:
        """Its lines that matter."""
        if self._lines is None:
            self._lines = [
                (line[1].lower(), line[2].rstrip(b" \t"), line.start(), line.end())
                for line in _OF_REPLIES.finditer(self.data, self.first, self.end)
            ]
        return self._lines


def check_beginning(data: bytes, at: int = 0) -> None:
    """Raise Malformed for data which will be no head whatever comes next, so that nobody waits for its end.

    `at`: where it was not looked at yet.
    """
    if _NEVER.search(data, at):
        raise Malformed("the head of the request is no HTTP/1.1: lines end by CRLF, and hold no control characters")


def every_line(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Every header line of a head that is well formed, from the end of its first line on: name and value, in order."""
    lines = (line.partition(b":") for line in raw[2:-4].split(b"\r\n") if line)
    return [(name, value.strip(b" \t")) for name, _, value in lines]
