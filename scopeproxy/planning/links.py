"""Absolute links in answers, moved from the fronts of the sites to another root; relative ones stay as they are.

A link is known by where it stands (`links`, `href` beside `rel`, the pages of a list): a URL in a user's own data is
none, and nothing else of a document changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from scopeproxy.model.messages import Headers
from scopeproxy.model.services import SERVICES
from scopeproxy.model.topology import Topology, Url
from scopeproxy.planning.scoped_paths import ROOT, Prefix

Move = Callable[[str], str]

_URL = re.compile(r"https?://([^/?#]*)([^?#]*)(.*)\Z", re.DOTALL | re.IGNORECASE)
_CHALLENGE = re.compile(r'\b(uri=")([^"]*)(")')
_LINK = re.compile(r"(<)([^>]*)(>)")

# Links to other pages of a list, beside its items.
_PAGES = frozenset({"next", "previous", "prev", "first", "last", "self"})

# What users fill as they like.
_FREE = frozenset({"metadata", "meta", "properties", "extra", "extra_specs", "user_data", "parameters", "environment"})


class Links:
    """Which links lead to fronts, and where they go instead, at the site `here`."""

    def __init__(self, topology: Topology, here: str) -> None:
        self._roots: dict[str, list[tuple[str, str]]] = {}
        for authority, path, service in _fronts(topology, here):
            roots = self._roots.setdefault(authority.lower(), [])
            if all(path != known for known, _ in roots):
                roots.append((path, service))
        for roots in self._roots.values():
            roots.sort(key=lambda root: -len(root[0]))

    def moved(self, link: str, prefix: Prefix) -> str:
        """A link as it is under a prefix, when it leads to a front; else the link."""
        found = _URL.match(link)
        if found is None:
            return link
        authority, path, tail = found.groups()
        for root, service in self._roots.get(authority.lower(), ()):
            rest = path[len(root) :]
            if path.startswith(root) and rest[:1] in ("", "/"):
                is_scoped = rest == ROOT or rest.startswith(f"{ROOT}/")
                return link if is_scoped else f"{prefix.root(service)}{rest}{tail}"
        return link


def _fronts(topology: Topology, here: str) -> Iterator[tuple[str, str, str]]:
    """Authority, path and service of every root that a link may begin with.  The own site's come first: they win."""
    own = topology.sites[here].services
    for service, end in own.items():
        yield from ((authority, end.front.path, service) for authority in _authorities(end.front))
    for site in topology:
        for service, end in site.services.items():
            if site.name != here and service in own:
                # Links are made from Host, which is our front's, and the path, which is that of the other's.
                hosts = (*_authorities(end.front), *_authorities(own[service].front))
                yield from ((authority, end.front.path, service) for authority in hosts)


def _authorities(front: Url) -> tuple[str, ...]:
    """How a link may write the front's address: a default port is told by some."""
    return tuple(dict.fromkeys((front.authority, str(front.address))))


def relink(document: Any, move: Move, service: str) -> bool:
    """Move the links of a service's JSON document, in place; whether any has moved."""
    mover = _Mover(move, _PAGES | {"href"} if service not in SERVICES else frozenset())
    mover.walk(document)
    return mover.changed


class _Mover:
    """One document on its way.  `anywhere`: keys that are links in whatever object they stand."""

    def __init__(self, move: Move, anywhere: frozenset[str]) -> None:
        self._move, self._anywhere, self.changed = move, anywhere, False

    def walk(self, document: Any) -> None:
        if isinstance(document, dict) and "id" not in document:
            self._strings(document, _PAGES)
        waiting = [document]
        while waiting:
            node = waiting.pop()
            if isinstance(node, dict):
                self._object(node)
                waiting += [value for key, value in node.items() if key not in _FREE and isinstance(value, dict | list)]
            elif isinstance(node, list):
                waiting += [item for item in node if isinstance(item, dict | list)]

    def _object(self, node: dict[str, Any]) -> None:
        self._strings(node, self._anywhere | ({"href"} if "rel" in node else set()))
        for key, value in node.items():
            if key in ("links", "_links") or key.endswith("_links"):
                for one in value if isinstance(value, list) else (value,):
                    if isinstance(one, dict):
                        # keystone's are an object of strings, all others' are a list of objects.
                        self._strings(one, {"href"} if isinstance(value, list) else set(one))

    def _strings(self, node: dict[str, Any], keys: frozenset[str] | set[str]) -> None:
        for key in keys & node.keys():
            value = node[key]
            if isinstance(value, str) and (moved := self._move(value)) != value:
                node[key], self.changed = moved, True


def relinked(headers: Headers, move: Move, root: str, path: str) -> Headers:
    """The headers with their links moved.  A Location that is a path only is one below the service's `path`: it
    becomes a link below `root`, since whoever resolves it would get to the wrong place."""

    def changed(name: str, value: str) -> str:
        match name.lower():
            case "location" | "content-location":
                is_path = value.startswith("/") and not value.startswith("//")
                return root + _below(value, path) if is_path else move(value)
            case "www-authenticate":
                return _CHALLENGE.sub(lambda found: found[1] + move(found[2]) + found[3], value)
            case "link":
                return _LINK.sub(lambda found: found[1] + move(found[2]) + found[3], value)
        return value

    return tuple((name, changed(name, value)) for name, value in headers)


def _below(target: str, path: str) -> str:
    rest = target.removeprefix(path)
    return rest if target.startswith(path) and rest[:1] in ("", "/", "?") else target
