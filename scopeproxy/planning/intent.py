"""What a request does, read from its service, method and path: the kind, the collection, the id.

A table of rows for the exceptions and one general rule for the rest (pairs of collection and id), which serves a
deployment's own services as well.  Only the bodies of actions are looked into, and no answer: whether a GET gave a
list after all is seen by merging.py, from the JSON.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import unquote

from scopeproxy.lang.vocabulary import openstack_services
from scopeproxy.model.messages import Request
from scopeproxy.model.services import segments

Parts = tuple[str, ...]

_VERSION = re.compile(r"v\d+(\.\d+)?\Z")
_UUID = re.compile(r"[0-9a-fA-F]{32}\Z|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


class Kind(enum.Enum):
    """The kinds of requests that section 4 of the language tells apart."""

    LIST = "list"
    SHOW = "show"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ACTION = "action"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    DISCOVERY = "discovery"
    TOTALS = "totals"
    LOGIN = "login"
    TOKEN = "token"  # noqa: S105 - the kind of request, not a secret
    CONSOLE = "console"


_WRITES = frozenset({Kind.CREATE, Kind.UPDATE, Kind.DELETE, Kind.ACTION, Kind.UPLOAD, Kind.LOGIN, Kind.CONSOLE})


@dataclass(frozen=True, slots=True)
class Intent:
    """What a request does.

    `collection` and `id` are the resource's that the path names first, "" and None where there is none; `beneath` is
    the path below it: `/servers/<id>/os-volume_attachments` is ("servers", <id>, "os-volume_attachments").
    """

    kind: Kind
    collection: str = ""
    id: str | None = None
    filtered: bool = False
    paged: bool = False
    beneath: str = ""

    @property
    def writes(self) -> bool:
        """Whether something may be different afterwards."""
        return self.kind in _WRITES

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return not self.writes or self.kind is Kind.DELETE

    @property
    def by_name(self) -> bool:
        """Whether it names one resource by something which is no UUID: clients look names up that way first."""
        return self.id is not None and not is_uuid(self.id)


def is_uuid(text: str) -> bool:
    """Whether an id is one that no two things have, at whatever sites."""
    return bool(_UUID.match(text))


_READ, _PUT, _POST, _ANY = frozenset({"GET", "HEAD"}), frozenset({"PUT"}), frozenset({"POST"}), None
_GET = frozenset({"GET"})
_FILES, _CLOUD = frozenset({"image"}), frozenset({"compute", "block-storage", "shared-file-system", "baremetal"})
_QUOTAS = _CLOUD | {"load-balancer", "network", "image", "dns", "key-manager", "placement"}

# Services, methods (None: any), path (`*`: one part; `**`: the rest), kind.  The first row that fits counts.
ROWS: tuple[tuple[frozenset[str], frozenset[str] | None, str, Kind], ...] = (
    (frozenset({"identity"}), _POST, "auth/tokens", Kind.LOGIN),
    # Whatever else carries credentials or is about one token: never fanned out, old v2.0 logins among them.
    (frozenset({"identity"}), _ANY, "auth/**", Kind.TOKEN),
    (frozenset({"identity"}), _ANY, "tokens/**", Kind.TOKEN),
    (frozenset({"identity"}), _ANY, "ec2tokens", Kind.TOKEN),
    (frozenset({"identity"}), _ANY, "s3tokens", Kind.TOKEN),
    (frozenset({"compute"}), _POST, "servers/*/remote-consoles", Kind.CONSOLE),
    (frozenset({"compute"}), _ANY, "os-console-auth-tokens/**", Kind.CONSOLE),
    (frozenset({"compute"}), _POST, "os-server-external-events", Kind.ACTION),
    (_CLOUD, _READ, "limits", Kind.TOTALS),
    (_CLOUD, _READ, "os-quota-sets/**", Kind.TOTALS),
    (_CLOUD, _READ, "os-quota-class-sets/**", Kind.TOTALS),
    (_CLOUD, _READ, "os-simple-tenant-usage/**", Kind.TOTALS),
    (_CLOUD, _READ, "os-hypervisors/statistics", Kind.TOTALS),
    (_CLOUD, _READ, "volumes/summary", Kind.TOTALS),
    (_QUOTAS, _READ, "quotas/**", Kind.TOTALS),
    (_QUOTAS, _READ, "quota-sets/**", Kind.TOTALS),
    (_QUOTAS, _READ, "limits", Kind.TOTALS),
    (_QUOTAS, _READ, "usage", Kind.TOTALS),
    (_QUOTAS, _READ, "usages", Kind.TOTALS),
    (_QUOTAS, _READ, "*/*/usages", Kind.TOTALS),
    (_CLOUD, _READ, "*/detail", Kind.LIST),
    (_CLOUD, _READ, "scheduler-stats/get_pools", Kind.LIST),
    (_CLOUD, _POST, "*/action", Kind.ACTION),
    (_CLOUD, _POST, "*/*/action", Kind.ACTION),
    (frozenset({"block-storage"}), _POST, "*/*/restore", Kind.ACTION),
    (frozenset({"block-storage"}), _POST, "*/*/accept", Kind.ACTION),
    (_FILES, _READ, "images/*/file", Kind.DOWNLOAD),
    (_FILES, _PUT, "images/*/file", Kind.UPLOAD),
    (_FILES, _PUT, "images/*/stage", Kind.UPLOAD),
    (_FILES, _POST, "images/*/import", Kind.ACTION),
    (_FILES, _POST, "images/*/actions/*", Kind.ACTION),
    (frozenset({"network"}), _PUT, "routers/*/*", Kind.ACTION),
    (frozenset({"load-balancer"}), _PUT, "*/*/failover", Kind.ACTION),
    (frozenset({"placement"}), _POST, "allocations", Kind.ACTION),
    (frozenset({"placement"}), _POST, "reshaper", Kind.ACTION),
    (frozenset({"orchestration"}), _POST, "stacks/*/actions", Kind.ACTION),
    (frozenset({"orchestration"}), _POST, "stacks/preview", Kind.ACTION),
    (frozenset({"orchestration"}), _POST, "validate", Kind.ACTION),
    (frozenset({"key-manager"}), _READ, "secrets/*/payload", Kind.DOWNLOAD),
    (frozenset({"object-store"}), _READ, "info", Kind.SHOW),
    (frozenset({"object-store"}), _GET, "containers/*", Kind.LIST),
    (frozenset({"object-store"}), _GET, "objects/*", Kind.DOWNLOAD),
    (frozenset({"object-store"}), _PUT, "objects/*", Kind.UPLOAD),
)

# The general rule: what a method does to a collection, and to one resource or what is beneath it.
GENERAL = {
    "GET": (Kind.LIST, Kind.SHOW),
    "HEAD": (Kind.LIST, Kind.SHOW),
    "OPTIONS": (Kind.SHOW, Kind.SHOW),
    "POST": (Kind.CREATE, Kind.UPDATE),
    "PUT": (Kind.UPDATE, Kind.UPDATE),
    "PATCH": (Kind.UPDATE, Kind.UPDATE),
    "COPY": (Kind.UPDATE, Kind.UPDATE),
    "DELETE": (Kind.DELETE, Kind.DELETE),
}

# First parts that only group collections, and are none themselves.
NAMESPACES = {
    "identity": re.compile(r"OS-[A-Z0-9-]+\Z|system\Z"),
    "network": re.compile(r"(qos|vpn|fw|fwaas|lbaas|bgpvpn|log|sfc|taas|metering)\Z"),
    "image": re.compile(r"metadefs\Z"),
    "load-balancer": re.compile(r"(lbaas|octavia)\Z"),
}

CONSOLE_ACTIONS = frozenset({f"os-get{kind}Console" for kind in ("VNC", "SPICE", "RDP", "Serial", "MKS")})

_PAGING = frozenset({"limit", "marker", "page_reverse"})
_NO_FILTERS = _PAGING | {"fields", "with_count", "deleted", "all_tenants", "all_projects"}


def classify(request: Request) -> Intent:
    """What this request does."""
    intent = _of_target(request.service, request.method, request.target)
    upgraded = (request.header("Upgrade") or "").lower() == "websocket"
    if upgraded or (intent.kind is Kind.ACTION and _asks_for_console(request)):
        return replace(intent, kind=Kind.CONSOLE, filtered=False, paged=False)
    return intent


# Asked for several times of one call, and again for each of the sites that it goes to.
@lru_cache(maxsize=256)
def _of_target(service: str, method: str, target: str) -> Intent:
    request = Request(service, method, target)
    parts = parts_of(request)
    keys = {key for key, _ in request.query}
    listed = Kind.LIST is (kind := _kind(request, parts))
    named = parts[1:2] if not (listed and parts[1:] == ("detail",)) else ()
    return Intent(
        kind,
        parts[0] if parts else "",
        unquote(named[0]) if named else None,
        filtered=listed and any(key not in _NO_FILTERS and not key.startswith("sort") for key in keys),
        paged=listed and not keys.isdisjoint(_PAGING),
        beneath="/".join(parts[2:]),
    )


def _kind(request: Request, parts: Parts) -> Kind:
    if request.method in ("GET", "HEAD", "OPTIONS") and is_discovery(request.service, request.path):
        return Kind.DISCOVERY
    for pattern, kind in _rows(request.service, request.method):
        if _fits(parts, pattern):
            return kind
    return _general(request.method, parts)


@lru_cache(maxsize=256)
def _rows(service: str, method: str) -> tuple[tuple[Parts, Kind], ...]:
    """The rows that can fit: every call is classified, and most rows are another service's."""
    return tuple(
        (tuple(pattern.split("/")), kind)
        for services, methods, pattern, kind in ROWS
        if service in services and (methods is None or method in methods)
    )


def _general(method: str, parts: Parts) -> Kind:
    on_collection, on_one = GENERAL.get(method, (Kind.ACTION, Kind.ACTION))
    # Odd is a collection, for reading; a POST makes something of its own only at the top.
    is_collection = len(parts) == 1 if method == "POST" else len(parts) % 2 == 1
    return on_collection if is_collection else on_one


def is_discovery(service: str, path: str) -> bool:
    """Whether a path of an OpenStack service is that of a version document."""
    parts = [part for part in path.split("/") if part]
    if service not in _openstack_types():
        return False
    return not parts or (len(parts) == 1 and (parts[0] == "versions" or bool(_VERSION.match(parts[0]))))


@lru_cache(maxsize=1)
def _openstack_types() -> frozenset[str]:
    return frozenset(openstack_services().values())


def _fits(parts: Parts, wanted: Parts) -> bool:
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        parts = parts[: len(wanted)]
    return len(wanted) == len(parts) and all(want in ("*", part) for want, part in zip(wanted, parts, strict=True))


def _asks_for_console(request: Request) -> bool:
    return isinstance(request.json, dict) and not CONSOLE_ACTIONS.isdisjoint(request.json)


def parts_of(request: Request) -> Parts:
    """The path's parts below the version, put into pairs of collection and id."""
    parts = segments(request.path, request.service)
    namespace = NAMESPACES.get(request.service)
    if namespace and parts and namespace.match(parts[0]):
        parts = parts[1:]
    return PAIRS.get(request.service, tuple)(parts)


def _swift(parts: Parts) -> Parts:
    if parts == ("info",):
        return parts
    return ("objects", "/".join(parts)) if len(parts) > 1 else ("containers", *parts)


def _heat(parts: Parts) -> Parts:
    # A stack is named by its name and its id, one after the other.
    if parts[:1] == ("stacks",) and len(parts) > 2 and _UUID.match(parts[2]):
        return ("stacks", "/".join(parts[1:3]), *parts[3:])
    return parts


def _neutron(parts: Parts) -> Parts:
    return (*parts[:-1], parts[-1].removesuffix(".json")) if parts else parts


PAIRS: dict[str, Callable[[Parts], Parts]] = {"object-store": _swift, "orchestration": _heat, "network": _neutron}
