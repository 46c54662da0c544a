"""The suite's cloud with real services: the lab of examples/openstack, whose proxies' links can be cut."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.openstack.cloud import IMAGES, Cloud
from tests.openstack.strategies import NICE, SITES, with_proxy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "openstack"))

from lab import Lab
from lab.sites import some_sites

# Seconds after which a link that drops everything is noticed: short, and longer than any call of a boot takes.
_TIMEOUTS = {"connect": "1s", "answer": "20s", "total": "120s"}
# The services that remember which of their users' tokens are good.
_REMEMBERING = ("glance", "neutron", "cinder", "nova")
_EXPIRATION = re.compile(r"\n\[token\]\nexpiration = \d+\n")
_NEVER = "\n[keystone_authtoken]\ntoken_cache_time = -1\n"


class Real(Cloud):
    """LAB_DIR, LAB_VENV and LAB_NET tell where, as for examples/openstack/run."""

    real = True
    patience = 100.0

    def __init__(self, folder: Path, venv: Path, net: str, split: Collection[str] = ()) -> None:
        super().__init__(folder)
        sites = some_sites(folder, venv, net, (*SITES, NICE), split=split)
        self.lab = Lab(folder, sites, links=True, report=_told)
        self._remembers = True

    @property
    def topology_path(self) -> Path:
        return self.lab.topology_path

    @property
    def clouds_path(self) -> Path:
        return self.lab.clouds_path

    # ---- up and down

    def up(self) -> None:
        self.lab.up()
        if self.lab.authority is not None:
            self._plain.verify = str(self.lab.authority)
        self.topology = with_proxy(yaml.safe_load(self.topology_path.read_text()), {"timeouts": _TIMEOUTS})
        for site, name in IMAGES.items():
            self._give_image(site, name)
        self.serve_by([])

    def down(self) -> None:
        self.lab.close()

    def _give_image(self, site: str, name: str) -> None:
        token = self.token(site, "admin")
        body = {"name": name, "visibility": "public", "disk_format": "raw", "container_format": "bare"}
        made = self.call("POST", "glance:/v2/images", at=site, token=token, json=body)
        assert made.status == 201, made.text
        path, headers = f"glance:/v2/images/{made.json['id']}/file", {"Content-Type": "application/octet-stream"}
        given = self.call("PUT", path, at=site, token=token, headers=headers, data=f"not really {name}\n".encode() * 64)
        assert given.status == 204, given.text

    def connection(self, at: str = "Paris", user: str = "alice", scope: str | None = None, **config: Any) -> Any:
        trusted = {} if self.lab.authority is None else {"cacert": str(self.lab.authority)}
        return super().connection(at, user, scope, **trusted | config)

    # ---- what is done to services, proxies and links

    def stop_service(self, site: str, service: str) -> None:
        self.lab.stop_service(site, service)

    def start_service(self, site: str, service: str) -> None:
        self.lab.start_service(site, service)

    def stop_proxy(self, site: str, *, kill: bool) -> None:
        self.lab.stop_proxy(site, kill=kill)

    def start_proxy(self, site: str) -> None:
        self.lab.start_proxy(site)

    def hang_up(self, site: str) -> None:
        self.lab.hang_up(site)

    def hold(self, site: str, held: bool) -> None:
        self.lab.hold(site, held)

    def cut(self, one: str, other: str, how: str) -> None:
        self.lab.cut(one, other, how)

    def heal(self) -> None:
        self.lab.heal()

    def remember_tokens(self, remember: bool) -> None:
        """That takes new processes: all at once, and only when it must be."""
        if remember is not self._remembers:
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._configure, [(site, api) for site in self.lab.sites for api in _REMEMBERING]))
            self._remembers = remember

    def _configure(self, which: tuple[str, str]) -> None:
        """Start a service anew, with the other setting."""
        site, service = which
        self._start_anew(site, service, lambda text: text + _NEVER if self._remembers else text.replace(_NEVER, ""))

    def let_tokens_live(self, seconds: int) -> None:
        self._start_anew(
            "Paris", "keystone", lambda text: _EXPIRATION.sub("", text) + f"\n[token]\nexpiration = {seconds}\n"
        )

    @contextmanager
    def validating_at_the_back(self, site: str, service: str) -> Iterator[None]:
        """A service's auth_url goes around the proxy meanwhile, which is wrong."""
        front, back = (f"auth_url = {end(site, 'keystone')}\n" for end in (self.front, self.back))
        try:
            self._start_anew(site, service, lambda text: text.replace(front, back))
            yield
        finally:
            self._start_anew(site, service, lambda text: text.replace(back, front))

    def _start_anew(self, site: str, service: str, change: Callable[[str], str]) -> None:
        """A service, with other settings."""
        file = self.lab.sites[site].home / "etc" / ("glance-api.conf" if service == "glance" else f"{service}.conf")
        text = file.read_text()
        assert change(text) != text, f"nothing was changed in {file}"
        file.write_text(change(text))
        self.lab.stop_service(site, service)
        self.lab.start_service(site, service)

    def volume_begins(self, site: str, volume: str, size: int) -> bytes:
        """The first bytes that a volume of the lab's backend holds."""
        with (self.lab.sites[site].home / "volumes" / f"volume-{volume}").open("rb") as file:
            return file.read(size)

    def log_path(self, site: str) -> Path:
        return self.lab.proxy_log(site)

    def proxy_pid(self, site: str) -> int:
        return self.lab.proxy_pids()[site]


def _told(seconds: float, what: str) -> None:
    print(f"{seconds:6.1f} s  {what}", file=sys.stderr, flush=True)


@contextmanager
def real(split: Collection[str] = ()) -> Iterator[Real]:
    """Up meanwhile; `split`: the sites whose nova is several processes."""
    folder = Path(os.environ.get("LAB_DIR") or Path(tempfile.gettempdir(), "scopeproxy-openstack"))
    venv = Path(os.environ.get("LAB_VENV") or folder / "venv")
    cloud = Real(folder.absolute(), venv.absolute(), os.environ.get("LAB_NET", "127.0"), split)
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.down()
