"""What is measured: many requests, one large stream each way, a read over several sites, idling, and starting."""

from __future__ import annotations

import http.client
import json
import re
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from places import HOST, LOAD_CORE, PROXY_CORE, SINK, STUBS, on_core
from processes import Process

# As the openstack command sends them; a Fernet token has 183 characters.
HEADERS = {
    "User-Agent": "openstacksdk/4.22.0 keystoneauth1/5.18.1 python-requests/2.34.2 CPython/3.11.7",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "OpenStack-API-Version": "compute 2.100",
    "X-OpenStack-Request-ID": "req-5f2c6c1e-8a34-4d92-9f5b-2f1f6f2f7a11",
    "X-Auth-Token": "gAAAAAB" + "k" * 176,
}
CHUNK = 1024 * 1024
POST = Path(__file__).resolve().with_name("post.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of one kind, over so many connections."""

    path: str
    connections: int
    posts: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """Requests in a second, the proxy's µs of processor time for each, and the µs that half of them took at most."""

    rate: float
    cpu: float
    p50: float


def requests(port: int, process: Process, what: Load, seconds: int) -> Visit:
    """So many of one kind, as fast as they go."""
    headers = [word for name, value in {**HEADERS, **what.headers}.items() for word in ("-H", f"{name}: {value}")]
    script = ["-s", str(POST)] if what.posts else []
    load = ["wrk", "-t1", f"-c{what.connections}", f"-d{seconds}s", "--latency", *script, *headers]
    before = process.cpu()
    command = on_core(LOAD_CORE, *load, f"http://{HOST}:{port}{what.path}")
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = process.cpu() - before
    if wrong := re.search(r"Non-2xx.*|Socket errors.*", text):
        sys.exit(f"port {port}{what.path}: {wrong[0]}")
    count, rate = _number(r"(\d+) requests in", text), _number(r"Requests/sec: +([\d.]+)", text)
    if not count:
        # On a machine that has much else to do, the slowest proxies answer nothing in a second.
        return requests(port, process, what, 2 * seconds) if seconds < 30 else sys.exit(f"port {port}: no answers")
    latency = re.search(r"50% +([\d.]+)(us|ms|s)", text)
    assert latency
    return Visit(rate, spent / count * 1e6, float(latency[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[latency[2]])


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])


@dataclass(frozen=True, slots=True)
class Stream:
    """MB in a second, and the MiB by which the proxy's memory grew at most."""

    rate: float
    growth: float


def stream(port: int, process: Process, size: int, way: str, headers: Mapping[str, str] | None = None) -> Stream:
    """One stream through the proxy at a port: down, up (at the next port, with `headers`) or up in chunks."""
    process.forget_peak()
    before = process.memory("VmRSS")
    began = time.perf_counter()
    if way == "down":
        _receive(port, size)
    else:
        _send(port + 1, size, headers or {}, way == "up chunked")
    taken = time.perf_counter() - began
    return Stream(size / taken / 1e6, max(0.0, process.memory("VmHWM") - before))


def _receive(port: int, size: int) -> None:
    buffer = bytearray(CHUNK)
    with socket.create_connection((HOST, port)) as client:
        client.sendall(f"GET /large HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
        got = 0
        while count := client.recv_into(buffer):
            got += count
    if not size <= got < size + CHUNK:
        sys.exit(f"port {port}: {got} bytes came where {size} and a head were due")


def _send(port: int, size: int, headers: Mapping[str, str], chunked: bool) -> None:
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(size)}
    lines = {"Host": f"{HOST}:{port}", **framing, "Connection": "close", **headers}
    head = "PUT /x HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    piece = b"%x\r\n%b\r\n" % (CHUNK, _ZEROS) if chunked else _ZEROS
    with socket.create_connection((HOST, port)) as client:
        client.sendall(head.encode())
        for _ in range(size // CHUNK):
            client.sendall(piece)
        client.sendall(b"0\r\n\r\n" if chunked else b"")
        answer = client.recv(CHUNK)
    if not answer.startswith(b"HTTP/1.1 201"):
        sys.exit(f"port {port}: {answer[:200]!r}")


_ZEROS = bytes(CHUNK)


def serve_sink(port: int = SINK) -> None:
    """Swallows uploads, in a thread: nothing that reads less than we can send would do."""
    listener = socket.create_server((HOST, port))
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()


def _accept(listener: socket.socket) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_swallow, args=(client,), daemon=True).start()


def _swallow(client: socket.socket) -> None:
    buffer = bytearray(CHUNK)
    head = b""
    with client:
        while b"\r\n\r\n" not in head:
            part = client.recv(65536)
            if not part:
                return
            head += part
        head, _, body = head.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        left = int(length[1]) - len(body) if length else 0
        while left > 0 and (count := client.recv_into(buffer)):
            left -= count
        # Of zeros alone: the end of the chunks cannot be in their data.
        tail = body[-5:]
        while not length and tail != b"0\r\n\r\n" and (count := client.recv_into(buffer)):
            tail = (tail + buffer[max(0, count - 5) : count])[-5:]
        client.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def fan_out(port: int, sites: int, times: int) -> float:
    """Median ms by which a read over all sites ends later than a read of one site, asked directly."""
    scope = f"{{docs: {'&'.join(f'site{site}' for site in range(sites))}}}"
    direct, scoped = [], []
    for _ in range(times):
        direct.append(_read(STUBS, {}, 1))
        scoped.append(_read(port, {"X-Scope": scope}, sites))
    return (statistics.median(scoped) - statistics.median(direct)) * 1e3


def _read(port: int, headers: dict[str, str], sites: int) -> float:
    client = http.client.HTTPConnection(HOST, port, timeout=30)
    began = time.perf_counter()
    client.request("GET", "/items", headers={**HEADERS, **headers})
    answer = client.getresponse()
    text = answer.read()
    taken = time.perf_counter() - began
    client.close()
    if answer.status != 200 or len(json.loads(text)["items"]) != sites * 100:
        sys.exit(f"port {port}: {answer.status} {text[:300]!r}")
    return taken


def idle(port: int, process: Process, count: int) -> float:
    """KiB that the proxy grows by for each of so many connections that have asked once and stay."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 1000), most))
    before = process.memory("VmRSS")
    request = f"GET /1k HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection((HOST, port)))
            client.sendall(request)
            got = b""
            while not got.endswith(b"x" * 1024):
                got += client.recv(4096) or sys.exit(f"port {port}: {got[:200]!r}")
        return (process.memory("VmRSS") - before) * 1024 / count


def start(command: list[str], port: int) -> float:
    """Seconds from the start of a process to its first answer."""
    began = time.perf_counter()
    process = subprocess.Popen(on_core(PROXY_CORE, *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - began < 60:
            try:
                with socket.create_connection((HOST, port), 5) as client:
                    client.sendall(b"GET /.well-known/scopeproxy/sites HTTP/1.1\r\nHost: h\r\n\r\n")
                    if client.recv(4096).startswith(b"HTTP/1.1 "):
                        return time.perf_counter() - began
            except OSError:
                time.sleep(0.002)
        sys.exit(f"{' '.join(command)} does not answer")
    finally:
        process.terminate()
        process.wait(30)
