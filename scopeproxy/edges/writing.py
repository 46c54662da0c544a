"""From our reply to the client's socket: byte for byte, and broken off where it broke off."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from scopeproxy.model.messages import Reply

_AUTOMATIC = (hdrs.CONTENT_TYPE, hdrs.DATE, hdrs.SERVER)


class ExactResponse(web.StreamResponse):
    """A response with the headers it is given: what aiohttp would add of its own is taken off again."""

    async def _prepare_headers(self) -> None:
        given = {name for name in _AUTOMATIC if name in self.headers}
        await super()._prepare_headers()
        for name in _AUTOMATIC:
            if name not in given:
                self.headers.popall(name, None)


async def write(request: web.BaseRequest, reply: Reply, patience: float) -> web.StreamResponse:
    """Send the reply.  `patience`: seconds that the client may take for each piece of it.

    Once the head is out, a body that breaks off can only be told by breaking off as well.
    """
    response = ExactResponse(status=reply.status, reason=reply.reason or None)
    for name, value in reply.headers:
        response.headers.add(name, value)
    if not request.content.is_eof() and hdrs.EXPECT in request.headers:
        response.force_close()
    try:
        async with asyncio.timeout(patience):
            await response.prepare(request)
            if reply.body:
                await response.write(reply.body)
        if reply.rest is not None:
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
