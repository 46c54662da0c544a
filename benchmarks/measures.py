"""What is measured: many small reads, one large stream each way, and a read over several sites."""

from __future__ import annotations

import http.client
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from places import FILES, HOST, LOAD_CORE, SINK, STUBS, on_core
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


@dataclass(frozen=True, slots=True)
class Visit:
    """Requests in a second, the proxy's µs of processor time for each, and the µs that half of them took at most."""

    rate: float
    cpu: float
    p50: float


def small_reads(port: int, process: Process, connections: int, seconds: float) -> Visit:
    headers = [word for name, value in HEADERS.items() for word in ("-H", f"{name}: {value}")]
    load = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", *headers, f"http://{HOST}:{port}/1k"]
    before = process.cpu()
    text = subprocess.run(on_core(LOAD_CORE, *load), capture_output=True, text=True, check=True).stdout
    spent = process.cpu() - before
    if wrong := re.search(r"Non-2xx.*|Socket errors.*", text):
        sys.exit(f"port {port}: {wrong[0]}")
    requests, rate = _number(r"(\d+) requests in", text), _number(r"Requests/sec: +([\d.]+)", text)
    latency = re.search(r"50% +([\d.]+)(us|ms|s)", text)
    assert latency
    return Visit(rate, spent / requests * 1e6, float(latency[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[latency[2]])


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])


@dataclass(frozen=True, slots=True)
class Stream:
    """MB in a second, and the MiB by which the proxy's memory grew at most."""

    rate: float
    growth: float


def stream(port: int, process: Process, size: int, up: bool, headers: Mapping[str, str] | None = None) -> Stream:
    """One stream through the proxy at a port; up: at the next one, with `headers`."""
    process.forget_peak()
    before = process.memory("VmRSS")
    began = time.perf_counter()
    if up:
        _send(port + 1, size, headers or {})
    else:
        _receive(port, size)
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


def _send(port: int, size: int, headers: Mapping[str, str]) -> None:
    lines = {"Host": f"{HOST}:{port}", "Content-Length": str(size), "Connection": "close", **headers}
    head = "PUT /x HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    with socket.create_connection((HOST, port)) as client:
        client.sendall(head.encode())
        for _ in range(size // CHUNK):
            client.sendall(_ZEROS)
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


def direct_p50(process: Process, seconds: float) -> float:
    """µs that half of the reads take at most without a proxy, one at a time."""
    return small_reads(FILES, process, 1, seconds).p50
