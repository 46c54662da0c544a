"""The `openstack` command, as a user of the lab's clouds gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT = 300.0  # seconds: a boot waits


class CommandFailed(Exception):
    """`done` has its exit status and what it printed."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.done = done
        super().__init__(f"{' '.join(done.args)}: exit status {done.returncode}\n{done.stderr}")


def search_path() -> str:
    """The commands of the environment that runs this come first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def environment(clouds: Path, cloud: str) -> dict[str, str]:
    """For the command at one of the clouds of clouds.yaml.  A shell's own OS_* settings are kept out."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
    return kept | {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": cloud, "PATH": search_path()}


def attempt(clouds: Path, cloud: str, *words: str, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Whatever comes of it; `timeout` in seconds."""
    return subprocess.run(
        ["openstack", *words],
        env=environment(clouds, cloud),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def read(clouds: Path, cloud: str, *words: str) -> Any:
    """What a show, list or create prints, as JSON.  An exit status but 0 raises."""
    done = attempt(clouds, cloud, *words, "-f", "json")
    if done.returncode:
        raise CommandFailed(done)
    return json.loads(done.stdout)
