"""Data on disk."""

from __future__ import annotations

import hashlib

import pytest

from scopeproxy.emulator.imagestore import ImageStore


async def chunks(*data, error=None):
    for chunk in data:
        yield chunk
    if error:
        raise error


async def test_data_arrive_with_their_checksums(tmp_path):
    store = ImageStore(tmp_path)
    stored = await store.receive("one", chunks(b"ab", b"cd"))
    assert store.path("one").read_bytes() == b"abcd"
    assert (stored.size, stored.md5) == (4, hashlib.md5(b"abcd").hexdigest())
    assert stored == store.keep("two", b"abcd")
    store.delete("one")
    store.delete("one")
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


async def test_nothing_is_left_of_what_broke_off(tmp_path):
    store = ImageStore(tmp_path)
    with pytest.raises(ConnectionError):
        await store.receive("one", chunks(b"ab", error=ConnectionError()))
    assert list(tmp_path.iterdir()) == []
