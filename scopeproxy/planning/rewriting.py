"""What changes on a message as it passes: hop-by-hop headers go, Via comes, and nothing else is touched.

RFC 9110, section 7.6, for what an intermediary does; the X-Scope headers are section 5 of the language.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from scopeproxy.model.messages import Headers, header, with_header, without

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
# What only proxies say to one another; from anyone else it is dropped.
BETWEEN_PROXIES = ("X-Scope-Home", "X-Scope-Entry", "X-Scope-Hops", "X-Scope-Signature")
SCOPE_REQUEST = ("X-Scope", "X-Scope-Options", *BETWEEN_PROXIES)
SCOPE_RESPONSE = ("X-Scope-Sites", "X-Scope-Replicas", "X-Scope-Partial", "X-Scope-Request-Id")
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
              "X-Forwarded-Proto", "X-Real-IP")  # fmt: skip
_VIA = re.compile(r"\d\.\d ([^\s,]+) \(scopeproxy\)")
_PLAIN = "!#$&'*+^`|"


def end_to_end(headers: Headers) -> Headers:
    """The headers that may pass: neither hop-by-hop nor named in Connection (RFC 9110, section 7.6.1)."""
    named = {
        option.strip().lower() for name, value in headers if name.lower() == "connection" for option in value.split(",")
    }
    dropped = _HOP_BY_HOP | named
    return tuple(pair for pair in headers if pair[0].lower() not in dropped)


def with_via(headers: Headers, site: str) -> Headers:
    """The headers with this proxy at the end of Via, in one field as it is read by most."""
    ours = f"1.1 {quote(site, safe=_PLAIN)} (scopeproxy)"
    before = header(headers, "Via")
    return with_header(headers, "Via", ours if before is None else f"{before}, {ours}")


def visited(headers: Headers) -> tuple[str, ...]:
    """The sites whose proxies the message has passed, by its Via."""
    return tuple(unquote(site) for name, value in headers if name.lower() == "via" for site in _VIA.findall(value))


def forwarded_for(headers: Headers, client: str, scheme: str, host: str, trusted: Iterable[str]) -> Headers:
    """The headers with the client's address and how it reached us; what a client itself says of that is believed
    only from a trusted proxy, because services believe what they are told."""
    if is_trusted(client, trusted):
        before = header(headers, "X-Forwarded-For")
        headers = with_header(headers, "X-Forwarded-For", client if before is None else f"{before}, {client}")
        known = {name.lower() for name, _ in headers}
        added = (("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", host))
        return (*headers, *(pair for pair in added if pair[0].lower() not in known))
    return (
        *without(headers, *_FORWARDED),
        ("X-Forwarded-For", client),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", host),
    )


def is_trusted(client: str, trusted: Iterable[str]) -> bool:
    """Whether the address is among the trusted proxies: addresses or networks."""
    try:
        address = ipaddress.ip_address(client)
        return any(address in ipaddress.ip_network(network, strict=False) for network in trusted)
    except ValueError:
        return False


def replaced(headers: Headers, **values: str | None) -> Headers:
    """The headers with these set (names with `_` for `-`), or dropped where the value is None."""
    for name, value in values.items():
        real = name.replace("_", "-")
        headers = without(headers, real) if value is None else with_header(headers, real, value)
    return headers
