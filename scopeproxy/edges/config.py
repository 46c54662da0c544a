"""The topology file: YAML in, frozen values out, every mistake told at once with its line and path.

What the keys mean is in settings.py; what the file's parts must not do to one another in clashes.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import yaml

from scopeproxy.edges.clashes import clashes, warnings
from scopeproxy.edges.defaults import settings
from scopeproxy.edges.schema import Place, Reading, Where, dotted, shown
from scopeproxy.edges.settings import read_topology
from scopeproxy.errors import ConfigurationError
from scopeproxy.lang.suggestions import suggestion
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.topology import Site, Topology, vocabulary

log = logging.getLogger(__name__)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_DEEPEST = 64
_IMPLICIT = {_TAG + "null", _TAG + "merge"}
_KINDS = {_TAG + "null", _TAG + "str", _TAG + "map", _TAG + "seq", None}


class _TextLoader(_Loader):  # type: ignore[misc]
    """Every scalar is text, and the schema knows what it stands for: `NO` is a country and 2026 a fine site's name.

    `repeated`: whether some mapping has a key twice.
    """

    yaml_implicit_resolvers: ClassVar[Any] = {
        first: [(tag, pattern) for tag, pattern in rows if tag in _IMPLICIT]
        for first, rows in _Loader.yaml_implicit_resolvers.items()
    }
    yaml_constructors: ClassVar[Any] = {tag: make for tag, make in _Loader.yaml_constructors.items() if tag in _KINDS}
    repeated = False
    depth = 0

    # libyaml's composer recurses in C, where nothing else would stop it before the stack ends.
    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            mark = None if current_node is None else current_node.start_mark
            raise yaml.MarkedYAMLError(problem=f"nested more than {_DEEPEST} levels deep", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            self.repeated |= len(keys) > len(set(keys))
        return super().construct_mapping(node, deep)


def load(path: Path) -> Topology:
    """The topology in a file; what is suspicious in it goes to the log."""
    topology = parse_topology(read(path), path.name, path.parent)
    for warning in warnings(topology):
        log.warning("%s: %s", path.name, warning)
    return topology


def read(path: Path) -> str:
    """The file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: is not UTF-8 text (byte {error.start})"]) from error


def parse_topology(text: str, source: str, directory: Path) -> Topology:
    """The topology in a text.  `source` names it in messages; relative paths in it begin in `directory`."""
    document, repeated = _document(text, source)
    reading = Reading(directory, *_names(document))
    place, fields = Place(reading), {}
    with place.noting():
        fields = read_topology(place, document)
    topology = _with_peer_key(_made(fields), directory.absolute() / f"{source}.peer.key")
    # A site that could not be read may be named nevertheless: one mistake is enough.
    words = replace(vocabulary(topology), own=reading.vocabulary.own, sites=reading.sites)
    for where, message in clashes(topology, words):
        reading.note(reading.as_written(where), message)
    if reading.mistakes or repeated:
        raise ConfigurationError(_told(reading.mistakes, text, source))
    return topology


def _made(fields: Mapping[str, Any]) -> Topology:
    defaults, scopes = fields.get("proxy", {}), fields.get("scopes", {})
    return Topology(
        {name: _made_site(name, site, defaults) for name, site in fields.get("sites", {}).items()},
        fields.get("rtt", {}),
        fields.get("services", {}),
        {name: scope["scope"] for name, scope in scopes.items()},
        fields.get("network_constraints", ()),
        {name: scope["region"] for name, scope in scopes.items() if "region" in scope},
    )


def _made_site(name: str, fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> Site:
    return Site(
        name,
        fields.get("region", name),
        fields.get("services", {}),
        fields.get("labels", {}),
        fields.get("shares", {}),
        settings(name, fields.get("proxy", {}), defaults),
    )


def own_site(topology: Topology, name: str) -> Site:
    """The site to serve, with all that its own proxy needs and the others' do not."""
    site = topology.sites.get(name)
    if site is None:
        raise ConfigurationError([f"--site: unknown site {shown(name)}{suggestion(name, topology.sites)}"])
    mistakes = list(_unserved(site))
    if mistakes:
        raise ConfigurationError(mistakes)
    return site


def _unserved(site: Site) -> Iterator[str]:
    path = dotted(("sites", site.name))
    for service, end in site.services.items():
        if end.back is None:
            yield f"{path}.services.{service}: the key 'back' is missing: where the real service listens"
    fronts = [end.front for end in site.services.values() if end.front.scheme == "https" and not end.listen]
    missing = [key for key in ("certificate", "key") if getattr(site.proxy.tls, key) is None]
    if fronts and missing:
        yield f"{path}.proxy.tls: {' and '.join(missing)} must be given, because {fronts[0]} is served with TLS"


def _document(text: str, source: str) -> tuple[Any, bool]:
    try:
        loader = _TextLoader(text)
        try:
            return loader.get_single_data(), loader.repeated
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}: column {mark.column + 1}: " if mark else f"{source}: "
        raise ConfigurationError([f"{place}{error.problem or error.context}"]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError([f"{source}: is not YAML: {str(error).splitlines()[0]}"]) from error


def _names(document: Any) -> tuple[frozenset[str], Vocabulary]:
    """The sites and services that the file names, before anything else of it is read."""
    own, sites = (
        frozenset(key for key in part if isinstance(key, str)) if isinstance(part, dict) else frozenset[str]()
        for part in (document.get(key) if isinstance(document, dict) else None for key in ("services", "sites"))
    )
    return sites, Vocabulary(own=own)


def _with_peer_key(topology: Topology, default: Path) -> Topology:
    """Where all is on this machine, one key beside the topology file will do for all."""
    if not topology.on_loopback:
        return topology
    sites = {
        site.name: site if site.proxy.peer_key else replace(site, proxy=replace(site.proxy, peer_key=str(default)))
        for site in topology
    }
    return replace(topology, sites=sites)


# ---- where a mistake is: looked up only once there is one


def _told(mistakes: list[tuple[Where, str]], text: str, source: str) -> list[str]:
    """The mistakes with those keys that are there twice, in the order of the file, each once."""
    lines, twice = _lines(text)
    found = [(_line(lines, where), where, message) for where, message in mistakes]
    found += [(line, where, f"this key is here twice, first on line {lines[where]}") for where, line in twice]
    found.sort(key=lambda mistake: mistake[0])
    return list(dict.fromkeys(f"{source}:{line}: {_path(where)}{message}" for line, where, message in found))


def _path(where: Where) -> str:
    return f"{dotted(where)}: " if where else ""


def _line(lines: dict[Where, int], where: Where) -> int:
    """The line of a path, or of the nearest thing around it that is in the file."""
    return next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), 1)


def _lines(text: str) -> tuple[dict[Where, int], list[tuple[Where, int]]]:
    """The line of every path, and the paths that are there once more.

    What an alias repeats has the lines of where it was written first.
    """
    lines: dict[Where, int] = {}
    twice = []
    waiting: list[tuple[Where, Any]] = [((), yaml.compose(text, _TextLoader))]
    seen = set()
    while waiting:
        where, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for part, marked, child in _children(node):
            here, line = (*where, part), marked.start_mark.line + 1
            if here in lines:
                twice.append((here, line))
            else:
                lines[here] = line
                waiting.append((here, child))
    return lines, twice


def _children(node: Any) -> Iterator[tuple[Any, Any, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key, child) for key, child in node.value if isinstance(key, yaml.ScalarNode))
    elif isinstance(node, yaml.SequenceNode):
        yield from ((number, child, child) for number, child in enumerate(node.value))
