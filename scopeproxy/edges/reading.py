"""From aiohttp's request to ours: what came in, unchanged.

This is the seam at which a faster reader of requests takes over: it gives the same Request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from scopeproxy.errors import BodyBrokenOff, BodyTooSlow, CallerError
from scopeproxy.execution.bodies import Once
from scopeproxy.model.messages import NOTHING, Headers, Request

# What a client gets of the time that a service gets for its answer: that runs from the same piece of the body, and
# whoever is late must be the one to be blamed.
_SHARE = 0.9


class HeadTooLarge(CallerError):
    """The head of the request is over its limit."""

    status = 431


class HeadNotText(CallerError):
    """A header holds what could not be passed on as it is."""


class Incoming(Once):
    """The body as the client sends it.  `failure`: what went wrong with that, which is no site's fault."""

    def __init__(self, request: web.BaseRequest, patience: float) -> None:
        super().__init__(self._chunks(request, patience), request.content_length)
        self.failure: BodyBrokenOff | None = None

    async def _chunks(self, request: web.BaseRequest, patience: float) -> AsyncIterator[bytes]:
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            # Whoever takes the first byte is ready for the body; until then the client waits (RFC 9110, 10.1.1).
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            while True:
                async with asyncio.timeout(patience):
                    chunk = await request.content.readany()
                if not chunk:
                    return
                yield chunk
        except TimeoutError:
            self.failure = BodyTooSlow(f"nothing of the request's body came for {patience:.3g} s")
        except (OSError, web.RequestPayloadError):
            self.failure = BodyBrokenOff("the request's body broke off, or its chunks are wrong")
        raise ConnectionError(str(self.failure))


def raw_target(request: web.BaseRequest) -> str:
    """The request's target, which is a path.  A client that takes us for a forward proxy sends a whole URL, and would
    name two hosts (RFC 9112, section 3.2.2, would have us choose): it is refused."""
    target = request.raw_path
    if not target.startswith("/"):
        raise CallerError("the request's target must be a path that begins with '/'")
    if request.method == "CONNECT":
        raise CallerError("CONNECT is not taken: this is no proxy to other hosts")
    return target


def headers_of(request: web.BaseRequest) -> Headers:
    """The headers as they came: order, case and repetitions kept."""
    return tuple(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in request.raw_headers
    )


def check_head(request: web.BaseRequest, limit: int) -> None:
    """Refuse what a back end might understand in another way than we do, and heads over `limit` bytes."""
    size = len(request.raw_path) + sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
    if size > limit:
        raise HeadTooLarge(f"the request's head has {size} bytes; at most {limit} are taken")
    if _is_oddly_framed(request):
        raise CallerError("a Transfer-Encoding other than chunked, or under HTTP/1.0, is not taken")
    for name, value in request.raw_headers:
        if not _is_text(value):
            # What writes requests for us would leave these bytes out, and we pass calls on whole or not at all.
            raise HeadNotText(f"the header {name.decode(errors='replace')} holds bytes that are not UTF-8")


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_oddly_framed(request: web.BaseRequest) -> bool:
    codings = [coding.lower() for coding in request.headers.getall("Transfer-Encoding", [])]
    return bool(codings) and (codings != ["chunked"] or request.version < (1, 1))


def is_last(request: web.BaseRequest) -> bool:
    """Whether no further request can be read from the connection: nobody knows where it would begin, because a body
    was never asked for and may come or not, or is wrong, or because the parser was told that another protocol begins.
    """
    if request.content.exception() is not None:
        return True
    if (
        request.method == "CONNECT"
        or not request.raw_path.startswith("/")
        or "Upgrade" in request.headers
        or _is_oddly_framed(request)
    ):
        return True
    return "Expect" in request.headers and not request.content.is_eof()


def read(request: web.BaseRequest, service: str, target: str, patience: float) -> Request:
    """The request for a service.  `patience`: seconds that the service may take after a piece of the body."""
    body = Incoming(request, patience * _SHARE) if request.body_exists else NOTHING
    return Request(service, request.method, target, headers_of(request), body)
