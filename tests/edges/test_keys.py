"""Key files: what is a key, who may read it, and how one is made."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scopeproxy.edges.keys import password_at, peer_key, secret_at, site_key, spool_of
from scopeproxy.errors import ConfigurationError
from scopeproxy.model.topology import Address, Endpoint, ProxySettings, Site, Topology, Url


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        secret_at(path)
    (mistake,) = error.value.mistakes
    return mistake.removeprefix(f"{path}: ")


RAW = bytes(range(200, 240))


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (base64.b64encode(RAW) + b"\n", RAW),
        (RAW, RAW),
        (b"a passphrase of more than 32 bytes\n", b"a passphrase of more than 32 bytes"),
        (b"a" * 32, b"a" * 32),  # 24 bytes, were it base64
        (b"\x00" * 31 + b"\n", b"\x00" * 31 + b"\n"),  # a raw key may end with what looks like a line's end
    ],
)
def test_a_key_is_base64_or_raw(tmp_path: Path, content: bytes, key: bytes) -> None:
    assert secret_at(written(tmp_path / "key", content)) == key


def test_a_password_is_one_line(tmp_path: Path) -> None:
    assert password_at(written(tmp_path / "pw", b"of a few words \n")) == "of a few words "
    for content in (b"", b"\n", b"one\ntwo\n", b"\xff\xfe"):
        with pytest.raises(ConfigurationError, match="one line with a password is expected"):
            password_at(written(tmp_path / "pw", content))
    with pytest.raises(ConfigurationError, match="the password cannot be read: No such file or directory"):
        password_at(tmp_path / "none")
    with pytest.raises(ConfigurationError, match=r"others may read this password \(mode 0644\)"):
        password_at(written(tmp_path / "pw", b"secret\n", 0o644))


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    short = "a key of 32 bytes at least is expected; make one with `(umask 077; openssl rand -base64 32 > "
    assert refusal(written(tmp_path / "short", b"too short")).startswith(short)
    assert refusal(tmp_path / "none").startswith("there is no such key file; make one with ")
    assert refusal(tmp_path) == "the key cannot be read: Is a directory"
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert refusal(tmp_path / "pipe") == "is not a file; a key is expected there"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "key", b"secret" * 8, mode)
    assert refusal(path) == f"others may read this key (mode {mode:04o}); `chmod 600 {path}`"


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    key = secret_at(path, create=True)
    assert len(key) == 32
    assert secret_at(path, create=True) == secret_at(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="the key cannot be made: "):
        secret_at(tmp_path / "file" / "key", create=True)


RACE = """
import pathlib, sys
from scopeproxy.edges.keys import secret_at
for path in sys.argv[1:]:
    print(secret_at(pathlib.Path(path), create=True).hex())
"""


def test_processes_that_race_get_the_same_key(tmp_path: Path) -> None:
    paths = [str(tmp_path / str(turn)) for turn in range(20)]
    racers = [subprocess.Popen([sys.executable, "-c", RACE, *paths], stdout=subprocess.PIPE) for _ in range(6)]
    told = {racer.communicate(timeout=60)[0] for racer in racers}
    assert len(told) == 1
    assert len(set(told.pop().split())) == len(paths)


def test_the_sites_key_is_made_beside_its_state(tmp_path: Path) -> None:
    key = site_key(ProxySettings(state=f"sqlite:///{tmp_path}/Paris.db?timeout=3"))
    assert secret_at(tmp_path / "Paris.db.key") == key
    assert site_key(ProxySettings(state=f"sqlite+aiosqlite:///{tmp_path}/Paris.db")) == key


def test_data_wait_beside_the_state_or_where_they_are_told_to() -> None:
    assert spool_of(ProxySettings(state="sqlite:////s/Paris.db?timeout=3")) == "/s/Paris.db.spool"
    assert spool_of(ProxySettings(state="sqlite:////s/Paris.db", spool="/data")) == "/data"
    assert spool_of(ProxySettings(state="mysql+pymysql://u:p@db/x", spool="/data")) == "/data"
    assert spool_of(ProxySettings(state="mysql+pymysql://u:p@db/x")) is None
    assert spool_of(ProxySettings(state="sqlite://")) is None


def test_a_state_in_memory_has_a_passing_key() -> None:
    memory = ProxySettings(state="sqlite:///:memory:")
    assert len(site_key(memory)) == 32
    assert site_key(memory) != site_key(memory)


def test_a_key_that_was_configured_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such key file"):
        site_key(ProxySettings(key=str(tmp_path / "key")))
    with pytest.raises(ConfigurationError, match=r"proxy\.key: is missing: the state is in a database"):
        site_key(ProxySettings(state="mysql+pymysql://u:p@db/x"))


def two_sites(settings: ProxySettings, host: str = "127.0.0.1") -> Topology:
    def site(name: str, port: int) -> Site:
        return Site(name, name, {"image": Endpoint(Url("http", Address(host, port)))}, proxy=settings)

    return Topology({"A": site("A", 1), "B": site("B", 2)})


def test_peers_on_one_machine_make_their_key_and_have_the_same(tmp_path: Path) -> None:
    topology = two_sites(ProxySettings(peer_key=str(tmp_path / "peer.key")))
    assert peer_key(topology, "A", "B") == peer_key(topology, "B", "A")


def test_peers_on_several_machines_must_be_given_theirs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such key file"):
        peer_key(two_sites(ProxySettings(peer_key=str(tmp_path / "peer.key")), "10.0.0.1"), "A", "B")
    with pytest.raises(ConfigurationError, match="there is no key for B"):
        peer_key(two_sites(ProxySettings()), "A", "B")


def test_a_pair_may_have_its_own_key(tmp_path: Path) -> None:
    own = written(tmp_path / "own", RAW)
    topology = two_sites(ProxySettings(peer_key="/nowhere", peer_keys={"B": str(own)}))
    assert peer_key(topology, "A", "B") == RAW
