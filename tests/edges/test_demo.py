"""The demo as people start it: in a process of its own, with real proxies and the released client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scopeproxy.edges.demo import INTERRUPTED, demo, round_trip, site_names
from scopeproxy.errors import ConfigurationError

SCOPEPROXY = str(Path(sys.executable).parent / "scopeproxy")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return dict(os.environ, TMPDIR=str(tmp_path), OS_CLOUD="not-this-one", OS_SCOPE="{nova: nowhere}")


@pytest.fixture
def kept(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [SCOPEPROXY, "demo", "--keep", "--sites", "Paris"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def using(folder: Path) -> list[str]:
    """The processes whose command line names something in the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [words] if str(folder) in words else []
    return found


def test_the_tour_of_two_sites_is_as_expected_and_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    command = [SCOPEPROXY, "demo", "--sites", "Lyon,Nice", "--rtt", "2ms"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("As expected: ") == 6
    assert "$ openstack server list -c ID -c Name -c Status -c Site --scope '{nova: all(*)}'" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert list(tmp_path.iterdir()) == []
    assert using(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_kept_ends_with_a_signal(kept: subprocess.Popen[str], tmp_path: Path, number: signal.Signals) -> None:
    assert kept.stdout is not None
    told = []
    for line in kept.stdout:
        told.append(line.strip())
        if "/metrics" in line:
            break
    assert "export OS_CLOUD=Paris-alice" in told
    assert any(line.startswith("export OS_CLIENT_CONFIG_FILE=") for line in told)
    assert len(using(tmp_path)) == 1, "the proxy runs"
    kept.send_signal(number)
    assert kept.wait(30) == 0
    assert list(tmp_path.iterdir()) == []
    assert using(tmp_path) == []


def test_a_tour_that_is_interrupted_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    command = [SCOPEPROXY, "demo", "--sites", "Paris,Corte"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "$ openstack" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == INTERRUPTED
    assert list(tmp_path.iterdir()) == []
    assert using(tmp_path) == []


@pytest.mark.parametrize(
    ("sites", "rtt", "message"),
    [
        (["Paris"], "15ms", "needs two sites at least"),
        (["Paris", ""], "15ms", "a name is missing beside a comma"),
        (["New York", "Paris"], "15ms", "'New York' is no name"),
        (["Paris", "Paris"], "15ms", "a name is there twice"),
        ([f"s{n}" for n in range(10)], "15ms", "10 are too many"),
        (["Paris", "Corte"], "15", "--rtt: '15' is not a duration"),
        (["Paris", "Corte"], "2m", "--rtt: 2m is too long"),
    ],
)
def test_wrong_options_are_one_clear_line(sites: list[str], rtt: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        demo(sites, False, rtt)
    assert message in str(caught.value)
    assert len(caught.value.mistakes) == 1


def test_options_become_values() -> None:
    assert site_names([" Paris", "Corte "], keep=False) == ["Paris", "Corte"]
    assert site_names(["Paris"], keep=True) == ["Paris"]
    assert round_trip("20ms") == 0.02


def test_without_the_client_the_demo_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"pip install 'scopeproxy\[client\]'"):
        demo(["Paris", "Corte"], False, "15ms")
    assert list(tmp_path.iterdir()) == []
