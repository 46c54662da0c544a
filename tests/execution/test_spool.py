"""Data that wait are on the disk sealed, whole, bounded, and no longer than they are wanted."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
import tracemalloc

import pytest

from scopeproxy.errors import NotYet, SiteFailure
from scopeproxy.execution import spool as module
from scopeproxy.execution.spool import PIECE, Spool, resent
from scopeproxy.model.messages import Held, Request

KEY = b"k" * 32
MUCH = 1 << 40


@pytest.fixture
def spool(tmp_path):
    return Spool(str(tmp_path / "spool"), KEY)


class Stream:
    """A body as a client sends it.  `told`: whether it says how long it is."""

    replayable = False

    def __init__(self, data, told=True, chunk=100_000, breaks=False):
        self.data, self.chunk, self.breaks = data, chunk, breaks
        self.length = len(data) if told else None

    async def open(self):
        for start in range(0, len(self.data), self.chunk):
            yield self.data[start : start + self.chunk]
        if self.breaks:
            raise ConnectionError("the client is gone")


async def nothing():
    return frozenset()


async def read(body):
    return b"".join([piece async for piece in body.open()])


def files(tmp_path):
    return sorted(path.name.rpartition("-")[2] for path in (tmp_path / "spool").iterdir() if path.name != ".lock")


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("told", [True, False])
async def test_what_went_in_comes_out_as_often_as_it_is_wanted(spool, tmp_path, size, told):
    data = b"secret-bytes" * (size // 12 + 1)
    kept = await spool.take("w", Stream(data[:size], told), MUCH)
    assert kept.length == size
    kept.let_go()
    again = Spool(str(tmp_path / "spool"), KEY).body("w", size)
    assert await read(again) == await read(kept) == data[:size]
    assert again.is_there
    assert b"secret" not in kept.path.read_bytes()
    assert kept.path.stat().st_mode & 0o077 == 0
    assert await spool.size() == kept.path.stat().st_size


async def test_digests_are_of_the_data_and_only_those_that_are_known(spool):
    kept = await spool.take("w", Stream(b"hello"), MUCH)
    told = await kept.digests(["size", "md5", "sha512", "of-our-own", "shake_128"])
    assert told == {
        "size": "5",
        "md5": hashlib.md5(b"hello", usedforsecurity=False).hexdigest(),
        "sha512": hashlib.sha512(b"hello").hexdigest(),
    }


def flip(data):
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.mark.parametrize(
    "harm",
    [
        flip,
        lambda data: data[:-1],
        lambda data: data[: 16 + PIECE + 16],
        lambda data: data[:16] + data[16 + PIECE + 16 :],
        lambda data: b"",
    ],
)
async def test_a_file_that_was_changed_does_not_open(spool, tmp_path, harm):
    kept = await spool.take("w", Stream(b"x" * (2 * PIECE)), MUCH)
    path = kept.path
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(ConnectionError, match="cannot be read"):
        await read(kept)
    assert "cannot be read" in kept.damaged


async def test_a_file_is_its_writes_own_and_its_sites(spool, tmp_path):
    (await spool.take("w", Stream(b"hello"), MUCH)).let_go()
    one, other = (spool.body(name, 5).path for name in "wv")
    one.rename(other)
    with pytest.raises(ConnectionError):
        await read(spool.body("v", 5))
    of_another_site = Spool(str(tmp_path / "spool"), b"o" * 32).body("w", 5)
    other.rename(of_another_site.path)
    with pytest.raises(ConnectionError, match="it is not what was written there"):
        await read(of_another_site)
    with pytest.raises(ConnectionError):
        await read(spool.body("gone", 5))


@pytest.mark.parametrize("told", [True, False])
async def test_over_the_quota_nothing_is_kept(spool, tmp_path, told):
    limit = 64 * PIECE
    (await spool.take("a", Stream(b"x" * (40 * PIECE), told), limit)).let_go()
    with pytest.raises(SiteFailure, match=r"limits\.journal_data") as refused:
        await spool.take("b", Stream(b"x" * (40 * PIECE), told), limit)
    assert refused.value.status == 507
    assert files(tmp_path) == ["a"]
    await spool.release("a")
    (await spool.take("b", Stream(b"x" * (40 * PIECE), told), limit)).let_go()


async def test_what_is_still_to_come_is_counted(spool):
    came = asyncio.Event()

    class Slow(Stream):
        async def open(self):
            await came.wait()
            yield self.data

    taking = asyncio.create_task(spool.take("a", Slow(b"x" * 1000), 1500))
    while not await spool.size():
        await asyncio.sleep(0)
    with pytest.raises(SiteFailure):
        await spool.take("b", Stream(b"x" * 1000), 1500)
    came.set()
    assert (await taking).length == 1000


async def test_more_than_the_disk_holds_is_refused_before_it_is_read(spool, tmp_path):
    disk = os.statvfs(tmp_path)

    class Unread(Stream):
        def open(self):
            raise AssertionError("it is not read")

    body = Unread(b"")
    body.length = disk.f_bavail * disk.f_frsize
    with pytest.raises(SiteFailure, match="too many for the disk") as refused:
        await spool.take("a", body, 1 << 80)
    assert refused.value.status == 507
    assert files(tmp_path) == []


async def test_of_a_client_that_leaves_nothing_is_kept(spool, tmp_path):
    with pytest.raises(ConnectionError, match="the client is gone"):
        await spool.take("a", Stream(b"x" * PIECE * 2, breaks=True), MUCH)
    assert files(tmp_path) == []


async def test_without_a_place_nothing_is_read():
    with pytest.raises(NotYet, match=r"proxy\.spool"):
        await Spool(None, KEY).take("a", Stream(b"x"), MUCH)
    assert await Spool(None, KEY).sweep(nothing) == await Spool(None, KEY).size() == 0


async def test_what_nobody_wants_is_swept_and_what_is_in_hand_is_left(spool, tmp_path):
    wanted = await spool.take("wanted", Stream(b"x"), MUCH)
    in_hand = await spool.take("inhand", Stream(b"x"), MUCH)
    (await spool.take("orphan", Stream(b"x"), MUCH)).let_go()
    wanted.let_go()

    async def wants():
        return {"wanted"}

    other = Spool(str(tmp_path / "spool"), KEY)
    assert await other.sweep(wants) == 1
    assert files(tmp_path) == ["inhand", "wanted"]
    in_hand.let_go()
    assert await other.sweep(wants) == 1
    assert files(tmp_path) == ["wanted"]


async def test_what_becomes_wanted_while_it_is_looked_at_is_left(spool, tmp_path):
    kept = await spool.take("w", Stream(b"x"), MUCH)
    asked = []

    async def wants():
        asked.append(1)
        kept.let_go()
        return set() if len(asked) == 1 else {"w"}

    assert await spool.sweep(wants) == 0
    assert files(tmp_path) == ["w"]


async def test_what_is_not_ours_is_neither_deleted_nor_counted(spool, tmp_path):
    """The state, say, where proxy.spool names its directory; or the data of another site, where both name one."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "state.db").write_bytes(b"the ledger")
    other = Spool(str(tmp_path / "spool"), b"o" * 32)
    (await other.take("w", Stream(b"of another site"), MUCH)).let_go()
    kept = await spool.take("w", Stream(b"x"), 100)
    kept.let_go()
    assert await spool.size() == kept.path.stat().st_size
    assert await spool.sweep(nothing) == 1
    assert await read(other.body("w", 15)) == b"of another site"
    assert (tmp_path / "spool" / "state.db").read_bytes() == b"the ledger"


async def test_who_is_cancelled_writes_to_no_file_that_is_opened_after_that(spool, tmp_path, monkeypatch):
    begun, go, over, add = threading.Event(), threading.Event(), threading.Event(), module._Filling.add

    def held_up(file, piece, last):
        begun.set()
        go.wait(20)
        add(file, piece, last)
        over.set()

    monkeypatch.setattr(module._Filling, "add", held_up)
    taking = asyncio.create_task(spool.take("w", Stream(b"x" * 3 * PIECE), MUCH))
    assert await asyncio.to_thread(begun.wait, 20)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    # One of these has the number that the spool's file had.
    others = [(tmp_path / str(number)).open("wb") for number in range(3)]
    go.set()
    assert await asyncio.to_thread(over.wait, 20)
    assert [os.fstat(one.fileno()).st_size for one in others] == [0, 0, 0]
    for one in others:
        one.close()
    assert files(tmp_path) == []


KILLED = """
import asyncio, sys
from scopeproxy.execution.spool import Spool
from tests.execution.test_spool import KEY, MUCH, Stream
kept = asyncio.run(Spool(sys.argv[1], KEY).take("w", Stream(b"x"), MUCH))
print("taken", flush=True)
sys.stdin.read()
"""


async def test_what_a_killed_process_had_in_hand_is_swept(spool, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "spool")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "taken\n"
        assert await spool.sweep(nothing) == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert await spool.sweep(nothing) == 1
    assert files(tmp_path) == []


async def test_memory_is_bounded_whatever_the_size(spool):
    class Endless(Stream):
        length = 64 * PIECE

        async def open(self):
            for _ in range(64):
                yield bytes(PIECE)

    tracemalloc.start()
    kept = await spool.take("w", Endless(b""), MUCH)
    async for _ in kept.open():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * PIECE


def test_a_request_with_what_was_kept_tells_its_length():
    headers = (("Transfer-Encoding", "chunked"), ("X-A", "1"), ("Expect", "100-continue"))
    kept = Spool("/nowhere", KEY).body("w", 5)
    request = resent(Request("image", "PUT", "/x", headers, Held()), kept)
    assert request.headers == (("X-A", "1"), ("Content-Length", "5"))
    assert request.body is kept
