"""What is wrong between the parts of a topology that are right by themselves: fronts, loops, peer keys, scopes.

Each finding is a path and a message.  What is only suspicious is told by `warnings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from scopeproxy.edges.schema import Where
from scopeproxy.edges.values import is_wildcard
from scopeproxy.errors import ScopeError
from scopeproxy.lang.parser import parse, parse_command_line
from scopeproxy.lang.scope import Scope
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.scoped_paths import HINT, ROOT
from scopeproxy.planning.selectors import expand

Finding = tuple[Where, str]


class _Door(NamedTuple):
    """One service's front, and where it is in the file."""

    site: str
    service: str
    end: Endpoint

    def at(self, key: str) -> Where:
        return ("sites", self.site, "services", self.service, key)

    def __str__(self) -> str:
        return f"{self.service} at {self.site}"


def clashes(topology: Topology, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every mistake that shows only when parts are compared."""
    doors = [_Door(site.name, service, end) for site in topology for service, end in site.services.items()]
    yield from _same_fronts(doors)
    yield from _same_sockets(doors)
    yield from _loops(doors)
    for site in topology:
        own = [_Door(site.name, service, end) for service, end in site.services.items()]
        yield from _covered(own)
        yield from _admin(site, own)
    yield from _unsigned(topology)
    yield from _scoped_paths(doors)
    yield from _scopes(topology, vocabulary)
    yield from _regions(topology)


def _same_fronts(doors: list[_Door]) -> Iterator[Finding]:
    seen: dict[tuple[Address, str], _Door] = {}
    for door in doors:
        front = door.end.front
        twin = seen.setdefault((front.address, front.path), door)
        if twin.site != door.site:
            yield door.at("front"), f"{front} is the front of {twin} already; every site needs fronts of its own"
        elif twin is not door:
            yield door.at("front"), f"{front} is the front of {twin} already; another port or path tells them apart"


def _same_sockets(doors: list[_Door]) -> Iterator[Finding]:
    seen: dict[Address, _Door] = {}
    paths: dict[tuple[str, Address, str], _Door] = {}
    for door in doors:
        first = seen.setdefault(door.end.socket, door)
        twin = paths.setdefault((door.site, door.end.socket, door.end.front.path), door)
        yield from _one_socket(door, first, twin)


def _one_socket(door: _Door, first: _Door, twin: _Door) -> Iterator[Finding]:
    end, key = door.end, "listen" if door.end.listen else "front"
    if first.site != door.site:
        # Two proxies behind load balancers of their own may well listen on the same address of two machines.
        if (not end.listen or not first.end.listen) and _differ(end.front, first.end.front):
            yield door.at(key), f"{end.socket} serves {first}; two sites cannot listen on one address"
    elif twin is not door and _differ(end.front, twin.end.front):
        yield door.at(key), f"{end.socket} serves {twin} already, and by the same path"
    elif end.front.scheme != first.end.front.scheme:
        yield (
            door.at(key),
            f"{end.socket} is {first.end.front.scheme} for {first}; an address is http or https, not both",
        )


def _differ(one: Url, other: Url) -> bool:
    """Whether these are two fronts; the same one was told by _same_fronts."""
    return (one.address, one.path) != (other.address, other.path)


def _covered(own: list[_Door]) -> Iterator[Finding]:
    for door in own:
        socket = door.end.socket
        if is_wildcard(socket):
            for other in own:
                if other.end.socket != socket and _covers(socket, other.end.socket):
                    yield door.at("listen"), f"{socket} takes {other.end.socket} too, which serves {other}"


def _covers(wildcard: Address, other: Address) -> bool:
    return other.port == wildcard.port and (":" in other.host) == (":" in wildcard.host)


def _loops(doors: list[_Door]) -> Iterator[Finding]:
    at: dict[Address, list[_Door]] = {}
    for door in doors:
        for address in {door.end.front.address, door.end.socket}:
            at.setdefault(address, []).append(door)
    for door in doors:
        back = door.end.back
        other = next((one for one in at.get(back.address, []) if _covers_path(one.end, back)), None) if back else None
        if other is not None:
            remedy = "a back is where the real service listens"
            yield door.at("back"), f"{back} leads to the front of {other}, and so around in a loop; {remedy}"


def _covers_path(end: Endpoint, back: Url) -> bool:
    return f"{back.path}/".startswith(f"{end.front.path}/")


def _admin(site: Site, own: list[_Door]) -> Iterator[Finding]:
    for door in own:
        if site.proxy.admin == door.end.socket:
            message = f"{site.proxy.admin} serves {door}; the admin address is one of its own"
            yield ("sites", site.name, "proxy", "admin"), message
            return


def _unsigned(topology: Topology) -> Iterator[Finding]:
    for site in topology:
        others = topology.sites.keys() - {site.name} - site.proxy.peer_keys.keys()
        if others and site.proxy.peer_key is None:
            yield (
                ("proxy", "peer_key"),
                "is missing: not every front is on loopback, and proxies sign their calls to one another; make a key "
                "with `(umask 077; openssl rand -base64 32 > peer.key)` and give every site the same",
            )
            return


def _scopes(topology: Topology, vocabulary: Vocabulary) -> Iterator[Finding]:
    for name, text in topology.scopes.items():
        if name.startswith("~"):
            yield ("scopes", name), "in a path, '~' stands before a name in hexadecimal digits; name it otherwise"
        elif name in topology.sites:
            yield ("scopes", name), f"'{name}' is a site: a path that names it means that site, and not a scope"
        else:
            with suppress(ScopeError):
                parse_command_line([name], vocabulary)
                yield ("scopes", name), "the name reads as a scope itself; name it otherwise"
        try:
            scope = parse(text, vocabulary)
        except ScopeError as error:
            yield ("scopes", name), f"{error.message} (line {error.line}, column {error.column} of the scope)"
        else:
            yield from _nowhere(name, scope, topology, vocabulary)


def _nowhere(name: str, scope: Scope, topology: Topology, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Whether a selector finds no site, or too many.  A site that could not be read was told already."""
    if not topology.sites or frozenset(topology.sites) != vocabulary.sites:
        return
    try:
        # Distances that were not declared are measured later.
        expand(scope, topology, next(iter(topology.sites)), lambda *_: 0.0)
    except ScopeError as error:
        yield ("scopes", name), error.message


def _regions(topology: Topology) -> Iterator[Finding]:
    taken = {site.region: f"the region of {site.name}" for site in topology}
    for name, region in topology.regions.items():
        first = taken.setdefault(region, f"the region of the scope {name}")
        if first != f"the region of the scope {name}":
            yield ("scopes", name, "region"), f"'{region}' is {first}; a scope is offered as a region of its own"


def _scoped_paths(doors: list[_Door]) -> Iterator[Finding]:
    for door in doors:
        if f"{door.end.front.path}/".startswith(f"{ROOT}/"):
            yield door.at("front"), f"below {ROOT} are scopes in paths ({HINT}); give the front another path"


def warnings(topology: Topology) -> list[str]:
    """What may be meant, but probably is not."""
    return [*_hidden_groups(topology), *_one_admin(topology), *_unsafe(topology), *_moved(topology)]


def _hidden_groups(topology: Topology) -> Iterator[str]:
    labels = {label for site in topology for label in site.labels.values()}
    for name in topology.sites:
        others = [site for site in topology.group(name) if site != name] if name in labels else []
        if others:
            yield f"'{name}' is a site and a group of {', '.join(others)}: in a scope it means the site"


def _one_admin(topology: Topology) -> Iterator[str]:
    seen: dict[Address, str] = {}
    for site in topology if topology.on_loopback else ():
        first = seen.setdefault(site.proxy.admin, site.name) if site.proxy.admin else site.name
        if first != site.name:
            yield f"{first} and {site.name} are on one machine with the same admin address, {site.proxy.admin}"


def _unsafe(topology: Topology) -> Iterator[str]:
    unsafe = [site.name for site in topology if any(map(_in_the_clear, site.services.values()))]
    careful = [site.name for site in topology if not site.proxy.insecure and {site.name} != set(unsafe)]
    if unsafe and careful and len(topology.sites) > 1:
        names = ", ".join(unsafe[:3]) + (f" and {len(unsafe) - 3} more" if len(unsafe) > 3 else "")
        remedy = "other sites send no credentials there (proxy.insecure)"
        yield f"fronts are plain http beyond loopback at {names}: {remedy}"


def _in_the_clear(end: Endpoint) -> bool:
    return end.front.scheme == "http" and not end.front.address.on_loopback


def _moved(topology: Topology) -> Iterator[str]:
    """Answers pass byte for byte, and the links in them are made from the path at which a service was called."""
    for site in topology:
        for service, end in site.services.items():
            if end.back is not None and end.back.path != end.front.path and service not in topology.own_services:
                yield (
                    f"{service} at {site.name} has the path '{end.front.path or '/'}' at its front and "
                    f"'{end.back.path or '/'}' at its back: links in its answers will leave the front; give it one path"
                )
