"""What a client sends as a secret is in no line of the log, whatever becomes of its call."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import suppress

import pytest

from tests.edges.served import front, serving
from tests.loops import LOOPS

SECRET = b"gAAAAAsecret"
TELLING = b"Host: h\r\nX-Auth-Token: %b\r\nAuthorization: Basic %b\r\nCookie: %b\r\n" % (SECRET, SECRET, SECRET)
EVERY = 100

# Calls that pass, that are scoped, that are refused here or by the service, and what is no request at all.
CALLS = {
    "scoped": b"GET /x?token=%b HTTP/1.1\r\n%bX-Scope: docs: Paris\r\n\r\n" % (SECRET, TELLING),
    "a bad scope": b"GET /x?token=%b HTTP/1.1\r\n%bX-Scope: docs: Pari\r\n\r\n" % (SECRET, TELLING),
    "nobody answers": b"GET /lost?token=%b HTTP/1.1\r\n%bX-Scope: docs: Paris\r\n\r\n" % (SECRET, TELLING),
    "a body": b"POST /x HTTP/1.1\r\n%bX-Scope: docs: Paris\r\nContent-Length: %d\r\n\r\n%b"
    % (TELLING, len(SECRET), SECRET),
    "bad chunks": b"POST /x HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%b\r\n" % (TELLING, SECRET),
    "a bad header": b"GET /x HTTP/1.1\r\n%b%b : x\r\n\r\n" % (TELLING, SECRET),
    "a bad line": b"GET %b HTTP/9\r\n%b\r\n" % (SECRET, TELLING),
    "another site": b"GET http://u:%b@h/x HTTP/1.1\r\n%b\r\n" % (SECRET, TELLING),
    "an upgrade": b"GET /x?%b HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (SECRET, TELLING, SECRET),
}


@pytest.mark.parametrize("loop", LOOPS)
async def test_no_secret_and_no_query_is_logged(stage, loop):
    async def script(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET /lost"):
                return
            if head.startswith(b"POST"):
                await reader.readexactly(len(SECRET))
            # The service's answer has secrets as well.
            writer.write(b"HTTP/1.1 401 %b\r\nX-Subject-Token: %b\r\nContent-Length: 0\r\n\r\n" % (SECRET, SECRET))

    path = stage.sites({"Paris": {"docs": (await stage.back(script)).address}})
    async with serving(path, loop=loop) as served:
        wire = await stage.wire(front(path))
        for _ in range(3 * EVERY - len(CALLS) - 1):
            answer = await wire.ask(b"GET /x?token=%b HTTP/1.1\r\n%b\r\n" % (SECRET, TELLING))
            assert answer.startswith(b"HTTP/1.1 401 ")
        for call in CALLS.values():
            wire = await stage.wire(front(path))
            wire.send(call)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                assert (await wire.head()).startswith(b"HTTP/1.1 ")
            wire.leave()
        code, rest = await served.ended(signal.SIGTERM)
    assert code == 0
    assert SECRET.decode() not in rest
    assert "token=" not in rest
    lines = [json.loads(line) for line in rest.splitlines()]
    passed = [line for line in lines if line.get("path") == "/x" and "scope" not in line and line["status"] == 401]
    assert len(passed) == 3, "one of so many"
    assert [line["intent"] for line in lines if line.get("scope") == "docs: Paris"], "and each that has a scope"
