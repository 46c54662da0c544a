"""JSON: from bytes to values, and back.  The only module that knows orjson.

orjson is several times as fast, and stricter or laxer than Python's own reader in what bodies of services do hold: what
it would change, or refuse although it can be read, is read and written by the other.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

# Of 19 digits an integer may need over 64 bits, and orjson would make a fraction of it.
_LONG = b"0" * 19
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else byte for byte in range(256))


def parsed(data: bytes) -> Any:
    """What a JSON text says; None when it is none.  `NaN` and `Infinity`, which Python would read, are no JSON."""
    if not data:
        return None
    try:
        if _LONG not in data.translate(_DIGITS):
            return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def written(value: Any) -> bytes:
    """The value as JSON text."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Half a surrogate pair, or an integer of more than 64 bits.
        return json.dumps(value, separators=(",", ":")).encode()
