"""`scopeproxy serve` as a process: its log, its signals, its exit codes, its memory."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
import yaml

from scopeproxy.edges import serve
from scopeproxy.errors import ConfigurationError
from tests.edges.served import GET, front, refusal, replace, rewrite, serving

MIB = 1 << 20


@pytest.fixture
async def path(stage):
    back = await stage.back()
    return stage.sites({"Paris": {"docs": back.address}})


# ---- a life


async def test_a_proxy_serves_reads_its_file_again_and_stops(stage, path):
    async with serving(path) as served:
        wire = await stage.wire(front(path))
        assert (await wire.ask(GET)).endswith(b"hi")

        good = yaml.safe_load(path.read_text())
        replace(path, "sites: {}\n")
        assert "no site is in it" in (await served.said("stays in force"))["message"]
        served.process.send_signal(signal.SIGHUP)
        assert (await served.said("stays in force"))["level"] == "error"
        assert (await wire.ask(GET)).endswith(b"hi")

        new, services = stage.port(), good["sites"]["Paris"]["services"]
        good["services"]["more"] = {"fault": "plain"}
        services["more"] = {**services["docs"], "front": f"http://{new}"}
        replace(path, yaml.safe_dump(good))
        await served.said("was read again")
        assert (await (await stage.wire(new)).ask(GET)).endswith(b"hi")
        code, rest = await served.ended(signal.SIGTERM)
        assert code == 0
        assert "Traceback" not in rest


async def test_a_call_under_way_is_answered_before_the_process_ends(stage):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    path = stage.sites({"Paris": {"docs": (await stage.back(script)).address}})
    async with serving(path) as served:
        wire = await stage.wire(front(path))
        wire.send(GET)
        await begun.wait()
        served.process.send_signal(signal.SIGTERM)
        await served.said("stopping")
        go_on.set()
        assert (await wire.rest()).endswith(b"hi")
        assert (await served.ended())[0] == 0


# ---- what must not begin


async def test_all_mistakes_are_told_and_nothing_is_opened(path):
    rewrite(path, lambda document: document["sites"]["Paris"].update(colour="red", proxy={"partial": "maybe"}))
    code, told = await refusal(path)
    assert code == 2
    assert "colour" in told
    assert "maybe" in told
    assert "Traceback" not in told


async def test_an_unknown_site_is_told(path):
    code, told = await refusal(path, site="Pari")
    assert (code, told) == (2, "--site: unknown site 'Pari'; did you mean 'Paris'?\n")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_port_that_is_taken_is_told(path, workers):
    address = front(path)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), *address, reuse_port=True)
    code, told = await refusal(path, "--workers", workers)
    server.close()
    assert code == 2
    assert told.splitlines() == [f"cannot listen on {address}: Address already in use"]


async def test_a_taken_admin_port_is_told(stage, path):
    taken = (await stage.back()).address
    rewrite(path, lambda document: document["sites"]["Paris"]["proxy"].update(admin=str(taken)))
    code, told = await refusal(path)
    assert code == 2
    assert f"proxy.admin: cannot listen on {taken}" in told


async def test_a_second_proxy_of_a_site_with_workers_is_refused(path):
    async with serving(path, "--workers", "2", workers=2) as served:
        code, told = await refusal(path, "--workers", "2")
        assert code == 2
        assert "Address already in use" in told
        assert (await served.ended(signal.SIGTERM))[0] == 0


# ---- large bodies


def memory(served, figure):
    """Bytes, as the kernel counts them."""
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(status.partition(f"{figure}:")[2].split()[0]) * 1024


async def pour(writer, count):
    block = bytes(MIB)
    for _ in range(count):
        writer.write(block)
        await writer.drain()


async def drained(reader, size):
    while size:
        size -= len(await reader.read(min(size, MIB)))


async def test_a_gibibyte_up_and_down_leaves_the_memory_as_it_was(stage):
    async def script(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"PUT"):
            await drained(reader, 1024 * MIB)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1024 * MIB))
            await pour(writer, 1024)

    path = stage.sites({"Paris": {"docs": (await stage.back(script)).address}})
    async with serving(path) as served:
        up, down = await stage.wire(front(path)), await stage.wire(front(path))
        before = memory(served, "VmRSS")
        up.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (1024 * MIB))
        await pour(up.writer, 1024)
        assert (await up.head()).startswith(b"HTTP/1.1 204 ")
        down.send(GET)
        await down.head()
        await drained(down.reader, 1024 * MIB)
        # The most that it ever was.
        assert memory(served, "VmHWM") - before < 64 * MIB


async def test_much_data_for_three_sites_at_once_leaves_the_memory_as_it_was(stage):
    size, slow = 256 * MIB, asyncio.Event()

    def takes(waits):
        async def script(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            await drained(reader, size // 2)
            if waits:
                await slow.wait()
            await drained(reader, size // 2)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

        return script

    names = ("Paris", "Corte", "Lyon")
    path = stage.sites({name: {"docs": (await stage.back(takes(name == "Lyon"))).address} for name in names})
    for name in names[1:]:
        await stage.proxy(path, name)
    async with serving(path) as served:
        wire = await stage.wire(front(path))
        before = memory(served, "VmRSS")
        wire.send(b"PUT /x HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Paris&Corte&Lyon\r\n")
        wire.send(b"Content-Length: %d\r\n\r\n" % size)
        pouring = asyncio.create_task(pour(wire.writer, size // MIB))
        # The others have to wait for the slow one: what it has not taken is not held either.
        assert not (await asyncio.wait({pouring}, timeout=1))[0]
        slow.set()
        await pouring
        assert (await wire.head()).startswith(b"HTTP/1.1 204 ")
        assert memory(served, "VmHWM") - before < 48 * MIB


# ---- the event loop


@pytest.mark.parametrize(
    ("wanted", "module"), [(None, "uvloop"), ("", "uvloop"), ("uvloop", "uvloop"), ("asyncio", None)]
)
def test_uvloop_is_used_where_it_is_installed_unless_told_otherwise(monkeypatch, wanted, module):
    want(monkeypatch, wanted)
    factory = serve.loop_factory()
    assert (factory is None) is (module is None)
    if factory is not None:
        loop = factory()
        assert type(loop).__module__.startswith(module)
        loop.close()


def test_without_uvloop_pythons_own_loop_is_used(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(serve, "import_module", missing)
    for wanted in (None, "asyncio"):
        want(monkeypatch, wanted)
        assert serve.loop_factory() is None
    want(monkeypatch, "uvloop")
    with pytest.raises(ConfigurationError, match="uvloop is not installed"):
        serve.loop_factory()


def want(monkeypatch, loop):
    monkeypatch.delenv("SCOPEPROXY_LOOP", raising=False)
    if loop is not None:
        monkeypatch.setenv("SCOPEPROXY_LOOP", loop)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_unknown_loop_is_told_before_anything_is_opened(path, monkeypatch, workers):
    want(monkeypatch, "trio")
    code, told = await refusal(path, "--workers", workers)
    assert (code, told) == (2, "SCOPEPROXY_LOOP: 'trio' is no event loop: choose asyncio or uvloop\n")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_the_log_tells_by_which_loop_a_site_is_served(path, monkeypatch, loop):
    want(monkeypatch, loop)
    async with serving(path) as served:
        assert served.lines[-1]["message"].endswith(f" (by {loop})")
        assert (await served.ended(signal.SIGTERM))[0] == 0
