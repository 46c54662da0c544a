"""How many clients there is room for: as many as the operator allows, and as the files that a process may open."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from typing import cast

# Of the files, what clients may have: each call may take another one, to its service.  What is left is for other sites,
# for the state, and for telling those who come when all is taken.
_CLIENTS, _TOLD = 0.4, 0.05


def raise_limit_of_files() -> None:
    """Have as many files as the system allows: the limit that is usual at first is for far fewer clients."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def limit_of_files() -> int:
    """How many files this process may have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if limit == resource.RLIM_INFINITY else limit


def for_clients(allowed: int, files: int) -> int:
    """How many connections clients may have where so many are `allowed`, and the process may open so many `files`."""
    return max(1, min(allowed, int(files * _CLIENTS)))


def for_telling(files: int) -> int:
    """How many more may be open for as long as it takes to tell them that there is no room."""
    return max(1, int(files * _TOLD))


class TurnedAway(asyncio.Protocol):
    """A connection for which there is no room, not even to be told so."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()
