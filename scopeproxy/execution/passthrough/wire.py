"""The socket at one end of the fast path: what can be done with it, whether its other end is still there or not."""

from __future__ import annotations

import asyncio
from typing import cast

# Bytes that are written and not yet taken before whoever sends them is asked to wait.
HIGH_WATER = 256 * 1024


class Wire:
    """A connection.  `is_there`: until it is lost; `is_held_back`: whether the other end is made to wait.

    What it holds goes out before anything else that is done with it.
    """

    __slots__ = ("_held", "_transport", "is_held_back", "is_there")

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        # A transport of uvloop has all that asyncio's have, and is none of them by its class.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HIGH_WATER)
        self.is_there, self.is_held_back = True, False
        self._held = b""

    @property
    def address(self) -> str:
        """Of the other end."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def write(self, data: bytes) -> None:
        """Send; whoever has left is sent nothing."""
        if self._held:
            self.flush()
        if data and self.is_there:
            self._transport.write(data)

    def hold(self, data: bytes) -> None:
        """Send with what is sent next, or once it is flushed."""
        self._held += data

    def flush(self) -> None:
        """Send what is held."""
        data, self._held = self._held, b""
        if data and self.is_there:
            self._transport.write(data)

    @property
    def can_half_close(self) -> bool:
        """Whether the other end can be told that no more is sent, and be listened to all the same: not over TLS."""
        return self._is_open and self._transport.can_write_eof()

    def write_eof(self) -> bool:
        """Send no more, and go on listening.  Whether that can be."""
        self.flush()
        if not self.can_half_close:
            return False
        try:
            self._transport.write_eof()
        except OSError:
            # The other end has reset the connection, and the loop does not know yet.
            return False
        return True

    def pause_reading(self) -> None:
        """Have the other end wait."""
        if self._is_open:
            self._transport.pause_reading()
            self.is_held_back = True

    def resume_reading(self) -> None:
        """Have the other end go on."""
        if self._is_open:
            self._transport.resume_reading()
            self.is_held_back = False

    def close(self) -> None:
        """End the connection once the other end has what is on its way."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    @property
    def _is_open(self) -> bool:
        return self.is_there and not self._transport.is_closing()
