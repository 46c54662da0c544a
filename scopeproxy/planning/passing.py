"""Which calls pass untouched: those of which a journey would change nothing but what every proxy changes.

Whoever passes is not looked at any further.  In doubt a call does not pass: the journey is right in every case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from scopeproxy.model.messages import Request
from scopeproxy.planning.carriers import REQUEST_ID_MARK, SEPARATOR
from scopeproxy.planning.intent import Kind, classify

# Whose bodies and answers are looked into: logins, and whatever is about a token.
_ABOUT_TOKENS = frozenset({Kind.LOGIN, Kind.TOKEN})
_TOKEN_PATHS = ("/v3/auth", "/v2.0/tokens")

_TAG, _MINTED = SEPARATOR.encode(), b"req-" + REQUEST_ID_MARK.encode()

Look = Callable[[bytes], bool]


def _always(_: bytes) -> bool:
    return True


def _has_a_tag(value: bytes) -> bool:
    return _TAG in value


def _is_ours(value: bytes) -> bool:
    return value.startswith(_MINTED)


def _has_passed_a_proxy_of_ours(value: bytes) -> bool:
    return b"(scopeproxy)" in value


# What of a header, by its name in lower case, keeps a call from passing; `x-scope` stands for all that begin so.
LOOKED_AT: Mapping[bytes, Look] = {
    b"x-scope": _always,
    b"x-auth-token": _has_a_tag,
    b"x-subject-token": _has_a_tag,
    b"x-openstack-request-id": _is_ours,
    b"via": _has_passed_a_proxy_of_ours,
}


def headers_pass(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether nothing in these headers (names in lower case) carries a scope, or is for proxies alone."""
    tokens = 0
    for name, value in headers:
        if name.startswith(b"x-scope"):
            return False
        look = LOOKED_AT.get(name)
        if look is not None and look(value):
            return False
        # Which of two tokens counts is not for us to guess: such a call is refused.
        tokens += name == b"x-auth-token"
    return tokens < 2


def has_a_scope_alone(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether these headers (names in lower case) would pass but for one scope, of which nothing else is told."""
    rest = [(name, value) for name, value in headers if name != b"x-scope"]
    return len(rest) == len(headers) - 1 and headers_pass(rest)


def path_passes(request: Request) -> bool:
    """Whether a call of this method and path may pass to its service; its headers and body are not looked at."""
    if request.service != "identity":
        return True
    return not request.path.startswith(_TOKEN_PATHS) and classify(request).kind not in _ABOUT_TOKENS


def passes(request: Request) -> bool:
    """Whether the call passes untouched."""
    headers = ((name.lower().encode(), value.encode("utf-8", "surrogateescape")) for name, value in request.headers)
    return path_passes(request) and headers_pass(headers)
