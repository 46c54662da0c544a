"""A proxy opens, serves, takes new topologies and closes."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import subprocess
from contextlib import suppress

import pytest
import yaml

from scopeproxy.edges import app as app_module
from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.errors import ConfigurationError

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


def changed(path, change):
    """The topology after a change of its file."""
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))
    return load(path)


def add(service, address, back):
    def change(document):
        document["services"][service] = {"fault": "plain"}
        services = document["sites"]["Paris"]["services"]
        services[service] = {"front": f"http://{address}", "back": f"http://{back.address}"}

    return change


@pytest.fixture
def certificate(tmp_path):
    """Makes a certificate for 127.0.0.1 and its key, at a path."""

    def make(name):
        pem, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        files = ["-keyout", str(key), "-out", str(pem)]
        command = ["openssl", "req", "-x509", "-nodes", "-days", "2", *curve, *subject, *files]
        subprocess.run(command, check=True, capture_output=True)
        return pem, key

    return make


# ---- opening and closing


async def test_every_port_that_is_taken_is_told_and_none_stays_open(stage):
    path = stage.sites({"Paris": {name: (await stage.back()).address for name in ("a", "b", "c")}})
    fronts = load(path).sites["Paris"].services
    taken = [
        await asyncio.start_server(lambda reader, writer: writer.close(), *fronts[name].socket) for name in ("a", "c")
    ]
    app = App(load(path), "Paris")
    with pytest.raises(ConfigurationError) as refused:
        await app.start()
    assert [mistake.partition(": ")[0] for mistake in refused.value.mistakes] == [
        f"cannot listen on {fronts[name].socket}" for name in ("a", "c")
    ]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*fronts["b"].socket)
    for server in taken:
        server.close()


async def test_a_proxy_stops_while_clients_are_connected(stage):
    app = await stage.docs(await stage.back())
    idle, asking = await stage.wire(app), await stage.wire(app)
    await asking.ask(GET)
    await app.stop()
    assert await idle.rest() == await asking.rest() == b""


async def test_calls_under_way_are_answered_before_the_proxy_stops(stage):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    app = await stage.docs(await stage.back(script))
    wire = await stage.wire(app)
    wire.send(GET)
    await begun.wait()
    stopping = asyncio.create_task(app.stop())
    late = await stage.wire(app)
    # Reset, where the kernel had connected it and the loop did not have a look yet.
    with suppress(ConnectionResetError):
        assert await late.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await stage.wire(app)
    go_on.set()
    assert (await wire.rest()).endswith(b"hi")
    await stopping


async def test_an_error_that_nobody_foresaw_is_a_fault_and_its_text_is_not_told(stage, caplog):
    app = await stage.docs(await stage.back())

    async def fails(*_):
        raise RuntimeError("very" + "secret")

    app.house.well_known.answer = fails
    wire = await stage.wire(app)
    head, _, body = (await wire.ask(b"GET /.well-known/scopeproxy/sites HTTP/1.1\r\nHost: h\r\n\r\n")).partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 500 ")
    assert json.loads(body)["error"]["status"] == 500
    assert "met a RuntimeError" in caplog.text
    assert "test_app.py" in caplog.text
    assert b"verysecret" not in body
    assert "verysecret" not in caplog.text


async def test_a_path_that_belongs_to_no_service_is_404(stage):
    back = await stage.back()
    address = stage.port()
    path = stage.sites({"Paris": {"docs": back.address}})
    topology = changed(
        path, lambda document: document["sites"]["Paris"]["services"]["docs"].update(front=f"http://{address}/docs")
    )
    app = App(topology, "Paris")
    await app.start()
    wire = await stage.wire(app)
    assert (await wire.ask(GET)).startswith(b"HTTP/1.1 404 ")
    assert (await wire.ask(b"GET /docs/a?b HTTP/1.1\r\nHost: h\r\n\r\n")).endswith(b"hi")
    assert back.lines[0] == b"GET /a?b HTTP/1.1"
    await app.stop()


# ---- a new topology


async def test_services_come_and_go_with_the_topology_and_the_others_keep_their_connections(stage):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address, "old": (await stage.back()).address}})
    app = await stage.proxy(path, "Paris")
    docs, old = await stage.wire(app), await stage.wire(app, "old")
    gone = app.house.here.services["old"].socket
    new = stage.port()
    more = await stage.back(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore")
    changed(path, add("new", new, more))
    await app.use(changed(path, lambda document: document["sites"]["Paris"]["services"].pop("old")))
    assert (await docs.ask(GET)).endswith(b"hi")
    assert (await (await stage.wire(new)).ask(GET)).endswith(b"more")
    assert await old.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await stage.wire(gone)


async def test_a_back_that_moves_is_found_by_connections_that_stay(stage):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    app = await stage.proxy(path, "Paris")
    wire = await stage.wire(app)
    await wire.ask(GET)
    moved = await stage.back(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmoved")
    await app.use(
        changed(
            path,
            lambda document: document["sites"]["Paris"]["services"]["docs"].update(back=f"http://{moved.address}"),
        )
    )
    assert (await wire.ask(GET)).endswith(b"moved")


async def test_a_topology_whose_sockets_cannot_be_opened_changes_nothing(stage):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    app = await stage.proxy(path, "Paris")
    wire = await stage.wire(app)
    taken, free, back = await stage.back(), stage.port(), await stage.back()
    changed(path, add("free", free, back))
    with pytest.raises(ConfigurationError, match="cannot listen on"):
        await app.use(changed(path, add("taken", taken.address, back)))
    assert list(app.house.here.services) == ["docs"]
    assert (await wire.ask(GET)).endswith(b"hi")
    with pytest.raises(ConnectionRefusedError):
        await stage.wire(free)


async def test_a_topology_without_this_site_is_refused(stage):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    app = await stage.proxy(path, "Paris")
    with pytest.raises(ConfigurationError, match="unknown site 'Paris'"):
        await app.use(changed(path, lambda document: document.update(sites={"Corte": document["sites"]["Paris"]})))
    assert (await (await stage.wire(app)).ask(GET)).endswith(b"hi")


async def test_what_takes_a_restart_is_told(stage, caplog):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    app = await stage.proxy(path, "Paris")
    with caplog.at_level(logging.WARNING):
        await app.use(
            changed(path, lambda document: document["sites"]["Paris"]["proxy"].update(state="sqlite:///elsewhere.db"))
        )
    assert "proxy.state was changed" in caplog.text


# ---- https


def https(document, pem, key):
    for row in document["sites"].values():
        row["proxy"]["tls"] = {"certificate": str(pem), "key": str(key), "peers": str(pem)}
        for endpoint in row["services"].values():
            endpoint["front"] = endpoint["front"].replace("http:", "https:")


async def secure(app, pem):
    context = ssl.create_default_context(cafile=str(pem))
    address = app.house.here.services["docs"].socket
    return await asyncio.open_connection(*address, ssl=context, server_hostname="127.0.0.1")


async def test_fronts_speak_https_and_believe_the_peers_that_tls_peers_names(stage, certificate):
    paris, corte = await stage.back(), await stage.back(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nCorte")
    path = stage.sites({"Paris": {"docs": paris.address}, "Corte": {"docs": corte.address}})
    pem, key = certificate("one")
    changed(path, lambda document: https(document, pem, key))
    here = await stage.proxy(path, "Paris")
    await stage.proxy(path, "Corte")
    reader, writer = await secure(here, pem)
    writer.write(b"GET /x HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Corte\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"Corte")
    writer.close()
    assert b"X-Forwarded-Proto: https" in corte.lines


async def test_a_peer_whose_certificate_nobody_vouches_for_is_not_reached(stage, certificate):
    back = await stage.back()
    path = stage.sites({"Paris": {"docs": back.address}, "Corte": {"docs": back.address}})
    pem, key = certificate("one")
    other, _ = certificate("other")
    topology = changed(path, lambda document: https(document, pem, key))
    await stage.proxy(path, "Corte")
    changed(path, lambda document: document["sites"]["Paris"]["proxy"]["tls"].update(peers=str(other)))
    here = await stage.proxy(path, "Paris")
    reader, writer = await secure(here, pem)
    writer.write(b"GET /x HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Corte\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"proxy.tls.peers" in answer
    assert topology.sites["Corte"].services["docs"].front.scheme == "https"


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_service_may_speak_https_to_those_who_believe_it(stage, certificate, trusted):
    pem, key = certificate("one")
    other, _ = certificate("other")
    back = await stage.back()
    speaks = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    speaks.load_cert_chain(pem, key)
    server = await asyncio.start_server(back.serve, "127.0.0.1", 0, ssl=speaks)
    path = stage.sites({"Paris": {"docs": back.address}})

    def change(document):
        https(document, pem, key)
        site = document["sites"]["Paris"]
        site["services"]["docs"]["back"] = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        if not trusted:
            site["proxy"]["tls"]["peers"] = str(other)

    changed(path, change)
    here = await stage.proxy(path, "Paris")
    reader, writer = await secure(here, pem)
    for more in (b"", b"Connection: close\r\n"):
        writer.write(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" + more + b"\r\nhello")
    answers = await reader.read()
    writer.close()
    if trusted:
        assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert back.bodies == [b"hello", b"hello"]
        assert here.house.pool.counts()["idle"] == 1
    else:
        assert answers.count(b"HTTP/1.1 502 ") == 2
        assert answers.count(b"name the authority in proxy.tls.peers") == 2
        assert back.heads == []
    server.close()


async def test_a_renewed_certificate_is_taken_in_with_the_topology(stage, certificate):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    old, key = certificate("old")
    changed(path, lambda document: https(document, old, key))
    app = await stage.proxy(path, "Paris")
    _, writer = await secure(app, old)
    writer.close()
    new, key = certificate("new")
    await app.use(changed(path, lambda document: https(document, new, key)))
    _, writer = await secure(app, new)
    writer.close()


async def test_a_front_may_turn_to_https_on_its_port(stage, certificate):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    app = await stage.proxy(path, "Paris")
    pem, key = certificate("one")
    await app.use(changed(path, lambda document: https(document, pem, key)))
    _, writer = await secure(app, pem)
    writer.close()


async def test_who_never_agrees_on_tls_takes_room_no_longer_than_it_may(stage, certificate, monkeypatch):
    monkeypatch.setattr(app_module, "_HANDSHAKE", 4.0)
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    pem, key = certificate("one")

    def change(document):
        https(document, pem, key)
        document["sites"]["Paris"]["proxy"]["limits"] = {"connections": "10"}

    changed(path, change)
    app = await stage.proxy(path, "Paris")
    fronts = next(iter(app._open_now.values())).fronts
    address = tuple(app.house.here.services["docs"].socket)
    # Who leaves, who speaks something else, and who says nothing.
    for farewell in (b"", b"no tls at all\r\n\r\n", None):
        silent = [socket.create_connection(address) for _ in range(10)]
        async with asyncio.timeout(20):
            while len(fronts) < 10:
                await asyncio.sleep(0.01)
        reader, writer = await secure(app, pem)
        writer.write(GET)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503 ")
        writer.close()
        for wire in silent:
            if farewell is not None:
                wire.sendall(farewell)
                wire.close()
        async with asyncio.timeout(20):
            while len(fronts):
                await asyncio.sleep(0.01)
        for wire in silent:
            wire.close()
    reader, writer = await secure(app, pem)
    writer.write(GET)
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize("says_so", [True, False])
@pytest.mark.parametrize("sent", [b"", GET, GET[:9], b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_client_that_ends_tls_is_let_go(stage, certificate, caplog, sent, says_so):
    # TLS has no half of an end: whoever says that it is the end, or only closes, waits for nothing any more.
    async def script(reader, writer):
        await reader.read()

    pem, key = certificate("one")
    path = stage.sites({"Paris": {"docs": (await stage.back(script)).address}})
    changed(path, lambda document: https(document, pem, key))
    app = await stage.proxy(path, "Paris")
    fronts = next(iter(app._open_now.values())).fronts

    def client():
        context = ssl.create_default_context(cafile=str(pem))
        address = tuple(app.house.here.services["docs"].socket)
        with (
            socket.create_connection(address) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as wire,
        ):
            wire.settimeout(20)
            wire.sendall(sent)
            if says_so:
                with suppress(OSError):
                    wire.unwrap()

    await asyncio.to_thread(client)
    async with asyncio.timeout(20):
        while len(fronts) or app.house.pool.counts()["in_use"]:
            await asyncio.sleep(0.01)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("which", ["certificate", "peers"])
async def test_files_of_tls_that_cannot_be_used_are_told(stage, certificate, which, tmp_path):
    path = stage.sites({"Paris": {"docs": (await stage.back()).address}})
    pem, key = certificate("one")
    changed(path, lambda document: https(document, pem, key))
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    topology = changed(path, lambda document: document["sites"]["Paris"]["proxy"]["tls"].update({which: str(bad)}))
    app = App(topology, "Paris")
    with pytest.raises(ConfigurationError, match=r"bad\.pem cannot be used"):
        await app.start()
