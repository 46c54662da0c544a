"""Sites on real sockets: raw back ends that record what reaches them, the proxies before them, and raw clients."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.model.topology import Address

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
PATIENCE = 60.0

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding: *chunked\r\n", re.IGNORECASE)


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """The raw bytes of a message's body: framing and all."""
    length = _LENGTH.search(head)
    if length:
        return await reader.readexactly(int(length[1]))
    body = b""
    while _CHUNKED.search(head) and not body.endswith(b"0\r\n\r\n"):
        body += await reader.readuntil(b"\r\n")
        size = int(body.rpartition(b"\r\n")[0].rpartition(b"\r\n")[2].partition(b";")[0], 16)
        body += await reader.readexactly(size + 2)
    return body


@dataclass
class Back:
    """A raw TCP server.  `heads` and `bodies`: what came; `answer`: what each request gets; or else `script`."""

    address: Address
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answer: bytes = OK
    script: Script | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            if self.script is not None:
                await self.script(reader, writer)
            else:
                await self.converse(reader, writer)
        writer.close()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await read_head(reader)
            self.heads.append(head)
            self.bodies.append(await read_body(reader, head))
            writer.write(self.answer)

    def answers_once(self, data: bytes, then_closes: bool = False) -> None:
        """Each connection gets these bytes, whatever they are, and is closed or left open."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.heads.append(await read_head(reader))
            writer.write(data)
            if not then_closes:
                await reader.read()

        self.script = script

    @property
    def lines(self) -> list[bytes]:
        """The lines of the last head."""
        return self.heads[-1].removesuffix(b"\r\n\r\n").split(b"\r\n")


class Wire:
    """A raw client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await read_head(self.reader)

    async def answer(self) -> bytes:
        """The next answer, whole."""
        head = await self.head()
        async with asyncio.timeout(PATIENCE):
            return head + await read_body(self.reader, head)

    async def rest(self) -> bytes:
        """All that comes until the other end closes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def ask(self, data: bytes) -> bytes:
        self.send(data)
        return await self.answer()

    def leave(self) -> None:
        self.writer.transport.abort()


class Stage:
    """Backs, proxies and clients, all of which end with the test."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self.directory, self._stack = directory, stack
        self._reserved: list[socket.socket] = []

    def port(self) -> Address:
        """An address that nobody else is given; a server may listen there."""
        reserved = socket.socket()
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        self._reserved.append(reserved)
        self._stack.callback(reserved.close)
        return Address("127.0.0.1", reserved.getsockname()[1])

    async def back(self, script: Script | None = None, answer: bytes = OK) -> Back:
        back = Back(Address("127.0.0.1", 0), answer=answer, script=script)
        server = await asyncio.start_server(back.serve, "127.0.0.1", 0)
        back.address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        self._stack.callback(server.close)
        return back

    def sites(self, sites: dict[str, dict[str, Address]], **more: object) -> Path:
        """A topology file: the backs of each site's services, by name; `more`: keys of the top level."""
        rows = {
            name: {
                "services": {
                    service: {"front": f"http://{self.port()}", "back": f"http://{back}"}
                    for service, back in backs.items()
                }
            }
            for name, backs in sites.items()
        }
        for name, row in rows.items():
            row["proxy"] = {"admin": "none", "state": f"sqlite:///{self.directory / name}.db"}  # type: ignore[assignment]
        own = {service: {"fault": "plain"} for backs in sites.values() for service in backs}
        path = self.directory / "sites.yaml"
        path.write_text(yaml.safe_dump({"sites": rows, "services": own, **more}, sort_keys=False))
        return path

    async def proxy(self, path: Path, site: str) -> App:
        app = App(load(path), site)
        await app.start()
        self._stack.push_async_callback(app.stop)
        return app

    async def docs(self, back: Back | Address, **proxy: object) -> App:
        """A proxy of one site, Paris, with one service, docs."""
        address = back.address if isinstance(back, Back) else back
        return await self.proxy(self.sites({"Paris": {"docs": address}}, proxy=proxy), "Paris")

    async def wire(self, to: App | Address, service: str = "docs") -> Wire:
        address = to.house.here.services[service].socket if isinstance(to, App) else to
        wire = Wire(*await asyncio.open_connection(*address, limit=1 << 20))
        self._stack.callback(wire.writer.close)
        return wire


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(tmp_path, stack)
