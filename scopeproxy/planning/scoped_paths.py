"""Scopes in paths, for clients which cannot add a header: `<origin>/scope/<name or expression>/<service>/…`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from scopeproxy.errors import ScopeError
from scopeproxy.lang.parser import parse, parse_command_line
from scopeproxy.lang.scope import Scope
from scopeproxy.lang.suggestions import did_you_mean, shortened
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.lang.wire import from_segment
from scopeproxy.model.messages import Headers, header, with_header, without
from scopeproxy.model.topology import Url

ROOT = "/scope"
HINT = f"{ROOT}/<name or expression>/<service>/…"

# No `%` in URLs that we give: keystoneauth formats endpoints by `%`.  No `v` and a digit or dot either: gophercloud
# takes the first of these in a path for the version of the API.
_PLAIN = re.compile(r"(?!~|\.{1,2}\Z)(?:(?!v[0-9.])[A-Za-z0-9._~!$&'()*+,;=:@-])+")
_ENCODED = "~"
_AUTHORITY = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_NAME = re.compile(r"[\w-]+\Z")


@dataclass(frozen=True, slots=True)
class ScopedPath:
    """A raw target `/scope/<x>/<service>/…`, taken apart: the segment <x> as it came, what the next one says, and the
    target below the service's root.  What is missing is empty.
    """

    scope: str
    service: str
    below: str


def scoped_path(target: str) -> ScopedPath | None:
    """The parts of a raw target below `/scope/`; None for every other."""
    path, mark, query = target.partition("?")
    if not path.startswith(f"{ROOT}/") and path != ROOT:
        return None
    scope, service, below = (*path.removeprefix(ROOT).removeprefix("/").split("/", 2), "", "", "")[:3]
    return ScopedPath(scope, unquote(service), f"/{below}{mark}{query}")


def text_of(segment: str) -> str:
    """The text in a segment: percent-encoded as in every path, or, behind a `~`, in hexadecimal."""
    text = from_segment(segment)
    if not text.startswith(_ENCODED):
        return text
    try:
        return bytes.fromhex(text.removeprefix(_ENCODED)).decode()
    except ValueError as mistake:
        raise ScopeError("behind '~' in a path stands UTF-8 in hexadecimal digits", text) from mistake


def path_of(text: str, vocabulary: Vocabulary) -> str:
    """`/scope/<x>` as catalogs and links have it, for a name or an expression: shorter, or all in hexadecimal, where
    some client would stumble over the text as it is."""
    if _PLAIN.fullmatch(text):
        return f"{ROOT}/{text}"
    with suppress(ScopeError):
        scope = _expression(text, vocabulary)
        short = str(scope).strip("{}").replace(": ", ":").replace(", ", ",")
        if _PLAIN.fullmatch(short) and _expression(short, vocabulary) == scope:
            return f"{ROOT}/{short}"
    return f"{ROOT}/{_ENCODED}{text.encode(errors='surrogateescape').hex()}"


def scope_of(text: str, named: Mapping[str, str], vocabulary: Vocabulary) -> Scope:
    """The scope that a text in a path stands for: a name of the topology's, or an expression as it is written on a
    command line, where `Corte` is `*: Corte` and `+` is `&`."""
    if text in named:
        return parse(named[text], vocabulary)
    try:
        return _expression(text, vocabulary)
    except ScopeError as error:
        if not _NAME.match(text):
            raise
        message = f"no scope and no site is named {shortened(text)}{did_you_mean(text, _names(named, vocabulary))}"
        raise ScopeError(message, error.text, error.line, error.column) from error


def _names(named: Mapping[str, str], vocabulary: Vocabulary) -> tuple[str, ...]:
    return (*named, *(vocabulary.sites or ()))


@lru_cache(maxsize=512)
def _expression(text: str, vocabulary: Vocabulary) -> Scope:
    return parse_command_line([text], vocabulary)


@dataclass(frozen=True, slots=True)
class Prefix:
    """Where a client calls the services of a site under a scope: an origin, and `/scope/<x>`."""

    origin: str
    path: str

    def root(self, service: str) -> str:
        """The root of a service."""
        return f"{self.origin}{self.path}/{quote(service, safe='')}"


def authority_of(said: str | None, front: Url) -> str:
    """The host and port that a client says it has called, where they are such; else the front's."""
    return said if said and _AUTHORITY.fullmatch(said) else front.authority


def as_at_front(headers: Headers, front: Url) -> Headers:
    """The headers of a call as if it had come to the service's own front, from which services make their links."""
    headers = without(
        with_header(headers, "Host", front.authority), "Forwarded", "X-Forwarded-Port", "X-Forwarded-Prefix"
    )
    for name, value in (("X-Forwarded-Host", front.authority), ("X-Forwarded-Proto", front.scheme)):
        headers = with_header(headers, name, value) if header(headers, name) is not None else headers
    return headers
