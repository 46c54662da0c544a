"""From our reply to the client's socket: byte for byte, and broken off where it broke off."""

from __future__ import annotations

import asyncio
import re

from aiohttp import hdrs, web

from scopeproxy.edges.reading import is_last
from scopeproxy.model.messages import Reply, header

# What concerns this connection alone is aiohttp's to say; all else that it would say of its own is not.
_FRAMING = (hdrs.TRANSFER_ENCODING, hdrs.CONNECTION)
# Bytes that are written in one go: of a large body the rest waits for the client, and not for the loop.
_AT_ONCE = 256 * 1024

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class ExactResponse(web.StreamResponse):
    """A response with the headers it is given, and no others but those of the connection."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(status=reply.status, reason=reply.reason or None)
        for name, value in reply.headers:
            # RFC 9110, section 8.6: a 204 has no length; a 304 may have that of what it stands for.
            if reply.status != 204 or name.lower() != "content-length":
                self.headers.add(name, value)

    async def _prepare_headers(self) -> None:
        given = list(self.headers.items())
        await super()._prepare_headers()
        framing = [(name, self.headers[name]) for name in _FRAMING if name in self.headers]
        self.headers.clear()
        self.headers.extend([*given, *framing])

    async def _write_headers(self) -> None:
        """The head's bytes as they were read: aiohttp's own writer drops those that are no UTF-8."""
        assert self._req is not None
        assert self._payload_writer is not None
        version = self._req.version
        lines = [f"HTTP/{version.major}.{version.minor} {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if any(map(_CONTROL.search, lines)):
            raise ValueError("a header of the answer holds a control character")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        self._payload_writer._write(head)  # type: ignore[attr-defined]


class HeldResponse(ExactResponse):
    """A response whose body is held."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._held = reply.body
        self.content_length = len(reply.body)

    async def write_eof(self, data: bytes = b"") -> None:
        await super().write_eof(self._held)


async def write(request: web.BaseRequest, reply: Reply, patience: float, last: bool = False) -> web.StreamResponse:
    """Send the reply.  `patience`: seconds that the client may take for each piece of it; `last`: whether the
    connection ends with it.

    Once the head is out, a body that breaks off can only be told by breaking off as well.
    """
    response = ExactResponse(reply)
    bare = request.method == hdrs.METH_HEAD or reply.status in (204, 304)
    if reply.rest is None and not bare and header(reply.headers, "Content-Length") is None:
        response.content_length = len(reply.body)
    endless = reply.rest is not None and not bare and header(reply.headers, "Content-Length") is None
    if last or is_last(request) or (endless and request.version < (1, 1)):
        # To a client of HTTP/1.0 the end of such a body is the end of the connection.
        response.force_close()
    try:
        async with asyncio.timeout(patience):
            await response.prepare(request)
        for start in range(0, 0 if bare else len(reply.body), _AT_ONCE):
            async with asyncio.timeout(patience):
                await response.write(reply.body[start : start + _AT_ONCE])
        if reply.rest is not None and not bare:
            async for chunk in reply.rest:
                async with asyncio.timeout(patience):
                    await response.write(chunk)
        async with asyncio.timeout(patience):
            await response.write_eof()
    except (ConnectionError, TimeoutError):
        _break_off(request)
    finally:
        if reply.rest is not None:
            await reply.rest.aclose()
    return response


def _break_off(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
