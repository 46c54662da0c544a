"""Heads as they go on: hop-by-hop lines out, Via and X-Forwarded in, and all else byte for byte.

What most messages need is done by cutting lines out of the bytes.  What few need (a header that Connection names, a Via
or a trusted proxy before us) is done by the functions of planning/rewriting.py, which tell what is right for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from http import HTTPStatus

from scopeproxy.execution.passthrough.framing import CHUNKED
from scopeproxy.execution.passthrough.head import Fields, Line, ReplyHead, every_line
from scopeproxy.model.messages import Headers, Reply
from scopeproxy.planning.carriers import SEPARATOR
from scopeproxy.planning.rewriting import (
    HOP_BY_HOP,
    SCOPE_RESPONSE,
    is_trusted,
    to_client,
    to_service,
    via,
    with_via,
)

# RFC 9110, section 7.6.1, in bytes.
_HOP_BY_HOP = frozenset(name.encode() for name in HOP_BY_HOP)
_OF_PROXIES = frozenset(name.lower().encode() for name in SCOPE_RESPONSE)
# Options of Connection that name no header which we would have to look for.
_OPTIONS = frozenset({b"keep-alive", b"close", b"te", b"upgrade", b""})
# What frames or routes the message: nobody may have it dropped by naming it.
FRAMING = frozenset({b"content-length", b"transfer-encoding", b"host", b"expect", b"x-auth-token", b"upgrade"})
_FORWARDED = (b"x-forwarded-", b"x-real-ip", b"forwarded")
_TAG = SEPARATOR.encode()

_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_CLOSE = b"Connection: close\r\n"
_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


NO_OPTIONS: frozenset[bytes] = frozenset()
# What Connection says on nearly all messages.
_USUAL: dict[bytes | None, frozenset[bytes]] = {
    None: NO_OPTIONS,
    **{value: frozenset({value.lower()}) for value in (b"keep-alive", b"Keep-Alive", b"close")},
}


def options_of(lines: Iterable[Line]) -> frozenset[bytes]:
    """What Connection says, in lower case: `close` and the like, and names of headers."""
    said = None
    for name, value, _, _ in lines:
        if name == b"connection":
            said = value if said is None else b"%b,%b" % (said, value)
    usual = _USUAL.get(said)
    if usual is not None:
        return usual
    return frozenset(option.strip(b" \t").lower() for option in (said or b"").split(b","))


def names_headers(options: Set[bytes]) -> bool:
    """Whether Connection names headers which are to be dropped with it."""
    return not options <= _OPTIONS


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end of a connection: its address, the scheme it speaks, and whom we trust to be a proxy."""

    address: str
    scheme: str
    trusted: tuple[str, ...] = ()


class Onward:
    """How the heads of one client's calls go on, and those of their answers, at the proxy of one site."""

    __slots__ = ("_before_host", "_client", "_here", "_trusts", "_via", "_via_end", "_via_line", "_via_more")

    def __init__(self, here: str, client: Client) -> None:
        self._here, self._client = here, client
        self._trusts = is_trusted(client.address, client.trusted)
        told = f"X-Forwarded-For: {client.address}\r\nX-Forwarded-Proto: {client.scheme}\r\nX-Forwarded-Host: "
        self._before_host = told.encode()
        self._via_line = f"Via: {via(here)}\r\n".encode()
        self._via = b"\r\n" + self._via_line
        self._via_end = self._via_line + b"\r\n"
        self._via_more = f", {via(here)}".encode()

    def fields(self, fields: Fields, framing: int, host: bytes, upgrades: bool = False) -> bytes:
        """The fields of a call as its service gets them: made once, for all calls that have the same."""
        if not fields.onward:
            fields.onward = self._fields(fields, framing, host, upgrades)
        return fields.onward

    def _fields(self, fields: Fields, framing: int, host: bytes, upgrades: bool) -> bytes:
        more = (_CHUNKED if framing == CHUNKED else b"") + (_UPGRADE if upgrades else b"")
        spans, long = [], self._trusts or names_headers(options_of(fields.lines))
        for name, _, start, end in fields.lines:
            if name in _HOP_BY_HOP or name.startswith(_FORWARDED):
                spans.append((start, end))
            elif name == b"via":
                long = True
        if long:
            client, headers = self._client, decoded(every_line(fields.raw))
            passing = to_service(headers, client.address, client.scheme, host.decode(), client.trusted)
            return encoded(with_via(passing, self._here), more)
        lines = _without(fields.raw, 0, len(fields.raw) - 4, spans)
        return b"%b\r\n%b%b%b%b\r\n" % (lines[2:], self._before_host, host, self._via, more)

    def reply(self, head: ReplyHead, framing: int, last: bool, options: Set[bytes], told: bytes = b"") -> bytes:
        """The head of an answer as the client gets it.  `last`: whether the connection ends with it; `options`: what
        its Connection says; `told`: lines of ours."""
        if head.usual and not (last or framing < 0 or (head.status == 204 and head.length is not None)):
            data, end, after = head.data, head.end - 2, self._via_end
            if told:
                after = b"%b%b\r\n" % (self._via_line, told)
            if head.cut < 0:
                return data[:end] + after
            return b"".join((data[: head.cut], data[head.after : end], after))
        spans, long, via = [], not options <= _OPTIONS, 0
        for name, value, start, end in head.lines:
            if name == b"content-length":
                if head.status == 204:
                    # RFC 9110, section 8.6.
                    spans.append((start, end))
            elif name in _HOP_BY_HOP or name in _OF_PROXIES:
                spans.append((start, end))
            elif name == b"via" and not via and head.data[start:end] == b"\r\nVia: " + value:
                # Another proxy was before us: most often the other site's.
                via = end
            elif name == b"via" or _TAG in value:
                long = True
        more = told + _CHUNKED if framing < 0 else told
        if last:
            more += _CLOSE
        if long:
            headers = to_client(decoded(every_line(head.data[head.first : head.end])), self._here)
            return b"HTTP/1.1 %d %b\r\n%b" % (head.status, head.reason, encoded(headers, more))
        data, first, end = head.data, head.first, head.end - 4
        if via:
            above, below = [span for span in spans if span[1] <= via], [span for span in spans if span[1] > via]
            lines = _without(data, first, via, above) + self._via_more + _without(data, via, end, below)
            return b"HTTP/1.1 %d %b%b\r\n%b\r\n" % (head.status, head.reason, lines, more)
        lines = _without(data, first, end, spans)
        return b"HTTP/1.1 %d %b%b\r\n%b%b\r\n" % (head.status, head.reason, lines, self._via_line, more)

    def switching(self, head: ReplyHead) -> bytes:
        """The head of a 101, with which the connection becomes one of another protocol (RFC 9110, section 7.8)."""
        return self.reply(head, 0, False, frozenset())[:-2] + _UPGRADE + b"\r\n"

    def told(self, reply: Reply, method: bytes, last: bool) -> bytes:
        """An answer of our own, whole."""
        try:
            phrase = reply.reason or HTTPStatus(reply.status).phrase
        except ValueError:
            phrase = ""
        lines = encoded(with_via(reply.headers, self._here), _CLOSE if last else b"")
        head = f"HTTP/1.1 {reply.status} {phrase}\r\n".encode() + lines
        return head if method == b"HEAD" else head + reply.body


def _without(data: bytes, start: int, end: int, spans: Sequence[tuple[int, int]]) -> bytes:
    """The bytes between, less these spans: each begins where a line before it ends."""
    if not spans:
        return data[start:end]
    parts = []
    for cut, after in spans:
        parts.append(data[start:cut])
        start = after
    parts.append(data[start:end])
    return b"".join(parts)


def decoded(lines: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers as text; bytes that are none come back as they were."""
    return tuple((name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in lines)


def encoded(headers: Headers, more: bytes) -> bytes:
    """The lines of a head behind its first one: headers, and further lines."""
    return b"%b%b\r\n" % (lines_of(headers), more)


def lines_of(headers: Headers) -> bytes:
    """Headers as the lines that they are in a head."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("utf-8", "surrogateescape")
