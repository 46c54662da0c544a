"""A service on a raw socket.  What reaches it is kept byte for byte, and read by h11 as another reader would."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import h11

from scopeproxy.model.topology import Address

Lines = tuple[tuple[bytes, bytes], ...]
Script = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
# Seconds that anything here may take.  It is never waited for where all is well.
PATIENCE = 20.0


@dataclass(frozen=True)
class Message:
    """A request or an answer.  `start`: method and target, or the status."""

    start: bytes
    lines: Lines
    body: bytes = b""
    trailers: Lines = ()
    before: tuple[int, ...] = ()

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.lines if key == name.lower()]


def messages(connection: h11.Connection, more: Callable[[], bytes]) -> Message | None:
    """The next message by h11's reading, of bytes that `more` gives; None: they ended before one began.

    Raises h11.RemoteProtocolError for what is no HTTP, or ends in the middle.
    """
    before: list[int] = []
    head: h11.Request | h11.Response | None = None
    body = b""
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(more())
            case h11.InformationalResponse(status_code=status):
                before.append(status)
            case h11.Request() | h11.Response() as head:
                pass
            case h11.Data(data=data):
                body += data
            case h11.EndOfMessage(headers=trailers):
                assert head is not None
                match head:
                    case h11.Request(method=method, target=target):
                        start = method + b" " + target
                    case _:
                        start = b"%d" % head.status_code
                return Message(start, tuple(head.headers), bytes(body), tuple(trailers), tuple(before))
            case h11.ConnectionClosed() | h11.PAUSED:
                return None


class Gate:
    """Opened once, by whoever has come so far."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.open: Callable[[], None] = self._event.set

    def wait(self) -> None:
        assert self._event.wait(PATIENCE), "it was waited for in vain"


def head_of(connection: socket.socket) -> bytes:
    """The head of a request, and what came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(1 << 16)
        if not more:
            raise ConnectionError("no head came")
        data += more
    return data


def resets(connection: socket.socket) -> None:
    """End it so that the other end is told of an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@dataclass
class Back:
    """`raw`: all that came since `begin`; `requests`: what h11 made of it; `wrong`: what it could not read.

    Every request gets `answer`, or else `script` has the connection to itself from the next request on.
    """

    answer: bytes = OK
    then_closes: bool = False
    script: Script | None = None
    raw: bytearray = field(default_factory=bytearray)
    requests: list[Message] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address: Address = Address("127.0.0.1", self._listener.getsockname()[1])
        self._came = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, answer: bytes = OK, then_closes: bool = False, script: Script | None = None) -> None:
        """Forget what came, and answer so from now on.  Connections stay: the proxy may have them in its pool."""
        self.answer, self.then_closes, self.script = answer, then_closes, script
        self.raw, self.requests, self.wrong = bytearray(), [], []

    def has(self, data: bytes) -> None:
        """Wait until these bytes have come."""
        with self._came:
            assert self._came.wait_for(lambda: data in self.raw, PATIENCE), f"{data!r} did not come"

    def hangs_up(self) -> None:
        """Close every connection, idle or not."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hangs_up()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(PATIENCE)
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        left = b""
        with suppress(OSError), connection:
            while left or connection.recv(1, socket.MSG_PEEK):
                if self.script is not None:
                    self.script(connection)
                    break
                try:
                    left = self._converse(connection, left)
                except h11.RemoteProtocolError as error:
                    self.wrong.append(str(error))
                    break
                if self.then_closes:
                    break
        self._open.discard(connection)

    def _converse(self, connection: socket.socket, left: bytes) -> bytes:
        """Take one request and answer it; the bytes that came after it."""
        reader = h11.Connection(h11.SERVER, 1 << 17)

        def more() -> bytes:
            data = connection.recv(1 << 16)
            with self._came:
                self.raw.extend(data)
                self._came.notify_all()
            return data

        if left:
            reader.receive_data(left)
        request = messages(reader, more)
        assert request is not None
        self.requests.append(request)
        connection.sendall(self.answer)
        return reader.trailing_data[0]
