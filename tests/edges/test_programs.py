from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from scopeproxy.edges.programs import Finished, client_environment, end, program, proxies, run
from scopeproxy.errors import ConfigurationError, ScopeProxyError

PYTHON = sys.executable
STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


def test_a_program_beside_python_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("beside", "path"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert program("tool", "") == str(tmp_path / "beside" / "tool")
    (tmp_path / "beside" / "tool").unlink()
    assert program("tool", "") == str(tmp_path / "path" / "tool")
    (tmp_path / "path" / "tool").unlink()
    with pytest.raises(ConfigurationError, match=r"no 'tool' command.*install it"):
        program("tool", "install it")


def test_the_client_is_not_led_elsewhere() -> None:
    elsewhere = {"OS_CLOUD": "x", "OS_SCOPE": "y", "SCOPEPROXY_SCOPE": "z", "https_proxy": "p", "HTTP_PROXY": "p"}
    assert client_environment(elsewhere | {"HOME": "/h"}, OS_CLOUD="Paris") == {"HOME": "/h", "OS_CLOUD": "Paris"}


async def test_what_a_program_leaves() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert await run([PYTHON, "-c", code], os.environ) == Finished(3, "out\n", "err\n")


async def test_a_program_that_takes_too_long_is_ended() -> None:
    finished = await run([PYTHON, "-c", "import time; time.sleep(60)"], os.environ, patience=0.2)
    assert (finished.code, "was ended after 0.2 s" in finished.stderr) == (-1, True)


async def test_a_process_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scopeproxy.edges.programs._PATIENCE", 0.2)
    process = await asyncio.create_subprocess_exec(PYTHON, "-c", STUBBORN, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    began = time.monotonic()
    await end(process)
    await end(process)
    assert time.monotonic() - began < 30
    assert process.returncode


async def test_a_proxy_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "sites.yaml").write_text("sites: {Paris: {}}\n")
    with pytest.raises(ScopeProxyError, match=r"the proxy of Paris did not start: .*sites"):
        async with proxies(tmp_path / "sites.yaml", ["Paris"], tmp_path):
            raise AssertionError("it started")
