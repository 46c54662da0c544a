"""A reply of the journey as bytes: which lines frame it, and how its body is told to be whole."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

from scopeproxy.model.messages import Reply, header, without
from scopeproxy.planning.rewriting import UPGRADE

# Bytes that are written in one go: of a large body the rest waits for the client, and not for the loop.
_AT_ONCE = 256 * 1024

_BARE = frozenset({204, 304})
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets.  `last`: whether its connection ends with it; `length`: of the body, where that is told."""

    reply: Reply
    head: bytes
    last: bool
    bare: bool = False
    chunked: bool = False
    length: int | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """What is sent, in order.  Raises ConnectionError for a body that is not as long as the head has told."""
        body, start = memoryview(b"" if self.bare else self.reply.body), self.head
        if self.chunked:
            yield start
            start = b""
            if body:
                yield _chunk(bytes(body))
        else:
            yield start + body[:_AT_ONCE]
            for at in range(_AT_ONCE, len(body), _AT_ONCE):
                yield bytes(body[at : at + _AT_ONCE])
        if self.bare or self.reply.rest is None:
            return
        sent = len(body)
        async for piece in self.reply.rest:
            sent += len(piece)
            if self.length is not None and sent > self.length:
                break
            if piece:
                yield _chunk(piece) if self.chunked else piece
        if self.length is not None and sent != self.length:
            raise ConnectionError("the body is not as long as its head has told")
        if self.chunked:
            yield b"0\r\n\r\n"


def answer(reply: Reply, method: str, minor: int, last: bool) -> Answer:
    """The reply to a request of HTTP/1.`minor` by this method.  `last`: whether no other answer may come after it.

    Raises ValueError for a header with a control character.
    """
    bare = method == "HEAD" or reply.status in _BARE
    # RFC 9110, section 8.6: a 204 has no length; a 304 may have that of what it stands for.
    headers = without(reply.headers, "Content-Length") if reply.status == 204 else reply.headers
    if reply.status == 101:
        return Answer(reply, _head(reply, (*headers, *UPGRADE), minor), True)
    told = header(headers, "Content-Length")
    chunked, length = False, None
    if not bare:
        if told is not None:
            length = int(told)
        elif reply.rest is None:
            length = len(reply.body)
            headers = (*headers, ("Content-Length", str(length)))
        elif minor:
            chunked = True
            headers = (*headers, ("Transfer-Encoding", "chunked"))
        else:
            # To a client of HTTP/1.0 the end of such a body is the end of the connection.
            last = True
    if last and minor:
        headers = (*headers, ("Connection", "close"))
    elif not last and not minor:
        headers = (*headers, ("Connection", "keep-alive"))
    return Answer(reply, _head(reply, headers, minor), last, bare, chunked, length)


def _head(reply: Reply, headers: tuple[tuple[str, str], ...], minor: int) -> bytes:
    lines = [f"HTTP/1.{minor} {reply.status} {reply.reason or _phrase(reply.status)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if any(map(_CONTROL.search, lines)):
        raise ValueError("a header of the answer holds a control character")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
