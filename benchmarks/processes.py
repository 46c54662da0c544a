"""A process on a core of its own, and what it costs: processor time and memory, its children's included."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from places import HOST, on_core

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    pid: int

    def family(self) -> list[int]:
        """The process and its children: nginx and a proxy with workers do their work in these."""
        found = [self.pid]
        for pid in found:
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.family())
        return sum(int(field[11]) + int(field[12]) for field in fields) / _TICK

    def memory(self, field: str) -> float:
        """MiB: VmRSS now, or VmHWM at its highest."""
        total = 0
        for pid in self.family():
            line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field))
            total += int(line.split()[1])
        return total / 1024

    def move(self, core: int) -> None:
        """To another core."""
        for pid in self.family():
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {core})

    def forget_peak(self) -> None:
        for pid in self.family():
            Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextmanager
def running(command: list[str], core: int, port: int, log: Path) -> Iterator[Process]:
    """Started, listening on its port, and ended afterwards."""
    with log.open("ab") as output:
        process = subprocess.Popen(on_core(core, *command), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 30
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{' '.join(command)} does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
