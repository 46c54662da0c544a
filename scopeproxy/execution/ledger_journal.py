"""The journal's table in the ledger: writes that sites have yet to do.  Functions of a connection; no threads.

What a call said is on disk only sealed, by a key derived from the site's; in the clear are its method and path, the
site, and marks of the ids in it, which tell nothing without that key.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.ledger_rows import schema
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Held, Request
from scopeproxy.planning.intent import Kind, is_uuid
from scopeproxy.planning.journal import QUIET, Entry, State

_digits, _name = sa.String(64), sa.String(255)

# `size`: bytes that are sealed.  `until`: when whoever has it under way must have said so again.
journal = sa.Table(
    "journal",
    schema,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("write", _digits, nullable=False, index=True),
    sa.Column("site", _name, nullable=False),
    sa.Column("owner", _name, nullable=False, index=True),
    sa.Column("service", _name, nullable=False),
    sa.Column("method", _digits, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("kind", _digits, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Column("made", sa.Double, nullable=False),
    sa.Column("touches", sa.Text, nullable=False),
    sa.Column("mentions", sa.Text, nullable=False),
    sa.Column("state", _digits, nullable=False),
    sa.Column("unsure", sa.Boolean, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try", sa.Double, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("known", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    # A length, so that MySQL takes more than 64 KiB.
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
    sqlite_autoincrement=True,
)
# Of those who have writes here, the last login: `sites` that it has a token for, and the client's token sealed.
logins = sa.Table(
    "journal_logins",
    schema,
    sa.Column("owner", _name, primary_key=True),
    sa.Column("sites", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
)
# Who replays: one of all the processes that serve a site.
leases = sa.Table(
    "leases",
    schema,
    sa.Column("name", _digits, primary_key=True),
    sa.Column("holder", _digits, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)

Connection = sa.Connection

_ENTRY = (
    *(journal.c.id, journal.c.write, journal.c.site, journal.c.kind, journal.c.whole, journal.c.made),
    *(journal.c.touches, journal.c.mentions, journal.c.state, journal.c.unsure, journal.c.tries, journal.c.next_try),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A write as its caller made it, and whatever else it takes to make it again at one site.

    `scope`: the whole of it, selectors expanded; `own`: the ids of the caller's user and project, "" for none;
    `ids`: service, collection, id in the call and the site's own id for that, as they were known then; `token`: the
    client's; `home`, `entry`, `hops`, `source` as they were found with the call; `host`, `client`,
    `scheme`: how the client came.
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


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is to be written.  `under_way`: whether the call is made at once, or stands behind others."""

    entry: Entry
    owner: str
    letter: Letter
    under_way: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What an operator is shown of an entry.  `known`: the ids of the resource at the sites that have it."""

    entry: Entry
    service: str
    method: str
    path: str
    size: int
    answer: str
    known: Mapping[str, str] = field(default_factory=dict)


class Envelope:
    """Seals letters by a key derived from the site's, and opens them again."""

    def __init__(self, key: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"scopeproxy journal v1").derive(key)
        self._fernet = Fernet(urlsafe_b64encode(derived))
        self._names_key = HKDF(SHA256(), 32, salt=None, info=b"scopeproxy journal names v1").derive(key)

    def marks(self, names: Iterable[str], owner: str) -> frozenset[str]:
        """What stands for ids and names: without the key nobody can try out what they are, for passwords are among
        them.  What is no UUID stands for the owner's own: who names a key pair "default" holds up nobody else."""
        return frozenset(self._mark(name if is_uuid(name) else f"{owner}\0{name}") for name in names)

    def _mark(self, text: str) -> str:
        return hmac.digest(self._names_key, text.encode("utf-8", "replace"), "sha256").hex()[:16]

    def seal(self, write: str, site: str, letter: Letter) -> bytes:
        """Bound to its write and site: moved to another row it does not open."""
        request = letter.request
        assert isinstance(request.body, Held), "what may have to be made again is held before it is made"
        body = b64encode(request.body.data).decode()
        said = [request.service, request.method, request.target, request.headers, body]
        token = letter.token and letter.token.value
        rest = [letter.scope, letter.own, letter.ids, token, letter.home, letter.entry, letter.hops, letter.source]
        came = [letter.host, letter.client, letter.scheme]
        return self._fernet.encrypt(json.dumps([write, site, said, rest, came]).encode())

    def open(self, write: str, site: str, sealed: bytes) -> Letter | None:
        """What was sealed; None when it was with another key, or for another row."""
        try:
            for_write, for_site, said, rest, came = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError):
            return None
        if (for_write, for_site) != (write, site):
            return None
        service, method, target, headers, body = said
        request = Request(service, method, target, tuple((k, v) for k, v in headers), Held(b64decode(body)))
        scope, own, ids, token, *found = rest
        known = tuple((to, collection, here, there) for to, collection, here, there in ids)
        return Letter(request, scope, tuple(own), known, Token(token) if token else None, *found, *came)

    def seal_login(self, owner: str, token: Token, home: str) -> bytes:
        """A login, bound to its owner."""
        return self._fernet.encrypt(json.dumps([owner, token.value, home]).encode())

    def open_login(self, owner: str, sealed: bytes) -> tuple[Token, str] | None:
        """The token of a login, and who issued it."""
        try:
            whose, token, home = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError):
            return None
        return (Token(token), home) if whose == owner else None


# ---- reading


def entries(sites: Collection[str] | None, db: sa.Connection) -> list[Entry]:
    """The entries for these sites, or for all, in their order."""
    which = sa.true() if sites is None else journal.c.site.in_(sites)
    return [_entry(row) for row in db.execute(sa.select(*_ENTRY).where(which).order_by(journal.c.id))]


def told(db: sa.Connection) -> list[Told]:
    """All that waits, as an operator is shown it."""
    more = (journal.c.service, journal.c.method, journal.c.path, journal.c.size, journal.c.answer, journal.c.known)
    rows = db.execute(sa.select(*_ENTRY, *more).order_by(journal.c.id))
    return [
        Told(_entry(row), row.service, row.method, row.path, row.size, row.answer, json.loads(row.known))
        for row in rows
    ]


def letter(envelope: Envelope, id_: int, db: sa.Connection) -> tuple[Letter | None, dict[str, str]] | None:
    """What an entry holds, and the ids that its resource is known by; None where the entry is gone."""
    wanted = sa.select(journal.c.write, journal.c.site, journal.c.sealed, journal.c.known)
    row = db.execute(wanted.where(journal.c.id == id_)).one_or_none()
    return row and (envelope.open(row.write, row.site, row.sealed), json.loads(row.known))


def _entry(row: sa.Row[*tuple[Any, ...]]) -> Entry:
    return Entry(
        row.id, row.write, row.site, Kind(row.kind), row.whole, row.made, _set(row.touches), _set(row.mentions),
        State(row.state), row.unsure, row.tries, row.next_try,
    )  # fmt: skip


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ---- writing


def put(
    envelope: Envelope, drafts: Sequence[Draft], most: int, bytes_: int, until: float, db: sa.Connection
) -> list[int]:
    """Write these entries as being under way, and return their ids.

    Raises SiteFailure where that would be more than `most` entries or `bytes_` bytes in all.
    """
    sealed = [envelope.seal(draft.entry.write, draft.entry.site, draft.letter) for draft in drafts]
    have, size = db.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(journal.c.size), 0))).one()
    if have + len(drafts) > most or size + sum(map(len, sealed)) > bytes_:
        raise SiteFailure(
            f"scope: the journal is full ({have} writes, {size} bytes, of {most} and {bytes_}): nothing was sent; "
            "wait until the sites that it waits for are back, or use on-partial=undo or keep",
            507,
        )
    ids = []
    for draft, data in zip(drafts, sealed, strict=True):
        done = db.execute(journal.insert().values(_row(draft, data, until)))
        assert done.inserted_primary_key is not None
        ids.append(int(done.inserted_primary_key[0]))
    return ids


def _row(draft: Draft, sealed: bytes, until: float) -> dict[str, Any]:
    entry, request = draft.entry, draft.letter.request
    return {
        "write": entry.write,
        "site": entry.site,
        "owner": draft.owner,
        "service": request.service,
        "method": request.method,
        "path": request.path,
        "kind": entry.kind.value,
        "whole": entry.whole,
        "made": entry.made,
        "touches": _text(entry.touches),
        "mentions": _text(entry.mentions),
        "state": State.SENDING.value,
        "unsure": draft.under_way,
        "tries": 0,
        "next_try": entry.made,
        "until": until,
        "answer": "",
        "known": "{}",
        "size": len(sealed),
        "sealed": sealed,
    }


def _text(digests: frozenset[str]) -> str:
    return " ".join(sorted(digests))


def owner_of(id_: int, db: sa.Connection) -> str:
    """Whose an entry is."""
    return db.scalar(sa.select(journal.c.owner).where(journal.c.id == id_)) or ""


def claim(entry: Entry, unsure: bool, until: float, db: sa.Connection) -> bool:
    """Take an entry in hand; False where somebody else has, or it is gone."""
    where = (journal.c.id == entry.id) & (journal.c.state == State.QUEUED.value)
    return bool(db.execute(journal.update().where(where).values(state="sending", unsure=unsure, until=until)).rowcount)


def keep(entry: Entry, answer: str, known: Mapping[str, str], db: sa.Connection) -> None:
    """Write back an entry that has still to be done, and what is known of it by now."""
    values = {
        "state": entry.state.value,
        "unsure": entry.unsure,
        "tries": entry.tries,
        "next_try": entry.next_try,
        "answer": answer,
    }
    if known:
        values |= {"known": json.dumps(dict(known)), "touches": _text(entry.touches)}
        values |= {"mentions": _text(entry.mentions)}
    db.execute(journal.update().where(journal.c.id == entry.id).values(values))


def drop(ids: Collection[int], db: sa.Connection) -> int:
    return db.execute(journal.delete().where(journal.c.id.in_(ids))).rowcount


def recover(
    now: float, until: float, writes: Collection[str], ids: Collection[int], alone: bool, db: sa.Connection
) -> int:
    """Say that these writes and entries are still in hand, until then, and free what nobody has.

    `alone`: there is no other process, so that all others are nobody's.
    """
    ours = journal.c.write.in_(writes) | journal.c.id.in_(ids)
    sending = journal.c.state == State.SENDING.value
    if not alone and (writes or ids):
        db.execute(journal.update().where(sending & ours).values(until=until))
    lost = sending & ~ours if alone else sending & ~ours & (journal.c.until <= now)
    # What was sent just now may be under way still.
    then = sa.case((journal.c.unsure, now + QUIET), else_=now)
    return db.execute(journal.update().where(lost).values(state=State.QUEUED.value, next_try=then)).rowcount


def hurry(sites: Collection[str], now: float, quiet: float, db: sa.Connection) -> None:
    """These sites are back: what waits for them need not wait longer; `quiet`: until when what is unsure still does."""
    at = sa.case((journal.c.unsure, quiet), else_=now)
    where = journal.c.site.in_(sites) & (journal.c.state == State.QUEUED.value) & (journal.c.next_try > at)
    db.execute(journal.update().where(where).values(next_try=at))


def retry(ids: Collection[int], db: sa.Connection) -> int:
    """Try again, at once, what stopped or waits."""
    where = journal.c.id.in_(ids) & (journal.c.state != State.SENDING.value)
    return db.execute(journal.update().where(where).values(state=State.QUEUED.value, next_try=0.0, tries=0)).rowcount


def has_writes_of(owners: Collection[str], db: sa.Connection) -> bool:
    """Whether any of these has writes here."""
    return db.scalar(sa.select(journal.c.id).where(journal.c.owner.in_(owners)).limit(1)) is not None


def logged_in(
    envelope: Envelope, owner: str, token: Token, home: str, sites: Collection[str], db: sa.Connection
) -> int:
    """Somebody has logged in: where writes of theirs are here, the login is kept, and what waits for one goes on.

    `sites`: where the login has a token for; returns how many entries go on.
    """
    db.execute(logins.delete().where(logins.c.owner.not_in(sa.select(journal.c.owner))))
    # A login that had no token for any of the sites would only take the place of one that had.
    wanted = (journal.c.owner == owner) & journal.c.site.in_(sites)
    if db.scalar(sa.select(journal.c.id).where(wanted).limit(1)) is None:
        return 0
    values = {"sites": json.dumps(sorted(sites)), "sealed": envelope.seal_login(owner, token, home)}
    if not db.execute(logins.update().where(logins.c.owner == owner).values(values)).rowcount:
        db.execute(logins.insert().values(owner=owner, **values))
    waits = (journal.c.owner == owner) & (journal.c.state == State.WAITING.value) & journal.c.site.in_(sites)
    return sum(renew(envelope, id_, State.QUEUED, db) for id_ in db.scalars(sa.select(journal.c.id).where(waits)).all())


def renew(envelope: Envelope, id_: int, state: State, db: sa.Connection) -> bool:
    """Put the owner's last login in the place of the one that an entry was made with; False where that is none for its
    site, or the same."""
    row = db.execute(
        sa.select(journal.c.write, journal.c.site, journal.c.owner, journal.c.sealed).where(journal.c.id == id_)
    ).one_or_none()
    kept = row and db.execute(logins.select().where(logins.c.owner == row.owner)).one_or_none()
    if row is None or not kept or row.site not in json.loads(kept.sites):
        return False
    old, login = envelope.open(row.write, row.site, row.sealed), envelope.open_login(row.owner, kept.sealed)
    if old is None or login is None or old.token == login[0]:
        return False
    token, home = login
    request = old.request.with_header("X-Auth-Token", token.value)
    sealed = envelope.seal(row.write, row.site, replace(old, request=request, token=token, home=home))
    values = {"sealed": sealed, "size": len(sealed), "state": state.value, "next_try": 0.0}
    db.execute(journal.update().where(journal.c.id == id_).values(values))
    return True


def lead(name: str, holder: str, now: float, until: float, db: sa.Connection) -> bool:
    """Whether this one of the processes leads, now and until then if it does not say so again."""
    free = (leases.c.name == name) & ((leases.c.holder == holder) | (leases.c.until <= now))
    if db.execute(leases.update().where(free).values(holder=holder, until=until)).rowcount:
        return True
    if db.scalar(sa.select(leases.c.name).where(leases.c.name == name)) is not None:
        return False
    db.execute(leases.insert().values(name=name, holder=holder, until=until))
    return True
