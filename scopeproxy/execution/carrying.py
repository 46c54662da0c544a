"""How a call's scope is found, and how it is sent along for what the call causes.

The carriers themselves are planning/carriers.py: the header, else a request id of ours, else the tag on the token.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from scopeproxy.errors import CallerError, Unauthorized
from scopeproxy.execution.ledger import Ledger, RequestEntry
from scopeproxy.execution.tokens.validation import Validator
from scopeproxy.lang.wire import from_header
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Request
from scopeproxy.planning.carriers import (
    CARRIERS,
    HEADER,
    REQUEST,
    TAG,
    Tag,
    Tags,
    find_body_token,
    is_minted,
    mint,
    replace_body_token,
    strip,
)
from scopeproxy.planning.peer_head import hops_of

REQUEST_ID = "X-OpenStack-Request-ID"

_SINGLE = ("X-Scope", "X-Scope-Options", "X-Auth-Token")

_DAY = 24 * 3600.0

# The scope of a tag that is there for the token's home alone.
_NOTHING = "{}"

# Of a client's own request id, what is kept.
_LONGEST_ID = 255

# Whose token may speak for another project's work: the services' own.
_SERVICE_ROLES = frozenset({"service", "admin"})


@dataclass(frozen=True, slots=True)
class Found:
    """A call with its carriers taken off, and what they said.

    `scope` None: the call is unscoped.  `source`: the carrier that counted, of the `carriers` that were on the call.
    `home` and `subject_home`: who issued the token, and the one that is asked about, where that is not this site.
    `entry`: the site whose proxy keeps the login.  `serving`: whether a service works for somebody else by a token of
    its own.  `client_id`: the id that the client gave.  `caller`: whom the token spoke for when the journal took in the
    call, which is made now.
    """

    request: Request
    token: Token | None = None
    subject: Token | None = None
    scope: str | None = None
    source: str = ""
    options: str = ""
    home: str = ""
    subject_home: str = ""
    entry: str = ""
    hops: int = 0
    serving: bool = False
    client_id: str | None = None
    carriers: tuple[str, ...] = ()
    caller: Identity | None = None


class Carriers:
    """The carriers of one site."""

    def __init__(
        self,
        here: str,
        ledger: Ledger,
        tags: Tags,
        validator: Validator,
        has_identity: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._here, self._ledger, self._tags = here, ledger, tags
        self._validator, self._has_identity, self._now = validator, has_identity, now

    # ---- finding

    async def find(self, request: Request, from_peer: bool) -> Found:
        """Take the carriers off.  A tag that fails is Unauthorized; an id not ours, or not theirs, says nothing."""
        _check_unrepeated(request)
        bare, token, tag = self._untagged(request, "X-Auth-Token")
        bare, subject, subject_tag = self._untagged(bare, "X-Subject-Token")
        client_id = (request.header(REQUEST_ID) or "")[:_LONGEST_ID] or None
        header = request.header("X-Scope")
        there = (header is not None, is_minted(client_id or ""), tag is not None, subject_tag is not None)
        on_it = tuple(carrier for carrier, is_there in zip(CARRIERS, there, strict=True) if is_there)
        found = Found(bare, token, subject, entry=self._here, client_id=client_id, carriers=on_it)
        # Who issued a token goes by the token alone: a service sends its own under the request id of a user's call.
        found = replace(found, home=_home(tag), subject_home=_home(subject_tag))
        if header is not None:
            return self._by_header(found, header, from_peer)
        entry, serving = await self._by_request_id(found)
        if entry is not None:
            said = replace(found, scope=entry.scope, source=REQUEST, client_id=entry.client_id)
            return replace(said, entry=entry.entry, hops=entry.hops, serving=serving)
        return found if tag is None else await self._by_tag(found, tag)

    def _untagged(self, request: Request, name: str) -> tuple[Request, Token | None, Tag | None]:
        value = request.header(name)
        if value is None:
            return request, None, None
        untagged = self._tags.untag(value, self._now())
        # A second header of the name might have a tag too; the first is the one that counts, here and at services.
        clean = all(strip(other) == other for key, other in request.headers if key.lower() == name.lower())
        bare = request if clean else request.with_header(name, untagged.token.value)
        return bare, untagged.token, untagged.tag

    def _by_header(self, found: Found, header: str, from_peer: bool) -> Found:
        request = found.request
        said = replace(found, scope=from_header(header), source=HEADER, options=request.header("X-Scope-Options") or "")
        if not from_peer:
            return said
        return replace(
            said,
            home=unquote(request.header("X-Scope-Home") or ""),
            entry=unquote(request.header("X-Scope-Entry") or "") or self._here,
            hops=hops_of(request.headers),
        )

    async def _by_request_id(self, found: Found) -> tuple[RequestEntry | None, bool]:
        """What the id stands for, if the token may speak for it; and whether that is a service's, not the owner's."""
        id_ = found.client_id
        entry = await self._ledger.request(id_) if id_ is not None and is_minted(id_) else None
        if entry is None or found.token is None or not self._has_identity:
            return entry, False
        identity = await self._validator.identity(found.token, found.home or self._here)
        if not isinstance(identity, Identity):
            return None, False
        if identity.owner == entry.project:
            return entry, False
        # What another site calls an admin is none of this one's services.
        serves = not found.home and bool(identity.roles & _SERVICE_ROLES)
        return (entry, True) if serves else (None, False)

    async def _by_tag(self, found: Found, tag: Tag) -> Found:
        text = tag.scope if tag.digest is None else await self._ledger.scope_of(tag.digest)
        if text is None:
            raise Unauthorized("the scope that the token's tag stands for has expired: log in again")
        return replace(found, scope=text, source=TAG, entry=tag.entry or self._here, hops=tag.hops)

    def untag_login(self, body: bytes) -> bytes:
        """A login's body with the tag taken off the token that it starts from."""
        value = find_body_token(body)
        if value is None or strip(value) == value:
            return body
        return replace_body_token(body, self._tags.untag(value, self._now()).token.value)

    # ---- sending along

    async def attach(self, request: Request, scope: str, found: Found, token: Token | None, home: str = "") -> Request:
        """The request with a request id of its own, and with the tag on its token, under both of which is the scope.

        `home`: who issued the token, where that is not this site.  An empty scope leaves the request id as it is.
        """
        # Whole days: the same token under the same scope gets the same tag, so that keystonemiddleware's cache works.
        expires = (self._now() // _DAY + 2) * _DAY
        if scope:
            request = request.with_header(REQUEST_ID, await self._minted(scope, found, token, home))
        if token is None or not self._has_identity:
            return request
        text = scope or _NOTHING
        tagged = self._tags.tag(token, text, home, found.entry, expires, found.hops)
        if tagged.digest is not None:
            await self._ledger.remember_scope(tagged.digest, text, expires)
        return request.with_header("X-Auth-Token", tagged.value)

    async def _minted(self, scope: str, found: Found, token: Token | None, home: str) -> str:
        owner = None
        if token is not None and self._has_identity:
            identity = await self._validator.identity(token, home or self._here)
            # Nobody's: then the service will hardly accept the token either, and the tag alone carries the scope.
            owner = identity.owner if isinstance(identity, Identity) else None
        entry = RequestEntry(mint(), scope, found.entry, found.hops, owner, found.client_id, self._now() + _DAY)
        await self._ledger.remember_request(entry)
        return entry.id


def _home(tag: Tag | None) -> str:
    return tag.home if tag else ""


def _check_unrepeated(request: Request) -> None:
    """Which of two counts is not for us to guess: services and their servers do not agree on it."""
    for name in _SINGLE:
        times = sum(key.lower() == name.lower() for key, _ in request.headers)
        if times > 1:
            raise CallerError(f"scope: the header {name} is there {times} times: give it once")
