"""Image data on disk: taken in chunk by chunk, with its checksums, so that an image of any size fits."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of the data of one image."""

    size: int
    md5: str
    sha512: str


class _Writer:
    """A file and its checksums, written from a thread: hashing a gibibyte takes seconds."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, 0
        self._md5, self._sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._md5.update(chunk)
        self._sha512.update(chunk)
        self._size += len(chunk)

    def finish(self) -> Stored:
        self._file.close()
        return Stored(self._size, self._md5.hexdigest(), self._sha512.hexdigest())


class ImageStore:
    """A folder with a file for each image."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, image_id: str) -> Path:
        return self._directory / image_id

    def keep(self, image_id: str, data: bytes) -> Stored:
        """Store data that is already here."""
        writer = _Writer(self.path(image_id).open("wb"))
        writer.write(data)
        return writer.finish()

    async def receive(self, image_id: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Store what is still coming; nothing is left behind when it breaks off."""
        partial = self.path(f"{image_id}.partial")
        file = await asyncio.to_thread(partial.open, "wb")
        writer = _Writer(file)
        try:
            async for chunk in chunks:
                await asyncio.to_thread(writer.write, chunk)
        except BaseException:
            file.close()
            partial.unlink(missing_ok=True)
            raise
        stored = await asyncio.to_thread(writer.finish)
        partial.rename(self.path(image_id))
        return stored

    def delete(self, image_id: str) -> None:
        self.path(image_id).unlink(missing_ok=True)
