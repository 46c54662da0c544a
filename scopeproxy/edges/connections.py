"""Clients' connections: aiohttp's server, where it would say or log more than a proxy should.

What is no HTTP is answered here, because it belongs to no service; everything else has a journey.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong

from scopeproxy.edges.writing import HeldResponse
from scopeproxy.model.messages import json_reply
from scopeproxy.model.topology import Address

logger = logging.getLogger("scopeproxy.connections")

# Seconds that a client may take between two requests, and for the head of one.
_IDLE = 75.0

# Lines of a head; each may be as long as the head, whose length as a whole is checked once it is here.
_LINES = 256

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def cannot_listen(address: Address, error: OSError) -> str:
    """What is told of a socket that cannot be opened.  The libraries' own texts differ, and name the address again."""
    number = error.errno or 0
    why = os.strerror(number) if number in errno.errorcode else str(error)
    return f"cannot listen on {address}: {why}"


class Server(web.Server):
    """Makes the protocol of each connection that is accepted.  `limit`: bytes of a line of a request's head."""

    def __init__(self, handle: Handle, limit: int, idle: float = _IDLE) -> None:
        # With handler_cancellation, a call ends when its client leaves.
        super().__init__(handle, handler_cancellation=True)
        self._limit, self._idle = limit, idle

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self,
            loop=self._loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=self._idle,
            max_line_size=self._limit,
            max_field_size=self._limit,
            max_headers=_LINES,
            auto_decompress=False,
        )


class _Connection(web.RequestHandler):
    """One connection.  aiohttp's own words hold what the client sent, which may be a token: none of it is logged."""

    __slots__ = ()

    def close(self) -> None:
        super().close()
        if self._request_count == 0:
            # aiohttp would go on to wait for the first request of a connection that was accepted only just now.
            self.force_close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._tell_whose_body_it_is()

    def _tell_whose_body_it_is(self) -> None:
        """aiohttp takes bytes that are wrong for one more request, which is refused once those before it are answered.
        Where they are in the body of one, that one would go on to wait for the rest of it, which never comes."""
        current = [self._current_request.content] if self._current_request is not None else []
        unfinished = [body for body in (*current, *(body for _, body in self._messages)) if not body.is_eof()]
        if unfinished:
            self._messages.pop()
            unfinished[-1].set_exception(web.RequestPayloadError("the body is wrong"))

    def log_exception(self, *args: object, **kw: object) -> None:
        error = kw.get("exc_info")
        logger.warning("a connection is given up: %s", type(error).__name__)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        logger.warning("a request from %s is refused: %s", request.remote, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        told = (message or HTTPStatus(status).phrase).partition("\n")[0].rstrip(":")
        if isinstance(exc, LineTooLong):
            status, told = 431, f"a line of the request's head is over {self.max_field_size} bytes"
        response = HeldResponse(json_reply("", status, {"error": {"status": status, "message": told}}))
        response.force_close()
        return response
