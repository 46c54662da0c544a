"""HTTP over a socket of one's own: what is sent is exactly what is written here, and the answer is all that came."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Headers = Sequence[tuple[str, str]]

# What differs between two answers to the same request, wherever it stands.
_OF_ONE_ANSWER = (
    re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"),
    re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"),
)
# What concerns a connection, and what our proxies add to every answer (docs/language.md, "Transparency").
_OF_THE_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "via"})


@dataclass(frozen=True)
class Request:
    """One request.  `=alice` as a header's value stands for her token."""

    service: str
    method: str
    target: str
    user: str = "alice"
    headers: Headers = ()
    body: bytes = b""

    def __str__(self) -> str:
        more = " ".join(f"{name}={value}" for name, value in self.headers)
        return f"{self.service} {self.method} {self.target[:60]} {self.user} {more}".rstrip()

    def written(self, host: str, headers: Headers) -> bytes:
        """The request to a host, with more headers."""
        length = [("Content-Length", str(len(self.body)))] if self.body else []
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{key}: {value}" for key, value in (("Host", host), *headers, *length, ("Connection", "close"))]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass(frozen=True)
class Exchanged:
    """An answer: the status line, the headers in their order, the body."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: str

    def end_to_end(self) -> Exchanged:
        """What of it must be the same wherever it came through."""
        kept = [(key, _same(value)) for key, value in self.headers if key.lower() not in _OF_THE_HOP]
        return Exchanged(self.status, tuple(kept), _same(self.body))

    def without(self, prefix: str) -> Exchanged:
        kept = [pair for pair in self.headers if not pair[0].lower().startswith(prefix)]
        return Exchanged(self.status, tuple(kept), self.body)


def exchange(url: str, data: bytes, patience: float) -> Exchanged:
    """Send the bytes to a service, and read until it closes."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 80), patience) as connection:
        connection.sendall(data)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
    if ("transfer-encoding", "chunked") in {(name.lower(), value) for name, value in headers}:
        body = _joined(body)
    return Exchanged(status, headers, body.decode("latin-1"))


def _joined(chunks: bytes) -> bytes:
    """The data of a chunked body."""
    data = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        data, chunks = data + rest[:length], rest[length + 2 :] if length else b""
    return data


def _same(text: str) -> str:
    for pattern in _OF_ONE_ANSWER:
        text = pattern.sub("-", text)
    return text
