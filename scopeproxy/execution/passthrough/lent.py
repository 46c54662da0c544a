"""A connection in the hands of the journey, for one request: its server believes that the connection is its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.front import Front


# What asks the client for its body, and is no answer yet.
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Lent(asyncio.Transport):
    """The transport that the server of the journey gets.

    `has_begun`: whether a byte of an answer is out.  Set `returns` once the answer is out and the connection may stay
    open: when the server then closes what it takes for its connection, the front has the real one back, for its next
    request.
    """

    def __init__(self, front: Front, transport: asyncio.Transport, server: asyncio.Protocol) -> None:
        super().__init__()
        self._front, self._transport, self._server = front, transport, server
        self._closing = False
        self.returns = self.has_begun = False
        server.connection_made(self)

    # ---- from the front

    def data_received(self, data: bytes) -> None:
        """Bytes of the request."""
        if data and not self._closing:
            self._server.data_received(data)

    def eof_received(self) -> bool | None:
        return self._server.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self._server.connection_lost(exc)

    def pause_writing(self) -> None:
        self._server.pause_writing()

    def resume_writing(self) -> None:
        self._server.resume_writing()

    # ---- from the server

    def close(self) -> None:
        if not self._closing:
            self._end()
            self._front.given_back(self.returns)

    def abort(self) -> None:
        if not self._closing:
            self._end()
            self._front.break_off()

    def _end(self) -> None:
        self._closing = True
        asyncio.get_running_loop().call_soon(self._server.connection_lost, None)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self.has_begun = self.has_begun or data != _CONTINUE
            self._transport.write(data)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        if not self.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_closing():
            self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()
