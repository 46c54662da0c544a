"""The tables of the ledger, and how its rows and our values become one another.  Functions of a connection; no threads.

Tokens are on disk only sealed, by a key derived from the site's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from scopeproxy.execution.sealing import Seal
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token

# Rows to a transaction of a purge, so that no other worker waits long.
BATCH = 500

# Sealed tokens kept opened in memory.
OPENED = 4096

schema = sa.MetaData()
_digits, _name = sa.String(64), sa.String(255)

requests = sa.Table(
    "requests",
    schema,
    sa.Column("id", _digits, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("entry", _name, nullable=False),
    sa.Column("hops", sa.Integer, nullable=False),
    sa.Column("project", _name),
    sa.Column("client_id", sa.Text),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
scopes = sa.Table(
    "scopes",
    schema,
    sa.Column("digest", _digits, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
logins = sa.Table(
    "logins",
    schema,
    sa.Column("fingerprint", _digits, primary_key=True),
    sa.Column("issuer", _name, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("validated", sa.Double, nullable=False),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
# Of a login at one more site: a sealed token, or why there is none.  `expires` is the token's, or else the login's.
site_logins = sa.Table(
    "site_logins",
    schema,
    sa.Column("login", _digits, primary_key=True),
    sa.Column("site", _name, primary_key=True),
    sa.Column("token", _digits, index=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("failure", sa.Text),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
# Calls of peers that were honoured, so that no worker honours one again.
signatures = sa.Table(
    "signatures",
    schema,
    sa.Column("mac", _digits, primary_key=True),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
# How far lists over several sites were told, by what a client's next marker stands for.
pages = sa.Table(
    "pages",
    schema,
    sa.Column("key", _digits, primary_key=True),
    sa.Column("positions", sa.Text, nullable=False),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
# Keys to a query.
BATCH = 500

EXPIRING = (requests, scopes, logins, site_logins, signatures, pages)


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """What a minted request id stands for.

    `entry`: the site whose proxy keeps the login; `project`: whose token it came with; `client_id`: the client's own.
    Who issued a token is not here: services send theirs under the id of a user's call.
    """

    id: str
    scope: str
    entry: str
    hops: int
    project: str | None
    client_id: str | None
    expires: float


class Safe:
    """Seals what a site issued by a key derived from our site's, and opens it again."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key, b"scopeproxy ledger v1")
        # By the sealed bytes, which are read from the database each time: it cannot outlive a revocation.
        self.open = lru_cache(OPENED)(self._open)

    def seal(self, login: str, entry: SiteToken) -> bytes:
        """The token and whom it speaks for, bound to its login and site: moved to another row it does not open."""
        said = [login, entry.site, entry.token.value, entry.identity.written(), entry.account]
        return self._seal.close(json.dumps(said).encode())

    def _open(self, login: str, site: str, sealed: bytes) -> SiteToken | None:
        """What was sealed; None when it was with another key, or for another row."""
        try:
            for_login, for_site, token, identity, *account = json.loads(self._seal.open(sealed))
        except ValueError:
            return None
        if (for_login, for_site) != (login, site):
            return None
        return SiteToken(site, Token(token), Identity.read(identity), *account)


def count(db: sa.Connection) -> dict[str, int]:
    tables = schema.sorted_tables
    counts = [sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in tables]
    return dict(zip((table.name for table in tables), db.execute(sa.select(*counts)).one(), strict=True))


def drop_expired(table: sa.Table, now: float, db: sa.Connection) -> int:
    """One batch of what has expired; with a login go its tokens, also those which would have lasted longer."""
    key = table.primary_key.columns[0]
    past = db.scalars(sa.select(key).where(table.c.expires <= now).limit(BATCH)).all()
    dropped = db.execute(table.delete().where(key.in_(past) & (table.c.expires <= now))).rowcount
    if table is logins:
        dropped += db.execute(site_logins.delete().where(site_logins.c.login.in_(past))).rowcount
    return dropped


def request_row(entry: RequestEntry) -> dict[str, Any]:
    return {column.name: getattr(entry, column.name) for column in requests.columns}


def request(id: str, db: sa.Connection) -> RequestEntry | None:
    row = db.execute(requests.select().where(requests.c.id == id)).one_or_none()
    return None if row is None else RequestEntry(*row)


def scope_text(digest: str, db: sa.Connection) -> tuple[str, float] | None:
    row = db.execute(sa.select(scopes.c.text, scopes.c.expires).where(scopes.c.digest == digest)).one_or_none()
    return None if row is None else (row.text, row.expires)


def put_scope(digest: str, text: str, expires: float, db: sa.Connection) -> None:
    known = scope_text(digest, db)
    if known is None:
        db.execute(scopes.insert().values(digest=digest, text=text, expires=expires))
    elif known[1] < expires:
        db.execute(scopes.update().where(scopes.c.digest == digest).values(expires=expires))


def put_page(key: str, positions: str, expires: float, db: sa.Connection) -> None:
    known = db.execute(pages.update().where(pages.c.key == key).values(positions=positions, expires=expires))
    if not known.rowcount:
        db.execute(pages.insert().values(key=key, positions=positions, expires=expires))


def put_pages(found: Mapping[str, str], expires: float, db: sa.Connection) -> None:
    for some in batched(found):
        db.execute(pages.delete().where(pages.c.key.in_(some)))
        db.execute(pages.insert(), [{"key": key, "positions": found[key], "expires": expires} for key in some])


def pages_of(keys: Iterable[str], now: float, db: sa.Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in batched(keys):
        which = pages.c.key.in_(some) & (pages.c.expires > now)
        found.update(
            {key: str(text) for key, text in db.execute(sa.select(pages.c.key, pages.c.positions).where(which))}
        )
    return found


def batched(keys: Iterable[str]) -> Iterator[list[str]]:
    """The keys, each once, as many to a query as databases take well."""
    unique = list(dict.fromkeys(keys))
    return (unique[start : start + BATCH] for start in range(0, len(unique), BATCH))


def page(key: str, now: float, db: sa.Connection) -> str | None:
    found = db.execute(sa.select(pages.c.positions).where((pages.c.key == key) & (pages.c.expires > now))).first()
    return None if found is None else str(found.positions)


def site_row(safe: Safe, login: str, expires: float, entry: SiteToken | FailedLogin) -> dict[str, Any]:
    row: dict[str, Any] = {"login": login, "site": entry.site, "token": None, "sealed": None, "failure": None}
    match entry:
        case SiteToken(_, token, identity):
            sealed = safe.seal(login, entry)
            return row | {"token": token.fingerprint, "sealed": sealed, "expires": identity.expires}
        case FailedLogin(_, status, why, at):
            return row | {"failure": json.dumps([status, why, at]), "expires": expires}


def _site(
    safe: Safe, login: str, site: str, sealed: bytes | None, failure: str | None
) -> SiteToken | FailedLogin | None:
    if sealed is not None:
        return safe.open(login, site, sealed)
    return None if failure is None else FailedLogin(site, *json.loads(failure))


def is_past(entry: SiteToken | FailedLogin, now: float) -> bool:
    return isinstance(entry, SiteToken) and entry.identity.expires <= now


def holding(token: str) -> sa.Select[tuple[str]]:
    return sa.select(site_logins.c.login).where(site_logins.c.token == token)


_WHOLE_LOGIN = (
    sa.select(
        *(logins.c.fingerprint, logins.c.issuer, logins.c.identity, logins.c.validated),
        *(site_logins.c.site, site_logins.c.sealed, site_logins.c.failure),
    )
    .join_from(logins, site_logins, site_logins.c.login == logins.c.fingerprint, isouter=True)
    .order_by(logins.c.expires.desc(), logins.c.fingerprint, site_logins.c.site)
)


def login_where(safe: Safe, which: sa.ColumnElement[bool], db: sa.Connection) -> Login | None:
    """The login with its sites, in one query; of several the one that lasts longest."""
    rows = db.execute(_WHOLE_LOGIN.where(which)).all()
    if not rows:
        return None
    fingerprint, issuer, identity, validated, *_ = rows[0]
    sites = [
        _site(safe, fingerprint, row.site, row.sealed, row.failure) for row in rows if row.fingerprint == fingerprint
    ]
    by_name = {site.site: site for site in sites if site is not None}
    return Login(fingerprint, issuer, Identity.read(json.loads(identity)), validated, by_name)


def put_login(login: Login, sites: Sequence[dict[str, Any]], db: sa.Connection) -> None:
    row = {
        "fingerprint": login.fingerprint,
        "issuer": login.issuer,
        "identity": json.dumps(login.identity.written()),
        "validated": login.validated,
        "expires": login.identity.expires,
    }
    # Changed in place rather than deleted and made anew: others who wait for its lock then still find it.
    if _lock(login.fingerprint, db) is None:
        db.execute(logins.insert().values(row))
    else:
        db.execute(logins.update().where(logins.c.fingerprint == login.fingerprint).values(row))
    db.execute(site_logins.delete().where(site_logins.c.login == login.fingerprint))
    if sites:
        db.execute(site_logins.insert(), sites)


def put_first(login: Login, sites: Sequence[dict[str, Any]], db: sa.Connection) -> None:
    """Keep a login where none is kept for its token yet."""
    if _lock(login.fingerprint, db) is None:
        put_login(login, sites, db)


def put_site(safe: Safe, login: str, entry: SiteToken | FailedLogin, db: sa.Connection) -> bool:
    expires = _lock(login, db)
    if expires is None:
        return False
    db.execute(site_logins.delete().where((site_logins.c.login == login) & (site_logins.c.site == entry.site)))
    db.execute(site_logins.insert().values(site_row(safe, login, expires, entry)))
    return True


def drop_login(safe: Safe, fingerprint: str, db: sa.Connection) -> Login | None:
    _lock(fingerprint, db)
    held = login_where(safe, logins.c.fingerprint == fingerprint, db)
    db.execute(logins.delete().where(logins.c.fingerprint == fingerprint))
    db.execute(site_logins.delete().where(site_logins.c.login == fingerprint))
    return held


def _lock(fingerprint: str, db: sa.Connection) -> float | None:
    """When the login expires, None if there is none.  Whoever changes a login or its sites does this first: until the
    end of the transaction it is then theirs alone, and no two wait for each other."""
    return db.scalar(sa.select(logins.c.expires).where(logins.c.fingerprint == fingerprint).with_for_update())
