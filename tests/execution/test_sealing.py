"""Keys are what the library derives, what was sealed opens again, and nothing is imported before."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scopeproxy.execution.sealing import Damaged, Pieces, Seal, derived

KEY, SALT = b"k" * 32, b"s" * 16


@pytest.mark.parametrize("salt", [b"", SALT])
@pytest.mark.parametrize("key", [KEY, b"short", b"k" * 100])
def test_a_key_is_what_others_derive_too(key, salt):
    assert derived(key, b"a use", salt) == HKDF(SHA256(), 32, salt=salt or None, info=b"a use").derive(key)
    # The spool's names have been eight bytes of it.
    assert derived(key, b"a use")[:8] == HKDF(SHA256(), 8, salt=None, info=b"a use").derive(key)


def test_what_was_sealed_opens_with_its_key_for_its_use_alone():
    sealed = Seal(KEY, b"one").close(b"text")
    assert b"text" not in sealed
    assert Seal(KEY, b"one").open(sealed) == b"text"
    for key, use in ((KEY, b"two"), (b"other", b"one")):
        with pytest.raises(Damaged):
            Seal(key, use).open(sealed)
    for wrong in (sealed[:-1], b"", b"text"):
        with pytest.raises(Damaged):
            Seal(KEY, b"one").open(wrong)


def test_a_piece_opens_where_it_was_alone():
    pieces = Pieces(KEY, b"one", SALT)
    sealed = pieces.close(b"data", 3, False)
    assert len(sealed) == len(b"data") + Pieces.ADDED
    assert Pieces(KEY, b"one", SALT).open(sealed, 3, False) == b"data"
    for number, last in ((3, True), (2, False)):
        with pytest.raises(Damaged):
            pieces.open(sealed, number, last)
    for other in (Pieces(KEY, b"two", SALT), Pieces(KEY, b"one", b"t" * 16), Pieces(b"other", b"one", SALT)):
        with pytest.raises(Damaged):
            other.open(sealed, 3, False)


def test_the_library_is_imported_when_it_is_needed():
    code = (
        "import sys, scopeproxy.edges.serve\n"
        "from scopeproxy.execution.sealing import Pieces, Seal\n"
        "seal, pieces = Seal(b'k', b'use'), Pieces(b'k', b'use', b's')\n"
        "assert not [name for name in sys.modules if name.startswith('cryptography')]\n"
        "assert seal.open(seal.close(b'text')) == b'text'\n"
        "assert 'cryptography.fernet' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
