"""Processes that may outlive the command which started them: one file with the id for each, in `<home>/run`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lab.sites import LabError


def wait_until(condition: Callable[[], bool], what: str, within: float = 60) -> None:
    """Seconds; looked at often."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {within:g} s")
        time.sleep(0.05)


class Processes:
    """Starts and ends them, and knows those again that an earlier command left up."""

    def __init__(self) -> None:
        # Kept until they are waited for: a child that nobody waits for stays a zombie.
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, home: Path, name: str, command: list[str], more: Mapping[str, str] | None = None) -> int:
        """Starts it with its output in `<home>/log`; the command must name `home`, by which it is known again.

        `more`: variables of its environment, beside our own.
        """
        for folder in ("run", "log"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        with output(home, name).open("a") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env=os.environ | (more or {}),
            )
        self._children[process.pid] = process
        (home / "run" / f"{name}.pid").write_text(str(process.pid))
        return process.pid

    def pid(self, home: Path, name: str) -> int | None:
        """Its id, if it runs; another process that was given the same id since is not it."""
        try:
            pid = int((home / "run" / f"{name}.pid").read_text())
            if pid in self._children:
                return pid if self._runs(pid) else None
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if bytes(home) in command else None

    def tell(self, home: Path, name: str, signal_: signal.Signals) -> None:
        """Sends it a signal; one that does not run is no mistake."""
        if pid := self.pid(home, name):
            os.kill(pid, signal_)

    def end(self, homes_and_names: Iterable[tuple[Path, str]], *, kill: bool = False, within: float = 12) -> None:
        """Asks all to end, makes those end that have not within the time, and comes back when none runs any more."""
        files = {home / "run" / f"{name}.pid": self.pid(home, name) for home, name in homes_and_names}
        left = [pid for pid in files.values() if pid]
        for pid in left:
            os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
        end = time.monotonic() + within
        while (left := [pid for pid in left if self._runs(pid)]) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for pid in left:
            wait_until(lambda pid=pid: not self._runs(pid), f"process {pid} ends")  # type: ignore[misc]
        for file in files:
            file.unlink(missing_ok=True)

    def end_all(self, *homes: Path) -> None:
        self.end([(home, file.stem) for home in homes for file in (home / "run").glob("*.pid")])

    def _runs(self, pid: int) -> bool:
        if child := self._children.get(pid):
            if child.poll() is None:
                return True
            del self._children[pid]
            return False
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            threads = len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            return False
        # A process that was killed shows as ended while other threads of it end: its sockets still listen then.
        return state != "Z" or threads > 1


def output(home: Path, name: str) -> Path:
    """What it writes to stdout and stderr."""
    return home / "log" / f"{name}.out"
