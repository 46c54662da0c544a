"""Version documents: the microversions that all sites have, and links that name the entry's front."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard

from scopeproxy.errors import BadCollaboration

Document = dict[str, Any]
_MAJOR = re.compile(r"v?(\d+)")
_LINK_KEYS = "href|self|next|previous|first|last"


def intersect(documents: Sequence[tuple[str, Document]]) -> Document:
    """The first site's document with what all of them have: versions, and ranges of microversions.

    Raises BadCollaboration (its status 406) that names the sites when nothing is left.
    """
    result = documents[0][1]
    for site, other in documents[1:]:
        result = _common(result, other, (documents[0][0], site))
    return result


def tells_versions(document: Any) -> TypeGuard[Document]:
    """Whether it is a version document.  (Neutron's `/v2.0`, a list of resources, is none.)"""
    return isinstance(document, dict) and any(True for _ in entries(document))


def _common(one: Document, other: Document, sites: tuple[str, str]) -> Document:
    theirs = list(entries(other))

    def shared(entries: list[Any]) -> list[Any]:
        pairs = [(entry, _counterpart(entry, entries, theirs)) for entry in entries]
        kept = [_narrowed(entry, match, sites) for entry, match in pairs if match is not None]
        if not kept:
            raise _refusal(f"{sites[0]} and {sites[1]} have no version of the API in common")
        return kept

    result = dict(one)
    if isinstance(versions := one.get("versions"), list):
        result["versions"] = shared(versions)
    elif isinstance(versions, dict):
        result["versions"] = {**versions, "values": shared(list(entries(one)))}
    for key in ("version", "default_version"):
        if isinstance(one.get(key), dict):
            (result[key],) = shared([one[key]])
    return result


def entries(document: Document) -> Iterator[Document]:
    """The versions that a document tells of, each a mapping."""
    versions = document.get("versions")
    entries = versions.get("values") if isinstance(versions, dict) else versions
    candidates = [
        *(entries if isinstance(entries, list) else ()),
        document.get("version"),
        document.get("default_version"),
    ]
    yield from (entry for entry in candidates if isinstance(entry, dict))


def _counterpart(entry: Any, ours: list[Any], theirs: list[Document]) -> Document | None:
    """The same version at the other site.  Keystone tells its minor version in the id (v3.14): one for each major."""
    if not isinstance(entry, dict):
        return None
    same_id = next((other for other in theirs if other.get("id") == entry.get("id")), None)
    same_major = [other for other in theirs if _major(other) == _major(entry)]
    lonely = len(same_major) == 1 and sum(_major(one) == _major(entry) for one in ours) == 1
    return same_id or (same_major[0] if lonely else None)


def _major(entry: Any) -> str:
    found = _MAJOR.match(str(entry.get("id", ""))) if isinstance(entry, dict) else None
    return found[1] if found else ""


def _narrowed(one: Document, other: Document, sites: tuple[str, str]) -> Document:
    lower_id = min(str(one.get("id", "")), str(other.get("id", "")), key=number)
    result = {**one, **({"id": lower_id} if "id" in one else {})}
    top = "max_version" if one.get("max_version") else "version"
    if not one.get("min_version") or not isinstance(one.get(top), str):
        return result
    if not other.get("min_version"):
        return {**result, top: "", "min_version": ""}
    lowest = max(one["min_version"], other["min_version"], key=number)
    highest = min(one[top], other.get("max_version") or other.get("version") or "0", key=number)
    if number(lowest) > number(highest):
        ranges = f"{sites[0]} has microversions from {lowest} on, {sites[1]} up to {highest}, or the other way round"
        raise _refusal(f"no microversion in common: {ranges}")
    return {**result, top: highest, "min_version": lowest}


def number(version: str) -> tuple[int, ...]:
    """For comparing: 2.9 is less than 2.10."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _refusal(why: str) -> BadCollaboration:
    error = BadCollaboration(f"scope: {why}; bind the service to sites of like versions")
    error.status = 406
    return error


def rewrite_links(document: bytes, from_root: str, to_root: str) -> bytes:
    """The JSON document with the links that name one front's root naming the other's; all other bytes as they are."""
    root = re.escape(from_root).replace("/", r"\\?/").encode()
    pattern = re.compile(rb'("(?:' + _LINK_KEYS.encode() + rb')"\s*:\s*")' + root + rb'(?=\\?/|["?#])')
    return pattern.sub(lambda found: found[1] + to_root.encode(), document)


def rewrite_link(link: str, from_root: str, to_root: str) -> str:
    """One link, a Location header say, moved from one root to the other when it is under it."""
    rest = link.removeprefix(from_root)
    moves = link.startswith(from_root) and (not rest or rest[0] in "/?#")
    return to_root + rest if moves else link
