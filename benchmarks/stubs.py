"""Stub sites: port by port, the same items after 50 ms.  stubs.py NUMBER_OF_SITES [ITEMS [BYTES_OF_EACH]]

They answer every request in the same way, by the least that it takes: what is measured is who asks them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial

from places import HOST, STUBS

DELAY = 0.05
ITEMS = 100


def answer(site: int, items: int, size: int) -> bytes:
    listed = [
        {"id": f"{site}-{number}", "name": f"item {number}", "status": "ACTIVE", "text": "x" * max(0, size - 80)}
        for number in range(items)
    ]
    body = json.dumps({"items": listed}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Stub(asyncio.Protocol):
    """One connection, whose requests have no body."""

    def __init__(self, answered: bytes) -> None:
        self._answered, self._head = answered, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        while b"\r\n\r\n" in self._head:
            _, _, self._head = self._head.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(DELAY, self._transport.write, self._answered)


async def serve(sites: int, items: int = ITEMS, size: int = 0) -> None:
    loop = asyncio.get_running_loop()
    for site in range(sites):
        # The text of each site is made once, and given to all of its connections.
        await loop.create_server(partial(Stub, answer(site, items, size)), HOST, STUBS + site, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
