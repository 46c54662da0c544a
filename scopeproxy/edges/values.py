"""Readers of single values: text, numbers with units, addresses, URLs, paths, names of sites.

The file's scalars arrive as text (config.py sees to it), so that `NO` stays a country and `1:30` is no number.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from scopeproxy.edges.schema import Place, Reader, Wrong, shown
from scopeproxy.lang.durations import parse_duration
from scopeproxy.lang.suggestions import suggestion
from scopeproxy.model.topology import Address, Url

EVERY_SITE = "*"
_LONGEST_NAME = 200

_NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,9})?(?:e[+-]?\d{1,2})?)\s*([A-Za-z%]*(?:/s)?)\Z", re.ASCII)
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?\Z")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*\Z")
_PORTS = {"http": 80, "https": 443}
_BOOLEANS = {"true": True, "false": False}
_BINARY = {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, **_BINARY}
_RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9, "tbit": 10**12}


def text(_: Place, value: Any) -> str:
    """Printable text that is not empty."""
    if not isinstance(value, str):
        raise Wrong(f"text is expected, not {shown(value)}")
    if not value.strip() or not value.isprintable():
        raise Wrong(f"printable text is expected, not {shown(value)}")
    return value


def name(place: Place, value: Any) -> str:
    """A name that can stand in a header's list of `name=value` and in a file's name."""
    found = text(place, value)
    if found in (EVERY_SITE, ".", "..") or found != found.strip() or set(found) & set(",="):
        raise Wrong(f"{shown(found)} cannot be a name: no ',', no '=', no space at its ends, and not '*', '.' or '..'")
    if len(found) > _LONGEST_NAME:
        raise Wrong(f"a name has at most {_LONGEST_NAME} characters; this one has {len(found)}")
    return found


def boolean(place: Place, value: Any) -> bool:
    found = _BOOLEANS.get(text(place, value).lower())
    if found is None:
        raise Wrong(f"true or false is expected, not {shown(value)}")
    return found


def one_of(choices: Collection[str]) -> Reader:
    """A word of a closed set."""

    def read(place: Place, value: Any) -> str:
        word = text(place, value)
        if word not in choices:
            raise Wrong(f"unknown value {shown(word)}{suggestion(word, choices)}")
        return word

    return read


def count(place: Place, value: Any) -> int:
    found = text(place, value)
    if not re.fullmatch(r"[0-9]{1,15}", found) or int(found) < 1:
        raise Wrong(f"a whole number from 1 on is expected, not {shown(found)}")
    return int(found)


def duration(place: Place, value: Any) -> float:
    """Seconds, more than none."""
    found = _seconds(text(place, value))
    if found <= 0:
        raise Wrong(f"a duration longer than nothing is expected, not {shown(value)}")
    return found


def delay(place: Place, value: Any) -> float:
    """Seconds, or none."""
    found = text(place, value)
    return 0.0 if found == "0" else _seconds(found)


def _seconds(written: str) -> float:
    try:
        return parse_duration(written)
    except ValueError as error:
        raise Wrong(str(error)) from error


def size(place: Place, value: Any) -> int:
    """Bytes."""
    found = round(_scaled(text(place, value), _SIZES, "a size such as 64KiB, 1MiB or a number of bytes"))
    if found < 1:
        raise Wrong(f"a size of a byte at least is expected, not {shown(value)}")
    return found


def rate(place: Place, value: Any) -> float:
    """Bytes per second."""
    found = _scaled(text(place, value).removesuffix("/s"), _RATES, "a rate such as 100Mbit or 1Gbit") / 8
    if found <= 0:
        raise Wrong(f"a rate above nothing is expected, not {shown(value)}")
    return found


def percentage(place: Place, value: Any) -> float:
    """The share of one: 1% is 0.01."""
    found = _scaled(text(place, value), {"%": 1}, "a percentage such as 0.5%")
    if found > 100:
        raise Wrong(f"at most 100% is expected, not {shown(value)}")
    return found / 100


def _scaled(written: str, units: dict[str, int], wanted: str) -> float:
    match = _NUMBER.match(written.strip())
    if not match or match[2].lower() not in units:
        raise Wrong(f"{wanted} is expected, not {shown(written)}")
    return float(match[1]) * units[match[2].lower()]


def site(place: Place, value: Any) -> str:
    """The name of a site of this file."""
    found = text(place, value)
    if found not in place.reading.sites:
        raise Wrong(f"unknown site {shown(found)}{suggestion(found, place.reading.sites)}")
    return found


def site_or_all(place: Place, value: Any) -> str:
    return EVERY_SITE if value == EVERY_SITE else site(place, value)


def file(place: Place, value: Any) -> str:
    """The path of a file; a relative one begins where the topology file is."""
    return str(place.reading.directory.absolute() / text(place, value))


def network(place: Place, value: Any) -> str:
    """An address, or a network in CIDR form."""
    try:
        return str(ipaddress.ip_network(text(place, value), strict=False))
    except ValueError:
        raise Wrong(f"an address or a network such as 10.0.0.0/8 is expected, not {shown(value)}") from None


def address(place: Place, value: Any) -> Address:
    """`host:port`, with an IPv6 address in brackets."""
    written = text(place, value)
    wanted = "an address such as 127.0.0.1:5000 or [::1]:5000"
    parts = _split(f"//{written}", wanted)
    if parts.port is None or parts.netloc != written or "@" in written:
        raise Wrong(f"{wanted} is expected{_unless_secret(written)}")
    return Address(_host(parts.hostname), _port(parts.port))


def url(place: Place, value: Any) -> Url:
    """An http(s) root: no query, no fragment, no user."""
    wanted = "a URL such as http://192.0.2.1:5000 or https://cloud.example/identity"
    written = text(place, value)
    parts = _split(written, wanted)
    if "@" in parts.netloc:
        # What stands before the @ may be a password: it is not repeated here.
        raise Wrong("a URL without user and password is expected; the topology holds no credentials")
    if "?" in written or "#" in written:
        raise Wrong(f"a URL without a query or a fragment is expected{_unless_secret(written)}")
    if parts.scheme not in _PORTS or not parts.netloc:
        raise Wrong(f"{wanted} is expected{_unless_secret(written)}")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    return Url(parts.scheme, Address(_host(parts.hostname), _port(port)), _path(parts.path))


def front(place: Place, value: Any) -> Url:
    """Where clients connect to: any address but "all of them"."""
    found = url(place, value)
    if is_wildcard(found.address):
        raise Wrong(f"{found.address.host} is not an address to connect to; name one, and listen there with 'listen'")
    return found


def is_wildcard(place: Address) -> bool:
    """Whether listening there takes the port on every address of the machine."""
    return place.host in ("0.0.0.0", "::")  # noqa: S104 (we look for it, we do not bind)


def _split(written: str, wanted: str) -> SplitResult:
    try:
        parts = urlsplit(written)
        _ = parts.port, parts.hostname
    except ValueError:
        raise Wrong(f"{wanted} is expected{_unless_secret(written)}") from None
    return parts


def _unless_secret(written: str) -> str:
    return "" if "@" in written else f", not {shown(written.removeprefix('//'))}"


def _host(host: str | None) -> str:
    try:
        found = ipaddress.ip_address(host or "")
    except ValueError:
        pass
    else:
        if getattr(found, "scope_id", None) is None:
            return str(found)
    if not host or not _HOST.match(host) or re.fullmatch(r"[0-9.]+", host):
        raise Wrong(f"{shown(host)} is not a host: an IP address or an ASCII name is expected (xn--… for others)")
    return host


def _port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise Wrong(f"a port from 1 to 65535 is expected, not {port}")
    return port


def _path(path: str) -> str:
    found = path.rstrip("/")
    if not _PATH.match(found) or {".", ".."} & set(found.split("/")):
        raise Wrong(f"a path such as /identity is expected, not {shown(path)}")
    return found
