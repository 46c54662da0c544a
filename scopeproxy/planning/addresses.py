"""The caller's own project and user ids, which differ from site to site, in targets and bodies."""

from __future__ import annotations

from collections.abc import Mapping


def translate_target(target: str, ids: Mapping[str, str]) -> str:
    """The target with own ids replaced where they are a whole path segment or query value; the rest as it is."""
    raise NotImplementedError


def translate_body(data: bytes, ids: Mapping[str, str]) -> bytes:
    """The JSON text with own ids replaced where they are a whole string; every other byte as it is."""
    raise NotImplementedError
