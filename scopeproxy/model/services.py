"""What differs between services, a row each: how faults look, how paths begin, whom a service calls by itself.

A service of the deployment's own needs no row: `row` gives the plain one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_VERSION = re.compile(r"v\d+(\.\d+)?\Z")
_PROJECT = re.compile(r"[0-9a-f]{32}\Z|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


@dataclass(frozen=True, slots=True)
class Service:
    """One service type.

    `fault`: the shape of its error bodies (a key of planning/faults.FAULTS).
    `calls`: the services it calls on its user's behalf, itself left out; None: any (then the whole scope travels).
    `project_in_path`: the caller's project id may follow the version (cinder, swift, heat, older nova).
    """

    type: str
    fault: str = "plain"
    calls: frozenset[str] | None = None
    project_in_path: bool = False


def _service(type_: str, fault: str, calls: Iterable[str] | None, project_in_path: bool = False) -> Service:
    return Service(type_, fault, None if calls is None else frozenset(calls), project_in_path)


# Who calls whom on a user's behalf was captured on real services for the first five (examples/openstack repeats it),
# and read in the services' configuration references for the rest.
SERVICES = {
    row.type: row
    for row in (
        _service("identity", "keystone", ()),
        _service(
            "compute",
            "nova",
            ("image", "network", "block-storage", "placement", "baremetal", "key-manager", "accelerator"),
            True,
        ),
        _service("image", "glance", ("object-store", "key-manager")),
        _service("network", "neutron", ("compute", "placement", "dns", "baremetal")),
        _service("placement", "placement", ()),
        _service("block-storage", "nova", ("image", "compute", "key-manager", "object-store"), True),
        _service("object-store", "swift", ("key-manager",), True),
        _service("orchestration", "heat", None, True),
        _service("load-balancer", "octavia", ("compute", "network", "image", "key-manager")),
        _service("key-manager", "plain", ()),
        _service("dns", "plain", ("network",)),
        _service("baremetal", "plain", ("image", "network", "object-store", "block-storage")),
        _service("accelerator", "plain", ("placement",)),
        _service("shared-file-system", "nova", ("compute", "network", "image", "block-storage"), True),
    )
}


def row(service: str) -> Service:
    """The service's row; a plain one for a service of the deployment's own or one that we know nothing of."""
    return SERVICES.get(service) or Service(service)


def needs(service: str) -> frozenset[str] | None:
    """The services that a call to this one may still cause calls to, itself and identity included; None: any."""
    calls = row(service).calls
    if calls is None:
        return None
    found, waiting = {service, "identity"}, set(calls)
    while waiting:
        called = waiting.pop()
        found.add(called)
        further = row(called).calls
        if further is None:
            return None
        waiting |= further - found
    return frozenset(found)


def segments(path: str, service: str) -> tuple[str, ...]:
    """The path's parts below the version and, where the service carries it there, the project:
    `/v3/<project>/volumes/x` of cinder is `("volumes", "x")`."""
    parts = [part for part in path.split("/") if part]
    if parts and _VERSION.match(parts[0]):
        parts = parts[1:]
        if row(service).project_in_path and parts and _PROJECT.match(parts[0].removeprefix("AUTH_")):
            parts = parts[1:]
    return tuple(parts)
