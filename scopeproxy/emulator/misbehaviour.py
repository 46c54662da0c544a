"""Ways to go wrong on purpose, so that tests meet them before an operator does."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import StrEnum

from aiohttp import web


class Misbehaviour(StrEnum):
    """`refuse` is about the port, and is done where the port is (service.py)."""

    GARBAGE = "garbage"  # bytes that are not HTTP
    SLOW = "slow"  # never an answer
    CUT = "cut"  # the head and half of the body, then a reset
    FAULT = "500"  # an answer, and a useless one
    REFUSE = "refuse"  # nobody listens


def reset(transport: asyncio.WriteTransport) -> None:
    """Close a connection with a TCP reset; what was written and acknowledged can still be read."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def garble(request: web.Request) -> None:
    """Answer with something that no HTTP client can read."""
    if request.transport is not None:
        request.transport.write(b"\x00\x01\x02 this is not HTTP \xff\r\n\r\n")
        request.transport.close()


async def cut(request: web.Request) -> None:
    """Promise a body, send half of it, and be gone."""
    body = b'{"half": "' + b"x" * 1000
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {2 * len(body)}\r\n\r\n"
    if request.transport is not None:
        request.transport.write(head.encode() + body)
        await asyncio.sleep(0)  # let the loop hand it to the kernel
        reset(request.transport)
