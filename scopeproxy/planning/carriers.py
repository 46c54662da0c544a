"""How a scope follows a workflow through services which know nothing of it: request ids, and tags on tokens.

Ids are minted here and looked up in the ledger.  Tags are made and removed by the proxies of one site; a tag is
`~scope1.<payload>.<mac>` behind the token.  No I/O: time and randomness are passed in.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from scopeproxy.errors import ConfigurationError, Unauthorized
from scopeproxy.model.identity import Token

# The first group of every id that we mint, so that a load balancer in front can tell ours from others.
REQUEST_ID_MARK = "5c09e000"

# Fernet, JWS and UUID tokens are made of letters, digits and `-_.=`: a tilde never occurs in them.
SEPARATOR = "~scope1."

# uwsgi's default takes 4,096 bytes of head in all, and the token itself is in there twice at times.
MAX_TAG = 1000

# What may be on a call: the scope itself, an id of ours, a tag on the caller's token, a tag on one to be validated.
HEADER, REQUEST, TAG, SUBJECT_TAG = CARRIERS = ("header", "request id", "tag", "subject tag")

_MINTED = re.compile(rf"req-{REQUEST_ID_MARK}-(?:[a-f0-9]{{4}}-){{3}}[a-f0-9]{{12}}")
_TAG = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})")
_SPACE = re.compile(r"[ \t\n\r]*")
_BODY_TOKEN = ("auth", "identity", "token", "id")


def mint(random: Callable[[int], bytes] = os.urandom) -> str:
    """A new request id: valid to every service, marked as ours, and past guessing (96 bits)."""
    digits = random(12).hex()
    return f"req-{REQUEST_ID_MARK}-{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:]}"


def is_minted(value: str) -> bool:
    """Whether a request id has the form of ours.  Whether it is ours, the ledger knows."""
    return _MINTED.fullmatch(value) is not None


def digest(scope_text: str) -> str:
    """What stands in a tag for a scope that is too long for it: SHA-256, in hex."""
    return hashlib.sha256(scope_text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Tag:
    """What a tag says: the scope, or else its digest; who issued the token, where that is not this site; whose proxy
    keeps the login; hops so far; seconds since the epoch."""

    scope: str | None
    digest: str | None
    home: str
    entry: str
    hops: int
    expires: float


@dataclass(frozen=True, slots=True, repr=False)
class Tagged:
    """A token with its tag, as it goes to a service.  With a `digest`, the caller stores digest → scope text."""

    value: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class Untagged:
    """A token as its issuer knows it, and what its tag said."""

    token: Token
    tag: Tag | None


class Tags:
    """Makes and removes the tags of one site."""

    __slots__ = ("_key", "_site")

    def __init__(self, key: bytes, site: str) -> None:
        self._key = hmac.digest(key, b"scopeproxy tag v1", "sha256")
        self._site = site

    def tag(self, token: Token, scope_text: str, home: str, entry: str, expires: float, hops: int = 0) -> Tagged:
        """The token with a tag behind it.

        The same arguments give the same tag, and keystonemiddleware caches by the whole string: let `expires` be the
        token's own rather than a moment from now, and its cache keeps working.
        """
        if SEPARATOR in token.value:
            raise Unauthorized("the token carries a scope tag already")
        whole = self._suffix(token, [scope_text, None, home, entry, hops, int(expires)])
        if len(whole) <= MAX_TAG:
            return Tagged(token.value + whole, None)
        stand_in = digest(scope_text)
        short = self._suffix(token, [None, stand_in, home, entry, hops, int(expires)])
        if len(short) > MAX_TAG:
            raise ConfigurationError(
                [f"sites: names of {len(home + entry)} characters are too long to travel in a scope tag"]
            )
        return Tagged(token.value + short, stand_in)

    def untag(self, value: str, now: float) -> Untagged:
        """The token and its tag; a tag that fails is refused, and the message tells nothing of either."""
        token, found, tag = value.partition(SEPARATOR)
        if not found:
            return Untagged(Token(value), None)
        if SEPARATOR in tag:
            raise Unauthorized("the token carries more than one scope tag")
        parts = _TAG.fullmatch(tag)
        if parts is None or not token.isascii():
            raise Unauthorized("the token's scope tag is malformed")
        payload, mac = parts.groups()
        if not hmac.compare_digest(mac, self._mac(Token(token), payload)):
            raise Unauthorized("the token's scope tag was not made for this token at this site")
        said = _read(payload)
        if said.expires <= now:
            raise Unauthorized("the token's scope tag has expired")
        return Untagged(Token(token), said)

    def _suffix(self, token: Token, said: list[object]) -> str:
        payload = _base64(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode())
        return f"{SEPARATOR}{payload}.{self._mac(token, payload)}"

    def _mac(self, token: Token, payload: str) -> str:
        # Neither a fingerprint nor an encoded payload holds a line feed; the site's name, which may, comes last.
        message = f"{token.fingerprint}\n{payload}\n{self._site}".encode()
        return _base64(hmac.digest(self._key, message, "sha256"))


def strip(value: str) -> str:
    """The value without any tag, whatever the tag says."""
    return value.partition(SEPARATOR)[0]


def find_body_token(body: bytes) -> str | None:
    """`auth.identity.token.id` of a keystone login, its tag still on; None when the body has none."""
    place = _place(body)
    if place is None:
        return None
    text, start, end = place
    value = json.loads(text[start:end])
    return value if isinstance(value, str) else None


def replace_body_token(body: bytes, value: str) -> bytes:
    """The login with another `auth.identity.token.id`; all else stays byte for byte.  Without one, it stays whole."""
    place = _place(body)
    if place is None or find_body_token(body) in (None, value):
        return body
    text, start, end = place
    return (text[:start] + json.dumps(value) + text[end:]).encode()


def untag_body(body: bytes) -> bytes:
    """The login with the tag taken off its token."""
    value = find_body_token(body)
    return body if value is None else replace_body_token(body, strip(value))


def _read(payload: str) -> Tag:
    # The MAC was good, so we wrote this; but perhaps another release of us did.
    try:
        said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        scope, stand_in, home, entry, hops, expires = said
        return Tag(scope, stand_in, str(home), str(entry), int(hops), float(expires))
    except (ValueError, TypeError, binascii.Error) as error:
        raise Unauthorized("the token's scope tag is of another release") from error


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _place(body: bytes) -> tuple[str, int, int] | None:
    """The body as text, and where in it the token's id begins and ends, quotes included."""
    try:
        text = body.decode()
        json.loads(text)
        start, end = 0, len(text)
        for key in _BODY_TOKEN:
            start, end = _members(text, start)[key]
    except (ValueError, RecursionError, KeyError):
        return None
    return text, start, end


def _members(text: str, start: int) -> dict[str, tuple[int, int]]:
    """Where each value of the JSON object at `start` lies; of a repeated name the last, as keystone reads it."""
    members: dict[str, tuple[int, int]] = {}
    at = _skip(text, start)
    if text[at] != "{":
        return members
    while text[at] != "}":
        at = _skip(text, at + 1)
        if text[at] == "}":
            break
        name, at = _DECODER.raw_decode(text, at)
        value = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, value)
        members[name] = (value, end)
        at = _skip(text, end)
    return members


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


_DECODER = json.JSONDecoder()
