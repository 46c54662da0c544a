"""From aiohttp's request to ours: what came in, unchanged.

This is the seam at which a faster reader of requests takes over: it gives the same Request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from scopeproxy.errors import CallerError
from scopeproxy.execution.bodies import Once
from scopeproxy.model.messages import NOTHING, Body, Headers, Request


def raw_target(request: web.BaseRequest) -> str:
    """The request's target in origin form.  A client that takes us for a forward proxy sends a whole URL."""
    target = request.raw_path
    if target.startswith("/"):
        return target
    _, scheme_end, rest = target.partition("://")
    _, slash, path = rest.partition("/")
    if not scheme_end or not slash:
        raise CallerError(f"the request's target must be a path, not {target[:80]!r}")
    return "/" + path


def headers_of(request: web.BaseRequest) -> Headers:
    """The headers as they came: order, case and repetitions kept."""
    return tuple(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in request.raw_headers
    )


def read(request: web.BaseRequest, service: str, target: str, patience: float) -> Request:
    """The request for a service.  `patience`: seconds that may pass between two pieces of its body."""
    body: Body = NOTHING
    if request.body_exists:
        body = Once(_chunks(request, patience), request.content_length)
    return Request(service, request.method, target, headers_of(request), body)


async def _chunks(request: web.BaseRequest, patience: float) -> AsyncIterator[bytes]:
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        # Whoever takes the first byte is ready for the body; until then the client waits (RFC 9110, section 10.1.1).
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        while True:
            async with asyncio.timeout(patience):
                chunk = await request.content.readany()
            if not chunk:
                return
            yield chunk
    except TimeoutError:
        raise ConnectionError(f"the client sent nothing of its body for {patience:g} s") from None
    except (OSError, web.RequestPayloadError) as error:
        raise ConnectionError("the client broke off in its body") from error
