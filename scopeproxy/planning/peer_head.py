"""The head of a call from one site's proxy to another's: what of the client's goes along, and what is told beside it.

A call over many sites has nearly the same head for each: what they have in common is made once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Body, Header, Headers, Held, header, with_header, without
from scopeproxy.planning.rewriting import SCOPE_REQUEST, end_to_end, forwarded_for, visited, with_via
from scopeproxy.planning.signing import Hop

# Told to each site in its own words.
_TOLD = ("Host", "X-Auth-Token", *SCOPE_REQUEST)

# Calls whose heads are at hand: those that are being made to many sites just now.
_AT_ONCE = 64


class Client(NamedTuple):
    """Who called, as far as services and peers are told: its address, how it came, and what it put into Host.

    `proved`: whether it is a peer, whose word on the way of the call counts.
    """

    address: str
    scheme: str
    host: str
    proved: bool


class Common(NamedTuple):
    """What the heads of one call have in common, and the client's own token."""

    headers: Headers
    token: Token | None


@lru_cache(maxsize=_AT_ONCE)
def common(headers: Headers, kept: tuple[str, ...], client: Client, here: str) -> Common:
    """What any site may have of a call's headers.  `kept`: the names of those that stay `here`."""
    token = header(headers, "X-Auth-Token")
    passed = without(end_to_end(headers), *_TOLD, *kept)
    if not client.proved:
        passed = _without_our_via(passed)
    passed = forwarded_for(passed, client.address, client.scheme, client.host, ())
    return Common(with_via(passed, here), None if token is None else Token(token))


def framing(body: Body) -> Headers:
    """What is told of a body at hand: its length may have changed with the ids in it."""
    return (("Content-Length", str(len(body.data))),) if isinstance(body, Held) and body.data else ()


def framed_anew(body: Body) -> tuple[str, ...]:
    """The headers that do not hold any more with a body at hand: nothing is waited for with one."""
    if not isinstance(body, Held):
        return ()
    return ("Expect", "Content-Length") if body.data else ("Expect",)


def told(token: Token | None, scope: str, options: str, home: str, entry: str, hops: int) -> Headers:
    """What one site is told beside it, as far as there is something to tell."""
    pairs: Iterable[Header] = (
        ("X-Auth-Token", "" if token is None else token.value),
        ("X-Scope", scope),
        ("X-Scope-Options", options),
        ("X-Scope-Home", quote(home, safe="")),
        ("X-Scope-Entry", quote(entry, safe="")),
        ("X-Scope-Hops", str(hops)),
    )
    return tuple(pair for pair in pairs if pair[1])


def hop_of(headers: Headers, to: str, service: str, sender: str = "") -> Hop:
    """What is signed of a call to a site's service, as its headers have it; who receives it leaves the sender out."""
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    token = first.get("x-auth-token")
    return Hop(
        to=to,
        service=service,
        scope=first.get("x-scope", ""),
        options=first.get("x-scope-options", ""),
        home=first.get("x-scope-home", ""),
        entry=first.get("x-scope-entry", ""),
        hops=_hops(first.get("x-scope-hops", "")),
        host=first.get("x-forwarded-host", ""),
        fingerprint="" if token is None else Token(token).fingerprint,
        site=sender,
    )


def hops_of(headers: Headers) -> int:
    """How many sites a call has travelled over; 0 where that is not said, or makes no sense."""
    return _hops(header(headers, "X-Scope-Hops") or "")


def _hops(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def _without_our_via(headers: Headers) -> Headers:
    """The headers without the sites that a client says the call has passed: a peer would take it for a loop."""
    values = [value for name, value in headers if name.lower() == "via"]
    kept = [part for via in values for part in via.split(",") if not visited((("Via", part),))]
    return with_header(headers, "Via", ",".join(kept).strip()) if kept else without(headers, "Via")
