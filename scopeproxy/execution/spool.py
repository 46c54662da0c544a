"""Data that sites have yet to get: kept in files beside the state, sealed, within a quota.

A file holds a salt and then pieces, each sealed by AES-GCM under a key of that file's own, which is derived from the
site's key, the salt and the file's name: a file that was cut short, put together anew, or given another name does not
open.  It is locked for as long as whoever writes it has not said that it is wanted, and the kernel lifts the locks of
a process that was killed: so what is no longer wanted can be told from what is not wanted yet.  Whose it is tells its
name: what others keep in the same directory, be it another site's, is not ours to count or to delete.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock

from scopeproxy.errors import NotYet, SiteFailure
from scopeproxy.execution.sealing import Damaged, Pieces, derived
from scopeproxy.model.messages import Body, Request, with_header, without

# Bytes of a piece before it is sealed; a file begins with its salt.
PIECE = 512 * 1024
_SALT = 16

# Bytes that a body whose length nobody told is given room for at a time.
_STEP = 32 * PIECE

_LOCK = ".lock"


class Spooled:
    """A body in a file of the spool, as often as it is wanted.  `damaged`: why it could not be read, if it could not.

    While it is `in_hand` nobody takes its file for one that was left behind.
    """

    replayable = True

    def __init__(self, name: str, path: Path, key: bytes, length: int, descriptor: int | None = None) -> None:
        self.name, self.path, self._key, self.length, self._descriptor = name, path, key, length, descriptor
        self.damaged = ""

    @property
    def is_there(self) -> bool:
        return self.path.exists()

    def let_go(self) -> None:
        """It is wanted, or not, by what the journal says from now on."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    async def open(self) -> AsyncIterator[bytes]:
        """The data from the first byte; raises ConnectionError where the file is not what was written."""
        for number in range(max(1, -(-self.length // PIECE))):
            try:
                piece = await asyncio.to_thread(self._piece, number)
            except (OSError, Damaged) as error:
                self.damaged = f"{self.path} cannot be read: {_why(error)}"
                raise ConnectionError(self.damaged) from error
            if piece:
                yield piece

    async def digests(self, algorithms: Iterable[str]) -> dict[str, str]:
        """The data's size and digests, of those algorithms that are known here."""
        known = [name for name in algorithms if name in hashlib.algorithms_available and not name.startswith("shake")]
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in known}
        async for piece in self.open():
            for one in sums.values():
                await asyncio.to_thread(one.update, piece)
        return {"size": str(self.length)} | {name: one.hexdigest() for name, one in sums.items()}

    def _piece(self, number: int) -> bytes:
        size = min(PIECE, self.length - number * PIECE)
        with self.path.open("rb") as file:
            pieces = _pieces(self._key, file.read(_SALT), self.name)
            file.seek(_SALT + number * (PIECE + Pieces.ADDED))
            sealed = file.read(size + Pieces.ADDED)
        return pieces.open(sealed, number, (number + 1) * PIECE >= self.length)


def resent(request: Request, body: Spooled) -> Request:
    """A request whose body came as a stream, with what was kept of it."""
    # Its sender waits for nothing any more, and how long it is is known by now.
    headers = without(request.headers, "Expect", "Transfer-Encoding", "TE", "Trailer")
    return replace(request, headers=with_header(headers, "Content-Length", str(body.length)), body=body)


class Spool:
    """The files of one site's proxies.  `directory` None: there is no place for them."""

    def __init__(self, directory: str | None, key: bytes) -> None:
        self._directory = None if directory is None else Path(directory)
        self._key = key
        self._ours = derived(key, b"scopeproxy spool names v1")[:8].hex() + "-"

    def body(self, name: str, length: int) -> Spooled:
        """What was taken under a name, whether its file is there or not."""
        return Spooled(name, self._path(name), self._key, length)

    def holds(self, name: str) -> bool:
        return self._directory is not None and self._path(name).exists()

    async def take(self, name: str, body: Body, limit: int) -> Spooled:
        """Take a whole body in, onto the disk; it is in hand, and `let_go` or `release` come next.

        Raises SiteFailure (507), and keeps nothing, where all files together would be over `limit` bytes, or the disk
        full; NotYet where there is no place for files.
        """
        if self._directory is None:
            raise NotYet(
                "scope: data that are sent queue in files, and there is no place for them: proxy.spool names none, and "
                "proxy.state is no file which they could be beside"
            )
        path = self._path(name)
        file: _Filling | None = None
        try:
            descriptor = await asyncio.to_thread(self._make, path, _sealed_size(body.length or 0), limit)
            file = _Filling(descriptor, self._key, name, lambda end: self._extend(descriptor, end, limit))
            await self._fill(file, body)
            await asyncio.to_thread(_sync, path.parent)
            return Spooled(name, path, self._key, file.length, descriptor)
        except BaseException as error:
            if file is not None:
                # Away with it before its lock is lifted.
                path.unlink(missing_ok=True)
                file.close()
            if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
                raise SiteFailure(
                    f"scope: {path} cannot be written: {error.strerror}: nothing was sent", 507
                ) from error
            raise

    async def release(self, name: str) -> None:
        """Nobody wants these data any more."""
        if self._directory is not None:
            await asyncio.to_thread(self._path(name).unlink, True)

    async def sweep(self, wanted: Callable[[], Awaitable[Collection[str]]]) -> int:
        """Delete the files that are neither wanted nor in hand; returns how many."""
        paths = [path for path, _ in await asyncio.to_thread(self._files)]
        known = await wanted() if paths else ()
        gone = 0
        for path in paths:
            name = path.name.removeprefix(self._ours)
            if name in known or (locked := _locked(path)) is None:
                continue
            try:
                # Only now: it may have become wanted between our asking and its being let go.
                if name not in await wanted():
                    await self.release(name)
                    gone += 1
            finally:
                os.close(locked)
        return gone

    async def size(self) -> int:
        """Bytes of all files, room that is kept for data still to come included."""
        return sum(size for _, size in await asyncio.to_thread(self._files))

    def _path(self, name: str) -> Path:
        return (self._directory or Path()) / f"{self._ours}{name}"

    # ---- in threads

    def _files(self) -> list[tuple[Path, int]]:
        found = []
        if self._directory is not None and self._directory.is_dir():
            for entry in os.scandir(self._directory):
                # Another process may delete it meanwhile.
                with suppress(FileNotFoundError):
                    if entry.name.startswith(self._ours):
                        found.append((Path(entry.path), entry.stat().st_size))
        return found

    def _make(self, path: Path, size: int, limit: int) -> int:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        with self._one_at_a_time():
            self._check(size, limit)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.truncate(descriptor, size)
        return descriptor

    def _extend(self, descriptor: int, end: int, limit: int) -> None:
        """Make room up to there, where there is not enough yet."""
        has = os.fstat(descriptor).st_size
        if end > has:
            with self._one_at_a_time():
                room = self._check(end - has, limit)
                os.truncate(descriptor, end + min(_STEP, room))

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Of all processes, only one counts what is there and takes room."""
        assert self._directory is not None
        descriptor = os.open(self._directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _check(self, more: int, limit: int) -> int:
        """Raise what is in the way of so many bytes more; the room that is left beyond them."""
        files = self._files()
        has = sum(size for _, size in files)
        if has + more > limit:
            raise SiteFailure(
                f"scope: {more} bytes of data are too many: {has} of limits.journal_data's {limit} are taken, by "
                f"{len(files)} uploads that sites have yet to get: nothing was sent; wait, or use on-partial=keep",
                507,
            )
        disk = os.statvfs(self._directory or ".")
        # What is kept free for data still to come is not taken from the disk yet.
        coming = sum(max(0, size - path.stat().st_blocks * 512) for path, size in files if path.exists())
        free = disk.f_bavail * disk.f_frsize - coming
        if more > free:
            raise SiteFailure(
                f"scope: {more} bytes of data are too many for the disk of {self._directory}: nothing was sent", 507
            )
        return min(limit - has, free) - more

    async def _fill(self, file: _Filling, body: Body) -> None:
        held = bytearray()
        async for chunk in body.open():
            held += chunk
            # One piece is always kept back: the last one is sealed as such.
            while len(held) > PIECE:
                piece = bytes(held[:PIECE])
                del held[:PIECE]
                await asyncio.to_thread(file.add, piece, False)
        await asyncio.to_thread(file.add, bytes(held), True)


class _Filling:
    """A file that is being filled, by threads.  `room` makes room up to an end."""

    def __init__(self, descriptor: int, key: bytes, name: str, room: Callable[[int], None]) -> None:
        self._descriptor, self._room = descriptor, room
        self._salt = secrets.token_bytes(_SALT)
        self._pieces = _pieces(key, self._salt, name)
        self._number, self._end, self.length = 0, 0, 0
        self._turn, self._is_closed = Lock(), False

    def add(self, piece: bytes, last: bool) -> None:
        sealed = self._pieces.close(piece, self._number, last)
        with self._turn:
            if self._is_closed:
                return
            self._put(sealed if self._number else self._salt + sealed)
            if last:
                os.truncate(self._descriptor, self._end)
                os.fsync(self._descriptor)
        self._number += 1
        self.length += len(piece)

    def close(self) -> None:
        """Give it up.  Whoever is cancelled leaves a thread behind, which must not write to whatever file has this
        descriptor next."""
        with self._turn:
            self._is_closed = True
            os.close(self._descriptor)

    def _put(self, data: bytes) -> None:
        self._room(self._end + len(data))
        while data:
            written = os.pwrite(self._descriptor, data, self._end)
            data = data[written:]
            self._end += written


def _sealed_size(length: int) -> int:
    return _SALT + length + Pieces.ADDED * max(1, -(-length // PIECE))


def _pieces(key: bytes, salt: bytes, name: str) -> Pieces:
    return Pieces(key, b"scopeproxy spool v1 " + name.encode(), salt)


def _locked(path: Path) -> int | None:
    """A descriptor that holds the file's lock; None where it is in hand, or gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, Damaged) else error.__class__.__name__
