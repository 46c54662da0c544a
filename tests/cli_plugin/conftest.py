"""A pretend cloud which records what it is asked, and the real `openstack` command to ask it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

with warnings.catch_warnings(action="ignore"):
    import osc_lib  # noqa: F401 — warns of a module of its own

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @property
    def scope(self) -> str | None:
        return self.headers.get("x-scope")


@dataclass
class Cloud:
    """Keystone, nova and glance on one port, with scopeproxy's own pages; `answers` adds to them."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)  # by the beginning of a path
    pages: dict[str, tuple[int, Any]] = field(default_factory=dict)

    @property
    def scopes(self) -> set[str | None]:
        """The scopes of all requests since the last `forget`."""
        return {asked.scope for asked in self.asked}

    def forget(self) -> None:
        self.asked.clear()

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        if path in self.pages:
            return self.pages[path]
        if (method, path) == ("POST", "/identity/v3/auth/tokens"):
            return 201, {"token": self._token()}
        if path.startswith("/identity"):
            return 200, {"version": self._version("v3.14", "/identity/v3/")}
        if path in ("/compute", "/compute/v2.1", "/compute/v2.1/"):
            return 200, {"version": self._version("v2.1", "/compute/v2.1/", version="2.90", min_version="2.1")}
        if path == "/compute/v2.1/servers/detail":
            return 200, {"servers": [self._server()]}
        if path == "/compute/v2.1/flavors/detail":
            return 200, {"flavors": [{"id": "f1", "name": "m1.tiny"}]}
        if path in ("/image", "/image/"):
            return 300, {"versions": [self._version("v2.9", "/image/v2/", status="CURRENT")]}
        if path == "/image/v2/images":
            return 200, {"images": [{"id": "i1", "name": "Debian", "status": "active"}]}
        return 404, {"error": {"code": 404, "title": "Not Found", "message": "nothing here"}}

    def _version(self, name: str, path: str, **more: str) -> dict[str, Any]:
        link = {"rel": "self", "href": f"{self.url}{path}"}
        return {"id": name, "status": "stable", "links": [link], "media-types": [], **more}

    def _token(self) -> dict[str, Any]:
        domain = {"id": "default", "name": "Default"}
        services = {"identity": "identity", "compute": "compute/v2.1", "image": "image"}
        return {
            "methods": ["password"],
            "user": {"id": "u1", "name": "demo", "domain": domain},
            "project": {"id": "p1", "name": "demo", "domain": domain},
            "roles": [{"id": "r1", "name": "member"}],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "audit_ids": ["a"],
            "is_domain": False,
            "catalog": [
                {"id": kind, "type": kind, "name": kind, "endpoints": self._endpoints(path)}
                for kind, path in services.items()
            ],
        }

    def _endpoints(self, path: str) -> list[dict[str, str]]:
        place = {"region": "Paris", "region_id": "Paris", "url": f"{self.url}/{path}"}
        return [{"id": name, "interface": name, **place} for name in ("public", "internal", "admin")]

    def _server(self) -> dict[str, Any]:
        return {
            "id": "s1",
            "name": "vm1",
            "status": "ACTIVE",
            "addresses": {},
            "flavor": {"id": "f1", "original_name": "m1.tiny"},
            "image": {"id": "i1"},
            "scope_site": "Paris",
        }


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.rfile.read(int(headers.get("content-length", 0)))
            cloud.asked.append(Asked(self.command, parts.path, parse_qs(parts.query), headers))
            status, body = cloud.answer(self.command, parts.path)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 201:
                self.send_header("X-Subject-Token", "t-paris")
            for start, extra in cloud.headers.items():
                for name, value in extra.items() if parts.path.startswith(start) else ():
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(cloud)) as server:
        server.daemon_threads = True
        cloud.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield cloud
        server.shutdown()


Run = subprocess.CompletedProcess[str]


class Openstack:
    """The real command, each call a process of its own (two shells in one process share cached clients)."""

    def __init__(self, cloud: Cloud, home: Path) -> None:
        self.home = home
        self.environ = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": str(home),
            "OS_AUTH_URL": f"{cloud.url}/identity/v3",
            "OS_USERNAME": "demo",
            "OS_PASSWORD": "secret",
            "OS_PROJECT_NAME": "demo",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_IDENTITY_API_VERSION": "3",
        }

    def __call__(self, *words: str, stdin: str = "", **environ: str) -> Run:
        return self._run([str(BIN / "openstack"), *words], stdin, environ)

    def shell(self, shell: str, line: str) -> Run:
        """What a person types at this shell's prompt."""
        return self._run([shell, "-c", line], "", {})

    def program(self, code: str, **environ: str) -> Run:
        """A program of openstacksdk's users."""
        return self._run([sys.executable, "-c", code], "", environ)

    def cloud_file(self, text: str) -> None:
        """This clouds.yaml, and nothing of the environment's cloud."""
        (self.home / "clouds.yaml").write_text(text)
        self.environ["OS_CLIENT_CONFIG_FILE"] = str(self.home / "clouds.yaml")
        self.environ = {k: v for k, v in self.environ.items() if not k.startswith("OS_") or "CONFIG_FILE" in k}

    def _run(self, command: list[str], stdin: str, environ: dict[str, str]) -> Run:
        return subprocess.run(
            command,
            input=stdin,
            env=self.environ | environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def openstack(cloud: Cloud, tmp_path: Path) -> Openstack:
    return Openstack(cloud, tmp_path)


@pytest.fixture
def side_by_side() -> Callable[[list[Callable[[], Any]]], list[Any]]:
    """Runs commands at the same time, since each takes a second to start."""

    def run(tasks: list[Callable[[], Any]]) -> list[Any]:
        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(lambda task: task(), tasks))

    return run
