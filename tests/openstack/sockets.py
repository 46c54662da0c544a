"""Who holds the connections to the services: sampled from /proc, often."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_ESTABLISHED = "01"
_EVERY = 0.05
_SOCKET = re.compile(r"socket:\[(\d+)\]")

Address = tuple[str, int]


@dataclass
class Holders:
    """How often each process was seen at the near end of a connection to one of the watched addresses; `strangers`:
    those of other processes than the ones expected, by their command."""

    seen: Counter[int] = field(default_factory=Counter)
    strangers: Counter[str] = field(default_factory=Counter)


@contextmanager
def watched(addresses: Iterable[Address], expected: Iterable[int]) -> Iterator[Holders]:
    """What is seen meanwhile of the connections that processes of this machine make to the addresses."""
    holders, done = Holders(), threading.Event()
    there, processes = frozenset(map(_hexadecimal, addresses)), tuple(expected)

    def watch() -> None:
        while not done.wait(_EVERY):
            _look(there, processes, holders)

    thread = threading.Thread(target=watch, name="sockets")
    thread.start()
    try:
        yield holders
    finally:
        done.set()
        thread.join()


def _look(addresses: frozenset[str], expected: tuple[int, ...], holders: Holders) -> None:
    before = {inode: pid for pid in expected for inode in _sockets(pid)}
    connected = set(_connected(addresses))
    # Of what was opened in between, its process knows by now.
    known = before | {inode: pid for pid in expected for inode in _sockets(pid)}
    holders.seen.update(known[inode] for inode in connected & set(known))
    if unknown := connected - set(known):
        every = {inode: pid for pid in _processes() for inode in _sockets(pid)}
        # What nobody holds any more was closed since.
        holders.strangers.update(_command(every[inode]) for inode in unknown if inode in every and inode not in known)


def _connected(addresses: frozenset[str]) -> Iterator[str]:
    """The inodes of established connections to one of the addresses."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, state, *rest = line.split(maxsplit=10)
        if remote in addresses and state == _ESTABLISHED:
            yield rest[5]


def _hexadecimal(address: Address) -> str:
    """An address as /proc/net/tcp has it."""
    host, port = address
    return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"


def _processes() -> Iterator[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdecimal())


def _sockets(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if found := _SOCKET.fullmatch(os.readlink(f"/proc/{pid}/fd/{number}")):
                    yield found[1]


def _command(pid: int) -> str:
    try:
        return f"{pid}: " + Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return f"{pid}: ended"
