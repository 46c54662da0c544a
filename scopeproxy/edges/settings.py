"""The keys of the topology file, a row each, with the reader of its value.

docs/operating.md tells what every key means; a test holds these tables and that page together.
"""

from __future__ import annotations

import json
import re
from typing import Any

from scopeproxy.edges import values
from scopeproxy.edges.schema import Place, Reader, Wrong, each, items, mapping, section, shown
from scopeproxy.lang.scope import EVERY_SERVICE
from scopeproxy.lang.suggestions import suggestion
from scopeproxy.lang.vocabulary import OPENSTACK
from scopeproxy.model.topology import Account, Endpoint, LinkConstraint, OwnService
from scopeproxy.planning.faults import FAULTS

SUBSTRATES = ("network", "placement", "storage", "identity")
STRATEGIES = ("login", "shared", "federated", "home", "account")

_STATE = re.compile(r"[a-z][a-z0-9+_-]*://")
_RELATIVE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(.+)\Z")


def _state(place: Place, value: Any) -> str:
    """A database URL; its text may hold a password and is never repeated."""
    written = values.text(place, value) if isinstance(value, str) and value.isprintable() else ""
    if not _STATE.match(written):
        raise Wrong("a database URL such as sqlite:////var/lib/scopeproxy/{site}.db is expected")
    return _RELATIVE_FILE.sub(lambda found: f"{found[1]}{place.reading.directory.absolute() / found[2]}", written)


def _admin(place: Place, value: Any) -> Any:
    return None if value in (None, "none") else values.address(place, value)


def _strategies(place: Place, value: Any) -> tuple[str, ...]:
    found: tuple[str, ...] = each(values.one_of(STRATEGIES))(place, value)
    if len(set(found)) < len(found):
        raise Wrong("the same strategy is here twice")
    return found


def _site_of_its_own(place: Place, value: Any) -> str:
    found = values.site(place, value)
    if found == place.where[1]:
        raise Wrong("a site shares everything with itself: it need not be told")
    return found


def _shares(place: Place, value: Any) -> frozenset[str]:
    return frozenset(each(_site_of_its_own)(place, value))


def _endpoint(place: Place, value: Any) -> Endpoint:
    return Endpoint(**_ENDPOINT(place, value))


def _services(place: Place, value: Any) -> dict[str, Endpoint]:
    """By service type, whatever name each was written under."""
    found: dict[str, Endpoint] = {}
    written = place.reading.written
    for name, item in mapping(value).items():
        here = place.at(name)
        with here.noting():
            by_type = place.at(_service(here, name)).where
            if by_type in written:
                raise Wrong(f"the same service as '{written[by_type][-1]}': both are {by_type[-1]}")
            written[by_type] = here.where
            found[str(by_type[-1])] = _endpoint(here, item)
    return found


def _service(place: Place, name: str) -> str:
    vocabulary = place.reading.vocabulary
    found = vocabulary.service(name)
    if found is None or found == EVERY_SERVICE:
        raise Wrong(f"unknown service {shown(name)}{suggestion(name, vocabulary.services)}")
    return found


def _site(place: Place, value: Any) -> dict[str, Any]:
    """A site, without services too: it is a mistake, but others may name the site."""
    found: dict[str, Any] = _SITE(place, value)
    if not mapping(value).get("services"):
        place.wrong("the key 'services' is missing: a site has one service at least")
    return found


def _sites(place: Place, value: Any) -> dict[str, Any]:
    if not mapping(value):
        raise Wrong("no site is in it")
    found: dict[str, Any] = items(_site, values.name)(place, value)
    return found


def _own_name(place: Place, value: Any) -> str:
    found = values.name(place, value)
    known = OPENSTACK.service(found)
    if known:
        raise Wrong(f"'{found}' is OpenStack's own name for {known}; name yours otherwise, or leave it out here")
    return found


def _own_services(place: Place, value: Any) -> dict[str, OwnService]:
    return {name: OwnService(name, **fields) for name, fields in _OWN_SERVICES(place, value).items()}


def _named_scope(place: Place, value: Any) -> dict[str, str]:
    """A scope, or one with the region under which catalogs offer it."""
    if isinstance(value, dict) and "scope" in value:
        found: dict[str, str] = _NAMED_SCOPE(place, value)
        return found
    return {"scope": _scope(place, value)}


def _scope(place: Place, value: Any) -> str:
    """The text of a scope, or a mapping of services to expressions, which is what YAML makes of one without quotes."""
    if not isinstance(value, dict):
        return values.text(place, value)
    if not all(isinstance(location, str) for location in mapping(value).values()):
        raise Wrong('a scope is expected, in quotes, such as "{nova: Paris, glance: Corte}"')
    return json.dumps(value, ensure_ascii=False)


def _pair(place: Place, value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or value[0] == value[1]:
        raise Wrong("two different sites are expected, such as [Paris, Corte]")
    one, other = sorted(values.site(place, name) for name in value)
    return one, other


def _round_trips(place: Place, value: Any) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}

    def read(here: Place, item: Any) -> None:
        fields = _ROUND_TRIP(here, item)
        if fields["between"] in found:
            raise Wrong("the round trip of these two sites is here twice")
        found[fields["between"]] = fields["rtt"]

    each(read)(place, value)
    return found


def _link(place: Place, value: Any) -> LinkConstraint:
    found = LinkConstraint(**_LINK(place, value))
    if found.src == found.dst:
        raise Wrong("a link leads from one site to another; 'src' and 'dst' are the same")
    return found


def _account(place: Place, value: Any) -> Account:
    found = Account(**_ACCOUNT(place, value))
    if not found.projects:
        raise Wrong("no project is in 'projects': whom this account stands for has to be said, such as {demo: demo}")
    return found


_ACCOUNT = section(
    {
        **dict.fromkeys(("role", "user", "domain"), values.text),
        "password": values.file,
        "projects": items(values.text, values.text),
    },
    required=("role", "user", "password", "projects"),
)
PROXY_KEYS: dict[str, Reader] = {
    "state": _state,
    "spool": values.file,
    "key": values.file,
    "peer_key": values.file,
    "peer_keys": items(values.file, values.site_or_all),
    "admin": _admin,
    "catalog": values.one_of(("rewrite", "keep")),
    "partial": values.one_of(("undo", "keep", "queue")),
    "timeouts": section(dict.fromkeys(("connect", "answer", "total"), values.duration)),
    "limits": section(
        {
            **dict.fromkeys(
                ("header", "buffered_body", "spooled_body", "merged_body", "journal", "journal_data"), values.size
            ),
            **dict.fromkeys(
                ("fan_out", "connections", "requests", "site_connections", "journal_entries"), values.count
            ),
        }
    ),
    "quota_moves_on": values.boolean,
    "tokens": _strategies,
    "validated_within": values.delay,
    "trust": each(values.site_or_all),
    "homes": items(
        section(dict.fromkeys(("roles", "projects", "users"), items(values.text, values.text))), values.site_or_all
    ),
    "accounts": items(each(_account), values.site),
    "credentials": section(dict.fromkeys(("password_to", "token_to"), each(values.site_or_all))),
    "insecure": values.boolean,
    "trusted_proxies": each(values.network),
    "tls": section(dict.fromkeys(("certificate", "key", "peers"), values.file)),
    "routes": items(values.address, values.address),
    "passthrough": values.boolean,
}
_PROXY = section(PROXY_KEYS, nullable=("admin",))
_ENDPOINT = section({"front": values.front, "back": values.url, "listen": values.address}, required=("front",))
_SITE = section(
    {
        "region": values.text,
        "labels": items(values.text, values.text),
        "services": _services,
        "shares": section(dict.fromkeys(SUBSTRATES, _shares)),
        "proxy": _PROXY,
    }
)
_ROUND_TRIP = section({"between": _pair, "rtt": values.delay}, required=("between", "rtt"))
_NAMED_SCOPE = section({"scope": _scope, "region": values.text}, required=("scope",))
_OWN_SERVICES = items(section({"fault": values.one_of(FAULTS)}), _own_name)
_LINK = section(
    {
        "src": values.site,
        "dst": values.site,
        "delay": values.delay,
        "rate": values.rate,
        "loss": values.percentage,
        "symmetric": values.boolean,
    },
    required=("src", "dst"),
)
KEYS: dict[str, Reader] = {
    "sites": _sites,
    "rtt": _round_trips,
    "services": _own_services,
    "scopes": items(_named_scope, values.name),
    "network_constraints": each(_link),
    "proxy": _PROXY,
}
read_topology = section(KEYS, required=("sites",))
