"""Several processes serve one site: together they begin, read, remember and end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from scopeproxy.edges.config import load
from scopeproxy.edges.keys import peer_key
from scopeproxy.edges.workers import Worker
from scopeproxy.model.topology import Address
from scopeproxy.planning.peer_head import hop_of
from scopeproxy.planning.signing import sign
from tests.edges.served import rewrite

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
PATIENCE = 30


@pytest.fixture
async def path(stage):
    back = await stage.back()
    return stage.sites({"Paris": {"docs": back.address}, "Corte": {"docs": back.address}})


@pytest.fixture
async def served(path):
    """Three workers that serve; their parent's process."""
    command = [sys.executable, "-m", "scopeproxy.edges.cli", "serve", "-c", str(path), "--site", "Paris"]
    process = await asyncio.create_subprocess_exec(*command, "--workers", "3", stderr=asyncio.subprocess.PIPE)
    for _ in range(3):
        await said(process, "serving Paris")
    yield process
    if process.returncode is None:
        process.kill()
    await process.communicate()


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def runs(pid):
    return Path(f"/proc/{pid}").exists()


async def said(process, text):
    async with asyncio.timeout(PATIENCE):
        while line := await process.stderr.readline():
            if text in line.decode():
                return json.loads(line)
    raise AssertionError(f"never said: {text}")


async def ended(process):
    async with asyncio.timeout(PATIENCE):
        await process.stderr.read()
        return await process.wait()


def front(path):
    return load(path).sites["Paris"].services["docs"].socket


async def test_all_workers_stop_with_their_parent_at_sigterm(stage, served, path):
    workers = children(served)
    assert len(workers) == 3
    assert (await (await stage.wire(front(path))).ask(GET)).endswith(b"hi")
    served.terminate()
    assert await ended(served) == 0
    assert not [worker for worker in workers if runs(worker)]


async def test_all_workers_read_the_topology_again_at_sighup(served, path):
    served.send_signal(signal.SIGHUP)
    for _ in range(3):
        await said(served, "was read again")


async def test_another_worker_takes_the_place_of_one_that_ends_by_itself(stage, served, path):
    before = children(served)
    wires = [await stage.wire(front(path)) for _ in range(30)]
    os.kill(before[1], signal.SIGKILL)
    assert f"worker {before[1]} ended by itself with -9" in (await said(served, "by itself"))["message"]
    await said(served, "serving Paris")
    after = children(served)
    assert len(after) == 3
    assert set(before) - set(after) == {before[1]}
    # The others have gone on with their connections, and all take new ones.
    answers = [await answer_of(wire) for wire in wires]
    assert answers.count(b"") < 30
    assert all(answer.endswith(b"hi") for answer in answers if answer)
    assert all([(await (await stage.wire(front(path))).ask(GET)).endswith(b"hi") for _ in range(30)])
    served.terminate()
    assert await ended(served) == 0


async def answer_of(wire):
    """Empty where the connection was its worker's that ended."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        return await wire.ask(GET)
    return b""


async def test_a_worker_that_takes_a_place_serves_by_the_file_as_it_is_now(stage, served, path):
    address = stage.port()
    rewrite(path, lambda document: document["sites"]["Paris"]["services"]["docs"].update(front=f"http://{address}"))
    for _ in range(3):
        await said(served, "was read again")
    os.kill(children(served)[0], signal.SIGKILL)
    assert str(address) in (await said(served, "serving Paris"))["message"]


async def test_a_worker_takes_a_place_while_the_file_is_wrong(served, path):
    rewrite(path, lambda document: document["sites"].pop("Paris"))
    for _ in range(3):
        await said(served, "stays in force")
    os.kill(children(served)[0], signal.SIGKILL)
    await said(served, "serving Paris")
    await said(served, "stays in force")


async def test_workers_that_end_again_and_again_end_all(served):
    for _ in range(5):
        os.kill(children(served)[0], signal.SIGKILL)
        await said(served, "takes its place")
        await said(served, "serving Paris")
    os.kill(children(served)[0], signal.SIGKILL)
    await said(served, "the others are stopped")
    assert await ended(served) == 1


async def test_workers_end_with_a_parent_that_was_killed(served):
    assert len(children(served)) == 3
    served.kill()
    async with asyncio.timeout(PATIENCE):
        await served.stderr.read()
    # The log ends when the last of them has closed it.


async def test_a_signed_call_is_honoured_once_by_all_workers_together(stage, served, path):
    topology, page = load(path), "/.well-known/scopeproxy/peer/health"
    headers = (("Host", "h"), ("X-Forwarded-Host", "h"))
    hop = hop_of(headers, "Paris", "docs")
    key = peer_key(topology, "Corte", "Paris")
    value = sign(key, "GET", page, replace(hop, site="Corte"), time.time(), os.urandom(16).hex())
    lines = "".join(f"{name}: {text}\r\n" for name, text in (*headers, ("X-Scope-Signature", value)))
    # So many connections that every worker has some of them.
    wires = [await stage.wire(front(path)) for _ in range(30)]
    answers = [await wire.ask(f"GET {page} HTTP/1.1\r\n{lines}\r\n".encode()) for wire in wires]
    assert [answer.split()[1] for answer in answers] == [b"200", *[b"403"] * 29]


async def test_each_worker_tells_its_own_figures_at_its_own_port(stage, path):
    assert Worker(2, 4).admin(Address("127.0.0.1", 9901)) == Address("127.0.0.1", 9903)
    first = free_ports(2)
    rewrite(path, lambda document: document["sites"]["Paris"]["proxy"].update(admin=f"127.0.0.1:{first}"))
    command = [sys.executable, "-m", "scopeproxy.edges.cli", "serve", "-c", str(path), "--site", "Paris"]
    process = await asyncio.create_subprocess_exec(*command, "--workers", "2", stderr=asyncio.subprocess.PIPE)
    for _ in range(2):
        await said(process, "serving Paris")
    for _ in range(60):
        assert (await (await stage.wire(front(path))).ask(GET)).endswith(b"hi")
    counted = []
    async with aiohttp.ClientSession() as session:
        for port in (first, first + 1):
            async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 200
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                rows = re.findall(r"^scopeproxy_calls_total{.*} (\S+)$", await answer.text(), re.MULTILINE)
                counted.append(sum(map(float, rows)))
    # Together they tell all; each has had a share.
    assert sum(counted) == 60
    assert min(counted) > 0
    process.terminate()
    assert await ended(process) == 0


def free_ports(count):
    """The first of so many ports in a row that nobody listens on."""
    for first in range(20000, 60000, count):
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
    raise AssertionError("no ports are free")
