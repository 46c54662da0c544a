"""Version documents: the microversions that all sites have, and links that name the entry's front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def intersect(documents: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The first site's document with what all of them have: versions, and ranges of microversions.

    Raises BadCollaboration (its status 406) that names the sites when nothing is left.
    """
    raise NotImplementedError


def rewrite_links(document: bytes, from_root: str, to_root: str) -> bytes:
    """The JSON document with the links that name one front's root naming the other's; all other bytes as they are."""
    raise NotImplementedError


def rewrite_link(link: str, from_root: str, to_root: str) -> str:
    """One link, a Location header say, moved from one root to the other when it is under it."""
    raise NotImplementedError
