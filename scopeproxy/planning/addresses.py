"""The caller's own project and user ids, which differ from site to site, in targets and bodies.

Everything else stays as it is, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, unquote_plus

_RESELLER = "AUTH_"


def translate_target(target: str, ids: Mapping[str, str]) -> str:
    """The target with own ids replaced where they are a whole path segment or query value; the rest as it is."""
    path, mark, query = target.partition("?")
    translated = "/".join(_segment(segment, ids) for segment in path.split("/"))
    return translated + mark + "&".join(_pair(pair, ids) for pair in query.split("&"))


def translate_body(data: bytes, ids: Mapping[str, str]) -> bytes:
    """The JSON text with own ids replaced where they are a whole string; every other byte as it is."""
    if not ids:
        return data
    # All at once: a replaced id may be what another one is replaced by.
    pattern = re.compile(b'"(' + b"|".join(re.escape(old.encode()) for old in ids) + b')"')
    return pattern.sub(lambda found: b'"' + ids[found[1].decode()].encode() + b'"', data)


def _segment(segment: str, ids: Mapping[str, str]) -> str:
    # Swift's account is the project's id behind the reseller's prefix.
    bare = unquote(segment)
    prefix = _RESELLER if bare.startswith(_RESELLER) else ""
    new = ids.get(bare.removeprefix(prefix))
    return segment if new is None else prefix + quote(new, safe="")


def _pair(pair: str, ids: Mapping[str, str]) -> str:
    key, mark, value = pair.partition("=")
    new = ids.get(unquote_plus(value))
    return pair if new is None else key + mark + quote(new, safe="")
