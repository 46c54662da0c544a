"""What changes on a message as it passes: hop-by-hop headers go, Via comes, and nothing else is touched.

RFC 9110, section 7.6, for what an intermediary does; the X-Scope headers are section 5 of the language.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from scopeproxy.model.messages import Headers, Request, with_header, without
from scopeproxy.planning.carriers import strip

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
# RFC 9110, section 7.8: what both ends say of a change to another protocol.  WebSocket alone is taken: h2c would carry
# calls past us that nobody looks at.
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "websocket"))
# What only proxies say to one another; from anyone else it is dropped.
BETWEEN_PROXIES = ("X-Scope-Home", "X-Scope-Entry", "X-Scope-Hops", "X-Scope-Signature")
SCOPE_REQUEST = ("X-Scope", "X-Scope-Options", *BETWEEN_PROXIES)
SCOPE_RESPONSE = ("X-Scope-Sites", "X-Scope-Replicas", "X-Scope-Partial", "X-Scope-Request-Id")
_TOKENS = frozenset({"x-auth-token", "x-subject-token"})
_FORWARDED = re.compile(r"forwarded|x-forwarded-.*|x-real-ip", re.IGNORECASE)
_VIA = re.compile(r"\d\.\d ([^\s,]+) \(scopeproxy\)")
_PLAIN = "!#$&'*+^`|"


def end_to_end(headers: Headers) -> Headers:
    """The headers that may pass: neither hop-by-hop nor named in Connection (RFC 9110, section 7.6.1)."""
    dropped = HOP_BY_HOP | _options(headers)
    return tuple(pair for pair in headers if pair[0].lower() not in dropped)


def _options(headers: Headers) -> set[str]:
    connection = [value for name, value in headers if name.lower() == "connection"]
    return {option.strip().lower() for value in connection for option in value.split(",")}


def opens_websocket(request: Request) -> bool:
    """Whether it asks for another protocol that may pass (RFC 6455, section 4.1)."""
    asked = (request.header("Upgrade") or "").lower() == "websocket" and "upgrade" in _options(request.headers)
    return asked and request.method == "GET" and request.body.length == 0


def with_via(headers: Headers, site: str) -> Headers:
    """The headers with this proxy at the end of Via, in one field as it is read by most."""
    return _appended(headers, "Via", via(site))


def via(site: str) -> str:
    """How the proxy of a site calls itself in Via."""
    return f"1.1 {quote(site, safe=_PLAIN)} (scopeproxy)"


def _appended(headers: Headers, name: str, value: str) -> Headers:
    """The headers with one more value at the end of a list, whose fields become one (RFC 9110, section 5.3)."""
    before = (old for key, old in headers if key.lower() == name.lower())
    return with_header(headers, name, ", ".join((*before, value)))


def visited(headers: Headers) -> tuple[str, ...]:
    """The sites whose proxies the message has passed, by its Via."""
    return tuple(unquote(site) for name, value in headers if name.lower() == "via" for site in _VIA.findall(value))


def forwarded_for(headers: Headers, client: str, scheme: str, host: str, trusted: Iterable[str]) -> Headers:
    """The headers with the client's address and how it reached us; what a client itself says of that is believed
    only from a trusted proxy, because services believe what they are told."""
    if is_trusted(client, trusted):
        headers = _appended(headers, "X-Forwarded-For", client)
        known = {name.lower() for name, _ in headers}
        added = (("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", host))
        return (*headers, *(pair for pair in added if pair[0].lower() not in known))
    return (
        *(pair for pair in headers if not _FORWARDED.fullmatch(pair[0])),
        ("X-Forwarded-For", client),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", host),
    )


def to_service(headers: Headers, client: str, scheme: str, host: str, trusted: Iterable[str]) -> Headers:
    """The headers of a call as the own service gets them, but for Via, which comes last."""
    passing = forwarded_for(without(end_to_end(headers), *SCOPE_REQUEST), client, scheme, host, trusted)
    return with_header(passing, "Host", host)


def to_client(headers: Headers, site: str) -> Headers:
    """The headers of an answer as the client gets them: without what is between proxies, and without a tag."""
    passing = without(end_to_end(headers), *SCOPE_RESPONSE)
    return with_via(tuple((name, strip(value) if name.lower() in _TOKENS else value) for name, value in passing), site)


def is_trusted(client: str, trusted: Iterable[str]) -> bool:
    """Whether the address is among the trusted proxies: addresses or networks."""
    try:
        address = ipaddress.ip_address(client)
        # Where one socket listens for both, an IPv4 client is told as ::ffff:192.0.2.1.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in ipaddress.ip_network(network, strict=False) for network in trusted)
    except ValueError:
        return False
