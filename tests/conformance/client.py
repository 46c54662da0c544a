"""A client on a raw socket: it sends bytes, and h11 reads what comes back."""

from __future__ import annotations

import hashlib
import socket

import h11

from scopeproxy.model.topology import Address
from tests.conformance.backend import PATIENCE, Message, messages, resets

PROBE = b"GET /probe HTTP/1.1\r\nHost: h\r\n\r\n"


class Client:
    def __init__(self, to: Address) -> None:
        self.socket = socket.create_connection(to, PATIENCE)
        self.raw = b""
        self._left = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, method: bytes = b"GET") -> Message:
        """The next answer, to a request by this method."""
        reader = h11.Connection(h11.CLIENT, 1 << 17)
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
        reader.send(h11.EndOfMessage())
        if self._left:
            reader.receive_data(self._left)
        answer = messages(reader, self._more)
        if answer is None:
            raise ConnectionError("the connection was closed before an answer")
        self._left = reader.trailing_data[0]
        return answer

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 16)
        self.raw += data
        return data

    def ask(self, data: bytes, method: bytes = b"GET") -> Message:
        self.send(data)
        return self.answer(method)

    def rest(self) -> bytes:
        """What comes until the other end closes."""
        found, self._left = self._left, b""
        try:
            while data := self._more():
                found += data
        except ConnectionResetError:
            pass
        return found

    def is_open(self) -> bool:
        """Whether the connection takes another request, and its answer is the next thing on it."""
        try:
            return self.ask(PROBE).start == b"200"
        except (OSError, h11.RemoteProtocolError):
            return False

    def ends(self) -> None:
        """No more is sent, but all is read that still comes."""
        self.socket.shutdown(socket.SHUT_WR)

    def resets(self) -> None:
        resets(self.socket)

    def some(self, count: int) -> bytes:
        """So many of the next bytes, whatever they are."""
        found = self.socket.recv(count, socket.MSG_WAITALL)
        if len(found) < count:
            raise ConnectionError(f"the connection was closed after {found!r}")
        return found

    def digest(self, count: int) -> bytes:
        """Of so many of the next bytes."""
        found = hashlib.sha256()
        while count:
            piece = self.socket.recv(min(count, 1 << 20))
            assert piece, f"{count} bytes are missing"
            found.update(piece)
            count -= len(piece)
        return found.digest()
