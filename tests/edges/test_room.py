"""There is room for what is allowed, and for no more than there are files."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import pytest

from scopeproxy.edges.room import TurnedAway, for_clients, for_telling, limit_of_files, raise_limit_of_files


@pytest.mark.parametrize(
    ("allowed", "files", "clients"), [(4096, 1 << 20, 4096), (4096, 1024, 409), (100, 1024, 100), (4096, 1, 1)]
)
def test_clients_and_their_services_leave_files_for_all_else(allowed, files, clients):
    assert for_clients(allowed, files) == clients
    assert 2 * clients + for_telling(files) < max(files, 4)


def test_the_limit_of_files_is_raised_as_far_as_it_may_be():
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(now, 512), most))
        assert limit_of_files() == min(now, 512)
        raise_limit_of_files()
        assert limit_of_files() == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))


async def test_who_is_turned_away_sees_the_end_at_once():
    server = await asyncio.get_running_loop().create_server(TurnedAway, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    with suppress(ConnectionResetError):
        async with asyncio.timeout(20):
            assert await reader.read() == b""
    writer.close()
    server.close()
