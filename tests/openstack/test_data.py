"""Image data across sites: much of it, parts of it, and too little of it."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.openstack.cloud import Cloud

MIB = 1 << 20
# What a proxy may need more than before, at most, while it passes much on.
_GROWTH = 24 * MIB
_OCTETS = {"Content-Type": "application/octet-stream"}
_NEW = {"disk_format": "raw", "container_format": "bare"}


def blocks(size: int) -> Iterator[bytes]:
    """Data of which no two MiB are alike."""
    filler = hashlib.sha256(b"scopeproxy").digest() * (MIB // 32 - 1)
    for number in range(size // MIB):
        yield number.to_bytes(32, "big") + filler


def checksum(size: int) -> str:
    whole = hashlib.sha512()
    for block in blocks(size):
        whole.update(block)
    return whole.hexdigest()


@contextmanager
def an_image(cloud: Cloud, name: str, entry: str, site: str) -> Iterator[tuple[str, str]]:
    """A token, and the path of an image at the site that has no data yet."""
    scope = f"{{glance: {site}}}"
    token = cloud.token(entry, scope=scope)
    made = cloud.call("POST", "glance:/v2/images", at=entry, token=token, scope=scope, json={"name": name, **_NEW})
    assert made.status == 201, made.text
    path = f"/v2/images/{made.json['id']}"
    yield token, path
    assert cloud.call("DELETE", f"glance:{path}", at=entry, token=token, scope=scope).status == 204


@contextmanager
def in_bounded_memory(cloud: Cloud, *sites: str) -> Iterator[None]:
    """The proxies of these sites hold no more than a little of what passes."""
    processes = {site: Path(f"/proc/{cloud.proxy_pid(site)}") for site in sites}
    for process in processes.values():
        (process / "clear_refs").write_text("5")  # the peak is measured anew
    before = {site: _peak(process) for site, process in processes.items()}
    yield
    grown = {site: _peak(process) - before[site] for site, process in processes.items()}
    assert all(more < _GROWTH for more in grown.values()), grown


def _peak(process: Path) -> int:
    line = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(("entry", "site"), [("Paris", "Corte"), ("Corte", "Marseille")])
def test_much_data_goes_to_another_site_and_comes_back_the_same(cloud: Cloud, name: str, entry: str, site: str) -> None:
    size, scope = (200 if cloud.real else 64) * MIB, f"{{glance: {site}}}"
    with an_image(cloud, name, entry, site) as (token, path), in_bounded_memory(cloud, entry, site):
        sent = cloud.call(
            "PUT", f"glance:{path}/file", at=entry, token=token, scope=scope, headers=_OCTETS, data=blocks(size)
        )
        assert sent.status == 204, sent.text
        there = cloud.call("GET", f"glance:{path}", at=site, token=cloud.token(site)).json
        assert (there["status"], there["size"], there["os_hash_value"]) == ("active", size, checksum(size))
        came, length = hashlib.sha512(), 0
        headers = {"X-Auth-Token": token, "X-Scope": scope}
        with requests.get(f"{cloud.front(entry, 'glance')}{path}/file", headers=headers, stream=True) as answer:
            assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(size))
            for chunk in answer.iter_content(MIB):
                came.update(chunk)
                length += len(chunk)
        assert (length, came.hexdigest()) == (size, there["os_hash_value"])


def test_a_part_of_an_image_of_another_site(cloud: Cloud, name: str) -> None:
    scope = "{glance: Corte}"
    with an_image(cloud, name, "Paris", "Corte") as (token, path):
        data = b"".join(blocks(2 * MIB))
        file = f"glance:{path}/file"
        assert cloud.call("PUT", file, token=token, scope=scope, headers=_OCTETS, data=data).status == 204
        for asked, first, last in (
            ("0-9", 0, 9),
            (f"{MIB}-{MIB + 31}", MIB, MIB + 31),
            ("-3", 2 * MIB - 3, 2 * MIB - 1),
        ):
            part = cloud.call("GET", file, token=token, scope=scope, headers={"Range": f"bytes={asked}"})
            assert (part.status, part.body) == (206, data[first : last + 1])
            assert part.headers["Content-Range"] == f"bytes {first}-{last}/{2 * MIB}"
        beyond = cloud.call("GET", file, token=token, scope=scope, headers={"Range": f"bytes={9 * MIB}-"})
        assert beyond.status == 416


def test_an_upload_that_breaks_off_leaves_no_image(cloud: Cloud, name: str) -> None:
    scope = "{glance: Corte}"
    with an_image(cloud, name, "Paris", "Corte") as (token, path):
        front = urlsplit(cloud.front("Paris", "glance"))
        mark = cloud.mark()
        with socket.create_connection((front.hostname, front.port or 80)) as client:
            head = (
                f"PUT {path}/file HTTP/1.1\r\nHost: {front.netloc}\r\nX-Auth-Token: {token}\r\nX-Scope: {scope}\r\n"
                f"Content-Type: application/octet-stream\r\nContent-Length: {2 * MIB}\r\n\r\n"
            )
            client.sendall(head.encode() + os.urandom(MIB))
        told = cloud.wait_for(
            lambda: [row for row in cloud.calls("Paris", mark) if row["method"] == "PUT"], "the upload's end is noted"
        )
        assert "the request's body broke off" in told[0]["error"]
        shown = cloud.call("GET", f"glance:{path}", token=token, scope=scope).json
        assert (shown["status"], shown["size"]) == ("queued", None)
        whole = cloud.call("PUT", f"glance:{path}/file", token=token, scope=scope, headers=_OCTETS, data=b"x" * MIB)
        assert whole.status == 204, whole.text


@pytest.mark.real_only("the announced size of an upload does not count")
def test_an_upload_of_another_size_than_announced_is_refused_there(cloud: Cloud, name: str) -> None:
    scope = "{glance: Corte}"
    with an_image(cloud, name, "Paris", "Corte") as (token, path):
        headers = {**_OCTETS, "X-OpenStack-Image-Size": "2000"}
        refused = cloud.call("PUT", f"glance:{path}/file", token=token, scope=scope, headers=headers, data=b"x" * 1000)
        assert (refused.status, refused.headers["X-Scope-Sites"]) == (400, "Corte=400")
        assert "expected 2000 bytes, got 1000" in refused.text
        assert cloud.call("GET", f"glance:{path}", token=token, scope=scope).json["status"] == "queued"


# ---- to several sites at once

BOTH = "{glance: Paris&Corte}"


@contextmanager
def an_image_at_both(cloud: Cloud, name: str, entry: str = "Paris") -> Iterator[tuple[str, str]]:
    """A token, and the path of an image that waits for its data at both sites, by the same id."""
    token, id_ = cloud.token(entry, scope=BOTH), str(uuid.uuid4())
    new = {"name": name, "id": id_, **_NEW}
    made = cloud.call("POST", "glance:/v2/images", at=entry, token=token, scope=BOTH, json=new)
    assert made.status == 201, made.text
    yield token, f"/v2/images/{id_}"
    deleted = cloud.call("DELETE", f"glance:/v2/images/{id_}", at=entry, token=token, scope=BOTH)
    assert deleted.status == 204, deleted.text


def shown(cloud: Cloud, path: str, site: str) -> tuple[str, int | None, str | None]:
    """Status, size and checksum of an image at a site."""
    image = cloud.call("GET", f"glance:{path}", at=site, token=cloud.token(site)).json
    return image["status"], image["size"], image["os_hash_value"]


@pytest.mark.parametrize("entry", ["Paris", "Corte"])
def test_much_data_goes_to_two_sites_at_once(cloud: Cloud, name: str, entry: str) -> None:
    size = (200 if cloud.real else 64) * MIB
    with an_image_at_both(cloud, name, entry) as (token, path), in_bounded_memory(cloud, "Paris", "Corte"):
        file = f"glance:{path}/file"
        sent = cloud.call("PUT", file, at=entry, token=token, scope=BOTH, headers=_OCTETS, data=blocks(size))
        assert (sent.status, sent.headers["X-Scope-Sites"]) == (204, "Paris=204, Corte=204"), sent.text
        assert {shown(cloud, path, site) for site in ("Paris", "Corte")} == {("active", size, checksum(size))}


@pytest.mark.parametrize("chosen", [True, False])
def test_an_image_with_data_is_made_at_two_sites_by_one_command(
    cloud: Cloud, name: str, tmp_path: Path, chosen: bool
) -> None:
    """Under an id that the client has chosen, or under one of each site's own."""
    file = tmp_path / "data"
    file.write_bytes(b"".join(blocks(8 * MIB)))
    words = ("image", "create", name, "--file", str(file), "--disk-format", "raw", "-f", "json")
    made = cloud.openstack(*words, *(("--id", str(uuid.uuid4())) if chosen else ()), scope=BOTH)
    assert made.code == 0, made.stderr
    ids = set()
    for site in ("Paris", "Corte"):
        there = cloud.openstack("image", "show", name, "-f", "json", at=site).json
        ids.add(there["id"])
        assert shown(cloud, f"/v2/images/{there['id']}", site) == ("active", 8 * MIB, checksum(8 * MIB))
        saved = cloud.openstack("image", "save", name, "--file", str(tmp_path / site), at=site)
        assert saved.code == 0, saved.stderr
        assert (tmp_path / site).read_bytes() == file.read_bytes()
    assert len(ids) == (1 if chosen else 2)
    deleted = cloud.openstack("image", "delete", made.json["id"], scope=BOTH)
    assert deleted.code == 0, deleted.stderr
    assert not [site for site in ("Paris", "Corte") if cloud.openstack("image", "show", name, at=site).code == 0]


def test_a_client_that_waits_to_be_asked_for_the_data_is_asked(cloud: Cloud, name: str) -> None:
    with an_image_at_both(cloud, name) as (token, path):
        front = urlsplit(cloud.front("Paris", "glance"))
        with socket.create_connection((front.hostname, front.port or 80), timeout=3 * cloud.patience) as client:
            head = (
                f"PUT {path}/file HTTP/1.1\r\nHost: {front.netloc}\r\nX-Auth-Token: {token}\r\nX-Scope: {BOTH}\r\n"
                f"Content-Type: application/octet-stream\r\nContent-Length: {MIB}\r\nExpect: 100-continue\r\n\r\n"
            )
            client.sendall(head.encode())
            assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"".join(blocks(MIB)))
            assert client.recv(100).startswith(b"HTTP/1.1 204 ")
        assert {shown(cloud, path, site) for site in ("Paris", "Corte")} == {("active", MIB, checksum(MIB))}


def test_a_site_that_has_data_already_is_named_and_the_other_takes_them(cloud: Cloud, name: str) -> None:
    with an_image_at_both(cloud, name) as (token, path):
        file, data = f"glance:{path}/file", b"".join(blocks(4 * MIB))
        there = cloud.token("Corte")
        assert cloud.call("PUT", file, at="Corte", token=there, headers=_OCTETS, data=b"old").status == 204
        sent = cloud.call("PUT", file, token=token, scope=BOTH, headers=_OCTETS, data=data)
        assert (sent.status, sent.headers["X-Scope-Sites"]) == (409, "Paris=204, Corte=409")
        assert "Paris: done 204; Corte: answered 409" in sent.text
        assert shown(cloud, path, "Paris") == ("active", 4 * MIB, checksum(4 * MIB))
        assert shown(cloud, path, "Corte")[:2] == ("active", 3)
