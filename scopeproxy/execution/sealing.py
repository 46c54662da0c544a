"""Keys that are derived from the site's, each for one use, and what they seal.

The library is imported when something is sealed or opened for the first time: it takes 7 MiB, and a proxy whose calls
have no scope has nothing to seal.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LENGTH = 32


class Damaged(ValueError):
    """What is not as it was sealed, or not where it was, or not by this key."""


def derived(key: bytes, use: bytes, salt: bytes = b"") -> bytes:
    """A key of 32 bytes for one use: HKDF with SHA-256 (RFC 5869), of which one round gives as many."""
    extracted = hmac.digest(salt or bytes(_LENGTH), key, "sha256")
    return hmac.digest(extracted, use + b"\x01", "sha256")


class Seal:
    """Seals short texts, and opens them again, by a key for one use."""

    def __init__(self, key: bytes, use: bytes) -> None:
        self._key = derived(key, use)

    def close(self, text: bytes) -> bytes:
        """Seal a text."""
        return self._fernet.encrypt(text)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed.  Raises Damaged, also where it was by another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise Damaged("it was not sealed by this key, or is not what it was") from error

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        return Fernet(urlsafe_b64encode(self._key))


class Pieces:
    """Seals the pieces of one file in their order, by a key for that file alone.  Each gets `ADDED` bytes longer."""

    ADDED = 16

    def __init__(self, key: bytes, use: bytes, salt: bytes) -> None:
        self._key = derived(key, use, salt)

    def close(self, piece: bytes, number: int, last: bool) -> bytes:
        """Seal a piece: which one it is, and whether no more come, is part of it."""
        return self._cipher.encrypt(_nonce(number, last), piece, None)

    def open(self, sealed: bytes, number: int, last: bool) -> bytes:
        """What was sealed.  Raises Damaged."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(_nonce(number, last), sealed, None)
        except InvalidTag as error:
            raise Damaged("it is not what was written there") from error

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
