"""The sites, what they offer and how far apart they are: frozen values, made from YAML by edges/config.py.

Durations are seconds, sizes bytes, rates bytes per second.  What a proxy needs of the others' settings is here too,
because every site reads the same file.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from scopeproxy.lang.vocabulary import Vocabulary


class Address(NamedTuple):
    """Where to listen, or to connect to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def on_loopback(self) -> bool:
        """Whether nothing that is sent there leaves this machine."""
        return _is_of_this_machine(self.host)


# Sites have few hosts and many services, and a thousand sites are asked for again and again while they are loaded.
@lru_cache(8192)
def _is_of_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.removesuffix(".") == "localhost"


@dataclass(frozen=True, slots=True)
class Url:
    """An http(s) root: scheme, address, and a path prefix without a trailing slash."""

    scheme: str
    address: Address
    path: str = ""

    def __str__(self) -> str:
        return self.origin + self.path

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """What a client puts into Host: the port is left out where it is the scheme's own."""
        default = 443 if self.scheme == "https" else 80
        shown = str(self.address)
        return shown.removesuffix(f":{default}") if self.address.port == default else shown


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service at one site.

    `front` is what the catalog names and other sites call; `back` is the real service, known to its own site alone;
    `listen` is where the proxy's socket is when that is not the front's address (a load balancer stands there).
    """

    front: Url
    back: Url | None = None
    listen: Address | None = None

    @property
    def socket(self) -> Address:
        return self.listen or self.front.address


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: `connect` for a connection, `answer` for its first byte and between two, `total` for all attempts."""

    connect: float = 2.0
    answer: float = 60.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class Limits:
    """`header`: bytes of a request's head; `buffered_body`: bytes of a body kept in memory; `spooled_body`: bytes kept
    on disk for a second try; `merged_body`: bytes of one site's answer that a merge holds; `fan_out`: sites of one
    call; `connections`: clients at a time, on all fronts; `requests`: of one client's connection; `site_connections`:
    ours, to each address of a site; `journal`, `journal_entries`: bytes of, and how many writes, that wait for sites;
    `journal_data`: bytes of data that wait for them."""

    header: int = 64 * 1024
    buffered_body: int = 1024 * 1024
    spooled_body: int = 256 * 1024 * 1024
    merged_body: int = 64 * 1024 * 1024
    fan_out: int = 1024
    connections: int = 4096
    requests: int = 10_000
    site_connections: int = 1024
    journal: int = 64 * 1024 * 1024
    journal_entries: int = 10_000
    journal_data: int = 10 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """To which sites a password, or a token, may be sent; None: the sites of the same `operator` label."""

    password_to: tuple[str, ...] | None = None
    token_to: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files: the fronts' certificate and key, and the authorities that peers are checked against."""

    certificate: str | None = None
    key: str | None = None
    peers: str | None = None


@dataclass(frozen=True, slots=True)
class HomeRules:
    """What the tokens of another site are worth here: each of its roles, projects and users to one of this site's.

    Roles by name; projects and users by name or id.  What is not told: roles are dropped, projects and users are
    strangers who keep their ids.
    """

    roles: Mapping[str, str] = field(default_factory=lambda: {"member": "member", "reader": "reader"})
    projects: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this site's operator at another site, for callers who have `role` here.

    `user`, of the domain `domain`, which its projects are of, too; `password`: the path of a file that holds it;
    `projects`: those of callers here, by id, or by name in the default domain, to the names of those there.
    """

    role: str
    user: str
    password: str
    projects: Mapping[str, str]
    domain: str = "Default"


ADMIN = Address("127.0.0.1", 9901)


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The settings of one site's proxy; docs/operating.md tells the meaning of each.

    Secrets are in files, and only their paths are here; but a database's URL may hold a password: it is not shown.
    """

    state: str = field(default="sqlite:////var/lib/scopeproxy/{site}.db", repr=False)
    spool: str | None = None
    key: str | None = None
    peer_key: str | None = None
    peer_keys: Mapping[str, str] = field(default_factory=dict)
    admin: Address | None = ADMIN
    catalog: str = "rewrite"
    partial: str = "undo"
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    quota_moves_on: bool = False
    tokens: tuple[str, ...] = ("login", "shared", "federated", "home")
    validated_within: float = 60.0
    trust: tuple[str, ...] = ("*",)
    homes: Mapping[str, HomeRules] = field(default_factory=dict)
    accounts: Mapping[str, tuple[Account, ...]] = field(default_factory=dict)
    credentials: Credentials = Credentials()
    insecure: bool = False
    trusted_proxies: tuple[str, ...] = ()
    tls: Tls = Tls()
    routes: Mapping[Address, Address] = field(default_factory=dict)
    passthrough: bool = True

    def trusts(self, site: str) -> bool:
        """Whether that site's signed calls are honoured, and its tokens under *home*."""
        return "*" in self.trust or site in self.trust

    def rules_for(self, home: str) -> HomeRules:
        """What the tokens of a site are worth here: by its own row, else by that for all, else what is usual."""
        return self.homes.get(home) or self.homes.get("*") or HomeRules()


@dataclass(frozen=True, slots=True)
class Site:
    """One autonomous cloud.  `services`: by service type; `shares`: substrate to the sites it is shared with."""

    name: str
    region: str
    services: Mapping[str, Endpoint]
    labels: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, frozenset[str]] = field(default_factory=dict)
    proxy: ProxySettings = ProxySettings()

    @property
    def operator(self) -> str:
        return self.labels.get("operator", "")


@dataclass(frozen=True, slots=True)
class LinkConstraint:
    """What the link from one site to another does to traffic, in the embedded cloud only.

    `delay`: seconds, one way; `rate`: bytes per second, None for any; `loss`: the share of packets, from 0 to 1.
    """

    src: str
    dst: str
    delay: float = 0.0
    rate: float | None = None
    loss: float = 0.0
    symmetric: bool = True


@dataclass(frozen=True, slots=True)
class OwnService:
    """A service of the deployment's own: the shape of the faults it gives."""

    name: str
    fault: str = "plain"


@dataclass(frozen=True)
class Topology:
    """All sites.  `rtt`: declared round trips, by the pair of names in alphabetical order; `scopes`: named scopes;
    `regions`: those of them that catalogs offer as a region, name to region."""

    sites: Mapping[str, Site]
    rtt: Mapping[tuple[str, str], float] = field(default_factory=dict)
    own_services: Mapping[str, OwnService] = field(default_factory=dict)
    scopes: Mapping[str, str] = field(default_factory=dict)
    links: tuple[LinkConstraint, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Site]:
        return iter(self.sites.values())

    def round_trip(self, one: str, other: str) -> float | None:
        """Seconds between two sites as declared; None when nothing was; 0 to itself."""
        return 0.0 if one == other else self.rtt.get((min(one, other), max(one, other)))

    def group(self, label: str) -> tuple[str, ...]:
        """The sites that carry this label value, in the file's order."""
        return tuple(site.name for site in self if label in site.labels.values())

    def shared(self, substrate: str, one: str, other: str) -> bool:
        """Whether the operator declared that two sites share a substrate; either end may say so."""
        return one == other or any(
            there in self.sites[here].shares.get(substrate, ()) for here, there in ((one, other), (other, one))
        )

    def prefixes(self, service: str) -> tuple[str, ...]:
        """The path prefixes under which a service is found, anywhere."""
        ends = (site.services[service] for site in self if service in site.services)
        urls = (url for end in ends for url in (end.front, end.back) if url is not None and url.path)
        return tuple(dict.fromkeys(url.path for url in urls))

    # Asked for every call to every one of many sites.

    @cached_property
    def has_identity(self) -> bool:
        """Whether any site has a keystone: without one, callers' credentials are none of our business."""
        return any("identity" in site.services for site in self)

    @cached_property
    def on_loopback(self) -> bool:
        """Whether all sites are on this one machine: every front is an address of its own."""
        return all(end.front.address.on_loopback for site in self for end in site.services.values())


def vocabulary(topology: Topology) -> Vocabulary:
    """What a scope may name here; made once for each topology, not for each call."""
    groups = {label for site in topology for label in site.labels.values()}
    return Vocabulary(frozenset(topology.own_services), frozenset(topology.sites), frozenset(groups))
