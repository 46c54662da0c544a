"""What becomes of a request whose head is here: it passes by a way, or else the journey gets it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scopeproxy.execution.passthrough.framing import check_old, of_request
from scopeproxy.execution.passthrough.head import Fields, Line, Malformed, RequestHead
from scopeproxy.execution.passthrough.onward import FRAMING, names_headers, options_of
from scopeproxy.execution.passthrough.ways import Way, Ways
from scopeproxy.planning.passing import has_a_scope_alone, headers_pass

# RFC 3986, section 3.2: a host and a port; not empty, since services make links of it.
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%-]++(?::[0-9]*+)?+|\[[0-9A-Fa-f:.]++\](?::[0-9]*+)?+")


_READS = frozenset({b"GET", b"HEAD"})


@dataclass(frozen=True, slots=True)
class Said:
    """What the fields of a request say.  `host`: None where there is none; `closes`: whether the client wants no more
    than this answer; `plain`: whether nothing is more than the fast path knows to do; `repeats`: whether that holds for
    all requests with these fields, whatever their method; `scoped`: whether it is a scope alone that is more."""

    fields: Fields
    framing: int
    host: bytes | None
    closes: bool
    upgrade: bytes | None
    client_id: bytes
    plain: bool
    repeats: bool
    scoped: bool


class Entry(NamedTuple):
    """A request that comes in.  `way`: None where the journey gets it; `upgrades`: whether it asks for another
    protocol."""

    head: RequestHead
    said: Said
    way: Way | None
    upgrades: bool = False

    @property
    def may_be_relayed(self) -> bool:
        """Whether it is a read for which another site may be all that a scope names."""
        return self.said.scoped and self.head.method in _READS and self.head.minor == b"1"


def entry(data: bytes, start: int, end: int, ways: Ways, before: Said | None = None) -> Entry:
    """The request whose head is in the data from `start` to `end`.  `before`: what the last one's fields said, which
    often come again.  Raises Malformed."""
    head = RequestHead(data, start, end, before.fields if before is not None else None)
    said = before if before is not None and head.fields is before.fields else _said(head.fields)
    if not head.target.startswith(b"/"):
        # RFC 9112, 3.2.2 would have us take a whole URL.  We do not: two hosts in one request is one too many, and what
        # stands behind us may choose the other one.
        raise Malformed("the request's target must be a path that begins with '/'")
    if head.method == b"CONNECT":
        # RFC 9110, 9.3.6: whoever takes it makes a tunnel of the connection, and nobody knows where that ends.
        raise Malformed("CONNECT is not taken: this is no proxy to other hosts")
    if head.minor != b"1":
        check_old(head.fields.lines)
        return Entry(head, said, None)
    if said.host is None:
        raise Malformed("a request of HTTP/1.1 has a Host")
    if not said.plain:
        return Entry(head, said, None)
    upgrades = said.upgrade is not None
    if upgrades and (head.method != b"GET" or said.framing):
        return Entry(head, said, None)
    return Entry(head, said, ways.find(head.method, head.target, upgrades), upgrades)


def _said(fields: Fields) -> Said:
    lines, options = fields.lines, options_of(fields.lines)
    framing, upgrade, host = of_request(lines), _one(lines, b"upgrade"), _host(lines)
    plain = fields.ascii and bool(host)
    if names_headers(options) and options & FRAMING:
        plain = False
    if not framing and _one(lines, b"expect") is not None:
        plain = False
    if upgrade is not None and not (upgrade.lower() == b"websocket" and b"upgrade" in options):
        # Of other protocols WebSocket alone: an upgrade to h2c would carry calls past us that nobody looks at.
        plain = False
    id_ = _one(lines, b"x-openstack-request-id") or b""
    told = [(name, value) for name, value, _, _ in lines]
    passes = plain and headers_pass(told)
    scoped = plain and not passes and not framing and upgrade is None and has_a_scope_alone(told)
    return Said(fields, framing, host, b"close" in options, upgrade, id_, passes, passes and upgrade is None, scoped)


def _host(lines: Sequence[Line]) -> bytes | None:
    """RFC 9112, section 3.2: never more than one Host, and it is one."""
    hosts = [value for name, value, _, _ in lines if name == b"host"]
    if len(hosts) > 1:
        raise Malformed(f"a request has one Host, not {len(hosts)}")
    if hosts and hosts[0] and not _HOST.fullmatch(hosts[0]):
        raise Malformed("the Host of the request is no host")
    return hosts[0] if hosts else None


def _one(lines: Sequence[Line], wanted: bytes) -> bytes | None:
    return next((value for name, value, _, _ in lines if name == wanted), None)
