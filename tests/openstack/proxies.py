"""One `scopeproxy serve` for each site, with its log in a file."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from scopeproxy.edges.programs import program

_PATIENCE = 60.0
_LOOK_EVERY = 0.02


class Proxies:
    """Processes of this one."""

    def __init__(self, topology: Path, logs: Path) -> None:
        self._topology, self._logs = topology, logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, site: str) -> Path:
        return self._logs / f"{site}.log"

    def pid(self, site: str) -> int:
        return self._running[site].pid

    def start(self, sites: Iterable[str]) -> None:
        """They serve when this returns."""
        sites = tuple(sites)
        before = {site: self._served(site) for site in sites}
        command = [program("scopeproxy", "install scopeproxy"), "serve", "-c", str(self._topology)]
        for site in sites:
            with self.log(site).open("ab") as log:
                self._running[site] = subprocess.Popen(
                    [*command, "--site", site],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                )
        end = time.monotonic() + _PATIENCE
        for site in sites:
            while self._served(site) == before[site]:
                ended = self._running[site].poll() is not None or time.monotonic() > end
                assert not ended, f"the proxy of {site} does not start:\n{self.log(site).read_text()}"
                time.sleep(_LOOK_EVERY)

    def _served(self, site: str) -> int:
        """How often it has begun to serve."""
        return self.log(site).read_text().count('"serving ') if self.log(site).exists() else 0

    def hang_up(self, site: str) -> None:
        self._running[site].send_signal(signal.SIGHUP)

    def stop(self, site: str, *, kill: bool = False) -> None:
        """It is gone when this returns."""
        process = self._running.pop(site)
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        for process in self._running.values():
            process.terminate()
        for site in list(self._running):
            self.stop(site)
