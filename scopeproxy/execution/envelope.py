"""What the journal holds of a call, and how it is sealed: by a key derived from the site's."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scopeproxy.execution.sealing import Seal, derived
from scopeproxy.execution.spool import Spool, Spooled
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Body, Held, Request
from scopeproxy.planning.intent import is_uuid


@dataclass(frozen=True, slots=True)
class Letter:
    """A write as its caller made it, and whatever else it takes to make it again at one site.

    `scope`: the whole of it, selectors expanded; `own`: the ids of the caller's user and project, "" for none;
    `ids`: service, collection, id in the call and the site's own id for that, as they were known then; `token`: the
    client's; `home`, `entry`, `hops`, `source` as they were found with the call; `host`, `client`, `scheme`: how the
    client came; `caller`: whom the token spoke for.
    """

    request: Request
    scope: str
    own: tuple[str, str] = ("", "")
    ids: tuple[tuple[str, str, str, str], ...] = ()
    token: Token | None = None
    home: str = ""
    entry: str = ""
    hops: int = 0
    source: str = ""
    host: str = ""
    client: str = ""
    scheme: str = "http"
    caller: Identity | None = None


class Envelope:
    """Seals letters by a key derived from the site's, and opens them again.  Data that are sent are in the spool, and a
    letter only tells how many."""

    def __init__(self, key: bytes, spool: Spool) -> None:
        self._spool = spool
        self._seal = Seal(key, b"scopeproxy journal v1")
        self._names_key = derived(key, b"scopeproxy journal names v1")

    def marks(self, names: Iterable[str], owner: str) -> frozenset[str]:
        """What stands for ids and names: without the key nobody can try out what they are, for passwords are among
        them.  What is no UUID stands for the owner's own: who names a key pair "default" holds up nobody else."""
        return frozenset(self._mark(name if is_uuid(name) else f"{owner}\0{name}") for name in names)

    def _mark(self, text: str) -> str:
        return hmac.digest(self._names_key, text.encode("utf-8", "replace"), "sha256").hex()[:16]

    def seal(self, write: str, site: str, letter: Letter) -> bytes:
        """Bound to its write and site: moved to another row it does not open."""
        request = letter.request
        body = _in_words(request.body)
        said = [request.service, request.method, request.target, request.headers, body]
        token = letter.token and letter.token.value
        rest = [letter.scope, letter.own, letter.ids, token, letter.home, letter.entry, letter.hops, letter.source]
        came = [letter.host, letter.client, letter.scheme]
        caller = letter.caller and letter.caller.written()
        return self._seal.close(json.dumps([write, site, said, rest, came, caller]).encode())

    def open(self, write: str, site: str, sealed: bytes) -> Letter | None:
        """What was sealed; None when it was with another key, or for another row."""
        try:
            for_write, for_site, said, rest, came, *more = json.loads(self._seal.open(sealed))
        except ValueError:
            return None
        if (for_write, for_site) != (write, site):
            return None
        service, method, target, headers, body = said
        kept = self._spool.body(write, body) if isinstance(body, int) else Held(b64decode(body))
        request = Request(service, method, target, tuple((k, v) for k, v in headers), kept)
        scope, own, ids, token, *found = rest
        known = tuple((to, collection, here, there) for to, collection, here, there in ids)
        # Letters of releases of old do not tell who it was.
        caller = Identity.read(more[0]) if more and more[0] else None
        letter = Letter(request, scope, tuple(own), known, Token(token) if token else None, *found, *came)
        return replace(letter, caller=caller)

    def seal_login(self, owner: str, token: Token, home: str) -> bytes:
        """A login, bound to its owner."""
        return self._seal.close(json.dumps([owner, token.value, home]).encode())

    def open_login(self, owner: str, sealed: bytes) -> tuple[Token, str] | None:
        """The token of a login, and who issued it."""
        try:
            whose, token, home = json.loads(self._seal.open(sealed))
        except ValueError:
            return None
        return (Token(token), home) if whose == owner else None


def _in_words(body: Body) -> str | int:
    """A body as it is written down: what is held in base64, what is in the spool by its length."""
    if isinstance(body, Spooled):
        return body.length
    assert isinstance(body, Held), "what may have to be made again is kept before it is made"
    return b64encode(body.data).decode()
