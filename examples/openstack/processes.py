"""Processes that may outlive the command which started them: one file with the id for each, in `<home>/run`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path


def start(home: Path, name: str, command: list[str]) -> None:
    """Starts it with its output in `<home>/log`; the command must name `home`, by which `alive` knows it again."""
    for folder in ("run", "log"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    with (home / "log" / f"{name}.out").open("a") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    (home / "run" / f"{name}.pid").write_text(str(process.pid))


def alive(home: Path, name: str) -> int | None:
    """Its id, if it runs; another process that was given the same id since is not it."""
    try:
        pid = int((home / "run" / f"{name}.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if bytes(home) in command else None


def stop_all(*homes: Path) -> None:
    """Asks all to end, and makes those end that have not within some seconds."""
    pids = []
    for home in homes:
        for file in (home / "run").glob("*.pid"):
            if pid := alive(home, file.stem):
                os.kill(pid, signal.SIGTERM)
                pids.append(pid)
            file.unlink()
    end = time.monotonic() + 8
    while (left := [pid for pid in pids if _runs(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
