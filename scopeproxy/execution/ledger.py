"""What this site's proxy must not forget, shared by its workers: request ids, long scopes, logins.

SQLAlchemy Core in threads of its own; each call is one short transaction.  Tokens are on disk only encrypted by a
key derived from the site's, and never in an error.  Logins are read from the database every time, so that one worker's
revocation holds for all at once; what never changes once written is kept in memory as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from scopeproxy.errors import ConfigurationError, SiteFailure
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token

# The revision that Alembic will find here, once there is a second one to migrate to.
REVISION = "0001"

# Seconds that a worker waits for another one's transaction.  Ours take well under a millisecond.
PATIENCE = 10

# Where the database is a server: threads for it, and how often a write that met another worker's is tried (servers
# answer two transactions that wait for each other by undoing one).
THREADS = 4
TRIES = 5

# Entries in memory in front of each table whose entries never change.
REMEMBERED = 4096

# Rows to a transaction of a purge, so that no other worker waits long.
BATCH = 500

_schema = sa.MetaData()
_digits, _name = sa.String(64), sa.String(255)

_revisions = sa.Table("alembic_version", _schema, sa.Column("version_num", sa.String(32), primary_key=True))
_requests = sa.Table(
    "requests",
    _schema,
    sa.Column("id", _digits, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("home", _name, nullable=False),
    sa.Column("entry", _name, nullable=False),
    sa.Column("hops", sa.Integer, nullable=False),
    sa.Column("project", _name),
    sa.Column("client_id", sa.Text),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
_scopes = sa.Table(
    "scopes",
    _schema,
    sa.Column("digest", _digits, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
_logins = sa.Table(
    "logins",
    _schema,
    sa.Column("fingerprint", _digits, primary_key=True),
    sa.Column("issuer", _name, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("validated", sa.Double, nullable=False),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
# Of a login at one more site: a sealed token, or why there is none.  `expires` is the token's, or else the login's.
_site_logins = sa.Table(
    "site_logins",
    _schema,
    sa.Column("login", _digits, primary_key=True),
    sa.Column("site", _name, primary_key=True),
    sa.Column("token", _digits, index=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("failure", sa.Text),
    sa.Column("expires", sa.Double, nullable=False, index=True),
)
_EXPIRING = (_requests, _scopes, _logins, _site_logins)

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
Work = Callable[[sa.Connection], T]


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """What a minted request id stands for.

    `home`: who issued the token, where that is not this site; `entry`: the site whose proxy keeps the login; `project`:
    whose token it came with; `client_id`: the client's own id.
    """

    id: str
    scope: str
    home: str
    entry: str
    hops: int
    project: str | None
    client_id: str | None
    expires: float


class Ledger:
    """The entries of one site, in one database, as one worker sees them."""

    def __init__(self, url: str, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._url, self._clock = url, clock
        self._safe = _Safe(key)
        self._requests: _Recent[str, RequestEntry] = _Recent()
        self._scopes: _Recent[str, tuple[str, float]] = _Recent()
        self._counts: dict[str, int] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._engine: sa.Engine | None = None
        self._tries = 1

    # ---- opening and closing

    async def open(self) -> None:
        """Open the database; make it, where there is none yet."""
        engine = _engine(self._url)
        # SQLite writes one at a time anyway, and one thread spares it the waiting for itself.
        alone = engine.dialect.name == "sqlite"
        threads = ThreadPoolExecutor(1 if alone else THREADS, "ledger")
        self._engine, self._threads, self._tries = engine, threads, 1 if alone else TRIES
        try:
            await asyncio.get_running_loop().run_in_executor(threads, _prepare, engine)
            self._counts = await self._run(_count)
        except (OSError, SQLAlchemyError, SiteFailure) as error:
            await self.close()
            raise _unusable(engine.url, error) from error
        except ConfigurationError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close it; safe to call more than once."""
        engine, threads, self._engine, self._threads = self._engine, self._threads, None, None
        if engine is not None and threads is not None:
            await asyncio.get_running_loop().run_in_executor(threads, engine.dispose)
            threads.shutdown()

    def describe(self) -> dict[str, int]:
        """How many rows each table had when it was last opened or purged: no query, so metrics may ask at any time."""
        return dict(self._counts)

    # ---- request ids

    async def remember_request(self, entry: RequestEntry) -> None:
        """Keep what a minted id stands for.  Written once: a second entry of the same id is a ValueError."""
        try:
            await self._run(lambda db: db.execute(_requests.insert(), _row(entry)), writes=True)
        except IntegrityError as error:
            raise ValueError(f"the request id {entry.id} was minted before") from error
        self._requests.put(entry.id, entry)

    async def request(self, id: str) -> RequestEntry | None:
        """What a minted id stands for; None when it is unknown or has expired."""
        entry = self._requests.get(id)
        if entry is None:
            entry = await self._run(partial(_request, id))
            if entry is not None:
                self._requests.put(id, entry)
        return entry if entry is not None and entry.expires > self._clock() else None

    # ---- scopes too long for a tag

    async def remember_scope(self, digest: str, text: str, expires: float) -> None:
        """Keep the text behind a digest, at least until then."""
        known = self._scopes.get(digest)
        if known is None or known[1] < expires:
            await self._write(partial(_put_scope, digest, text, expires))
            self._scopes.put(digest, (text, expires))

    async def scope_of(self, digest: str) -> str | None:
        """The text behind a digest; None when it is unknown or has expired."""
        known = self._scopes.get(digest)
        if known is None or known[1] <= self._clock():
            known = await self._run(partial(_scope, digest))
        if known is None or known[1] <= self._clock():
            return None
        self._scopes.put(digest, known)
        return known[0]

    # ---- logins

    async def remember_login(self, login: Login) -> None:
        """Keep a whole login, in the place of an earlier one of the same token."""
        rows = [_site_row(self._safe, login.fingerprint, login.identity.expires, site) for site in login.sites.values()]
        await self._write(partial(_put_login, login, rows))

    async def add_site_token(self, fingerprint: str, entry: SiteToken | FailedLogin) -> bool:
        """Add one site's outcome to a login.

        False when the login is gone (revoked meanwhile): nothing is kept, and a new token is the caller's to revoke.
        """
        return await self._write(partial(_put_site, self._safe, fingerprint, entry))

    async def login(self, fingerprint: str) -> Login | None:
        """The login of a client's token, less what has expired; None when it is unknown or has expired itself."""
        return self._alive(await self._run(partial(_login, self._safe, _logins.c.fingerprint == fingerprint)))

    async def login_by_site_token(self, fingerprint: str) -> Login | None:
        """The login of which a site's token has this fingerprint."""
        found = await self._run(partial(_login, self._safe, _logins.c.fingerprint.in_(_holding(fingerprint))))
        login = self._alive(found)
        tokens = [] if login is None else [site.token for site in login.sites.values() if isinstance(site, SiteToken)]
        return login if any(token.fingerprint == fingerprint for token in tokens) else None

    async def mark_validated(self, fingerprint: str, at: float) -> None:
        """The issuer vouched for the token at that time.  An earlier time than is known changes nothing."""
        known = (_logins.c.fingerprint == fingerprint) & (_logins.c.validated < at)
        await self._run(lambda db: db.execute(_logins.update().where(known).values(validated=at)), writes=True)

    async def forget_login(self, fingerprint: str) -> Login | None:
        """Forget a login and return what was held, so that the caller can revoke it at the sites."""
        return self._current(await self._write(partial(_drop_login, self._safe, fingerprint)))

    # ---- time

    async def purge(self) -> int:
        """Drop everything that has expired; returns how many rows."""
        dropped = 0
        for table in _EXPIRING:
            while batch := await self._write(partial(_drop_expired, table, self._clock())):
                dropped += batch
        self._counts = await self._run(_count)
        return dropped

    def _current(self, login: Login | None) -> Login | None:
        """The login less the sites' tokens that have expired."""
        if login is None:
            return None
        now = self._clock()
        return replace(login, sites={name: site for name, site in login.sites.items() if not _is_past(site, now)})

    def _alive(self, login: Login | None) -> Login | None:
        return None if login is None or login.identity.expires <= self._clock() else self._current(login)

    # ---- threads and transactions

    async def _write(self, work: Work[T]) -> T:
        """A transaction that replaces rows, and may be tried again."""
        return await self._run(work, writes=True, tries=self._tries)

    async def _run(self, work: Work[T], writes: bool = False, tries: int = 1) -> T:
        if self._engine is None or self._threads is None:
            raise RuntimeError("the ledger is not open")
        # A caller that is cancelled leaves the work to the thread: it is done whole, or not at all.
        job = partial(_transaction, self._engine, work, writes, tries)
        return await asyncio.get_running_loop().run_in_executor(self._threads, job)


class _Recent(Generic[K, V]):
    """The entries used last, for what never changes once it is written."""

    def __init__(self) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > REMEMBERED:
            self._entries.popitem(last=False)


class _Safe:
    """Seals what a site issued by a key derived from our site's, and opens it again."""

    def __init__(self, key: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"scopeproxy ledger v1").derive(key)
        self._fernet = Fernet(urlsafe_b64encode(derived))
        # By the sealed bytes, which are read from the database each time: it cannot outlive a revocation.
        self.open = lru_cache(REMEMBERED)(self._open)

    def seal(self, login: str, entry: SiteToken) -> bytes:
        """The token and whom it speaks for, bound to its login and site: moved to another row it does not open."""
        return self._fernet.encrypt(json.dumps([login, entry.site, entry.token.value, _said(entry.identity)]).encode())

    def _open(self, login: str, site: str, sealed: bytes) -> SiteToken | None:
        """What was sealed; None when it was with another key, or for another row."""
        try:
            for_login, for_site, token, identity = json.loads(self._fernet.decrypt(sealed))
        except (InvalidToken, ValueError):
            return None
        return SiteToken(site, Token(token), _identity(identity)) if (for_login, for_site) == (login, site) else None


# ---- the database as a whole


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        alone = parsed.get_backend_name() == "sqlite"
        options = {"timeout": PATIENCE} if alone else {}
        engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=not alone, connect_args=options)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError([f"proxy.state: not the URL of a database that can be used here: {error}"]) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _tune)
        sa.event.listen(engine, "begin", _begin)
    return engine


def _tune(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    # A commit is safe from kill -9 as soon as it is in the file; from a loss of power after the next checkpoint. An
    # fsync for each scoped call would cost more than the logins that a power cut may make necessary.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: sa.Connection) -> None:
    # A transaction that first reads and then writes would fail at once, without patience, if another worker wrote in
    # between: so writers say so from the start.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _transaction(engine: sa.Engine, work: Work[T], writes: bool, tries: int) -> T:
    while True:
        try:
            with engine.connect().execution_options(writes=writes) as connection, connection.begin():
                return work(connection)
        except DBAPIError as error:
            tries -= 1
            # After a lost connection we cannot know whether it was done; after any other error it was not.
            if tries and not error.connection_invalidated:
                continue
            if isinstance(error, IntegrityError):
                raise
            raise SiteFailure(f"the ledger of this site does not work: {error.orig}", 503) from error


def _prepare(engine: sa.Engine) -> None:
    """Make the file and the tables where they are missing, and find out whether we may write."""
    if engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
        _make_private(engine.url.database)
        _log_ahead(engine)
    try:
        _make_tables(engine)
    except DBAPIError:
        # Another worker made them at the same moment; what is really wrong is wrong again.
        _make_tables(engine)


def _make_tables(engine: sa.Engine) -> None:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        _schema.create_all(connection)
        found = connection.scalar(sa.select(_revisions.c.version_num))
        if found is None:
            connection.execute(_revisions.insert().values(version_num=REVISION))
        elif found != REVISION:
            raise ConfigurationError([f"proxy.state: {engine.url!r} holds revision {found}, not {REVISION}"])
        else:
            connection.execute(_revisions.update().values(version_num=found))


def _make_private(path: str) -> None:
    """A file for its owner only; SQLite gives its log files the same mode.

    We never open a file that exists: closing it would drop the locks that SQLite holds on it in this process.
    """
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        os.makedirs(folder, 0o700, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if os.stat(path).st_mode & 0o077:
            os.chmod(path, 0o600)


def _log_ahead(engine: sa.Engine) -> None:
    """Readers do not wait for the writer.  Stays with the file, so only its first opening changes anything."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                raw.execute("PRAGMA journal_mode = WAL").close()
                return
            except sqlite3.OperationalError as error:
                # SQLite does not use its patience here, when several workers open a new file at once.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


def _unusable(url: sa.URL, error: Exception) -> ConfigurationError:
    why = error.orig if isinstance(error, DBAPIError) else error
    return ConfigurationError([f"proxy.state: {url!r} cannot be opened, or not written to: {why}"])


def _count(db: sa.Connection) -> dict[str, int]:
    counts = [sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in _EXPIRING]
    return dict(zip((table.name for table in _EXPIRING), db.execute(sa.select(*counts)).one(), strict=True))


def _drop_expired(table: sa.Table, now: float, db: sa.Connection) -> int:
    """One batch of what has expired; with a login go its tokens, also those which would have lasted longer."""
    key = table.primary_key.columns[0]
    past = db.scalars(sa.select(key).where(table.c.expires <= now).limit(BATCH)).all()
    dropped = db.execute(table.delete().where(key.in_(past) & (table.c.expires <= now))).rowcount
    if table is _logins:
        dropped += db.execute(_site_logins.delete().where(_site_logins.c.login.in_(past))).rowcount
    return dropped


# ---- rows and what they stand for


def _row(entry: RequestEntry) -> dict[str, Any]:
    return {column.name: getattr(entry, column.name) for column in _requests.columns}


def _request(id: str, db: sa.Connection) -> RequestEntry | None:
    row = db.execute(_requests.select().where(_requests.c.id == id)).one_or_none()
    return None if row is None else RequestEntry(*row)


def _scope(digest: str, db: sa.Connection) -> tuple[str, float] | None:
    row = db.execute(sa.select(_scopes.c.text, _scopes.c.expires).where(_scopes.c.digest == digest)).one_or_none()
    return None if row is None else (row.text, row.expires)


def _put_scope(digest: str, text: str, expires: float, db: sa.Connection) -> None:
    known = _scope(digest, db)
    if known is None:
        db.execute(_scopes.insert().values(digest=digest, text=text, expires=expires))
    elif known[1] < expires:
        db.execute(_scopes.update().where(_scopes.c.digest == digest).values(expires=expires))


def _said(identity: Identity) -> list[object]:
    return [identity.user_id, identity.project_id, identity.expires, sorted(identity.roles)]


def _identity(said: list[Any]) -> Identity:
    user_id, project_id, expires, roles = said
    return Identity(user_id, project_id, expires, frozenset(roles))


def _site_row(safe: _Safe, login: str, expires: float, entry: SiteToken | FailedLogin) -> dict[str, Any]:
    row: dict[str, Any] = {"login": login, "site": entry.site, "token": None, "sealed": None, "failure": None}
    match entry:
        case SiteToken(_, token, identity):
            sealed = safe.seal(login, entry)
            return row | {"token": token.fingerprint, "sealed": sealed, "expires": identity.expires}
        case FailedLogin(_, status, why, at):
            return row | {"failure": json.dumps([status, why, at]), "expires": expires}


def _site(
    safe: _Safe, login: str, site: str, sealed: bytes | None, failure: str | None
) -> SiteToken | FailedLogin | None:
    if sealed is not None:
        return safe.open(login, site, sealed)
    return None if failure is None else FailedLogin(site, *json.loads(failure))


def _is_past(entry: SiteToken | FailedLogin, now: float) -> bool:
    return isinstance(entry, SiteToken) and entry.identity.expires <= now


def _holding(token: str) -> sa.Select[tuple[str]]:
    return sa.select(_site_logins.c.login).where(_site_logins.c.token == token)


_WHOLE_LOGIN = (
    sa.select(
        *(_logins.c.fingerprint, _logins.c.issuer, _logins.c.identity, _logins.c.validated),
        *(_site_logins.c.site, _site_logins.c.sealed, _site_logins.c.failure),
    )
    .join_from(_logins, _site_logins, _site_logins.c.login == _logins.c.fingerprint, isouter=True)
    .order_by(_logins.c.expires.desc(), _logins.c.fingerprint, _site_logins.c.site)
)


def _login(safe: _Safe, which: sa.ColumnElement[bool], db: sa.Connection) -> Login | None:
    """The login with its sites, in one query; of several the one that lasts longest."""
    rows = db.execute(_WHOLE_LOGIN.where(which)).all()
    if not rows:
        return None
    fingerprint, issuer, identity, validated, *_ = rows[0]
    sites = [
        _site(safe, fingerprint, row.site, row.sealed, row.failure) for row in rows if row.fingerprint == fingerprint
    ]
    by_name = {site.site: site for site in sites if site is not None}
    return Login(fingerprint, issuer, _identity(json.loads(identity)), validated, by_name)


def _put_login(login: Login, sites: Sequence[dict[str, Any]], db: sa.Connection) -> None:
    row = {
        "fingerprint": login.fingerprint,
        "issuer": login.issuer,
        "identity": json.dumps(_said(login.identity)),
        "validated": login.validated,
        "expires": login.identity.expires,
    }
    # Changed in place rather than deleted and made anew: others who wait for its lock then still find it.
    if _lock(login.fingerprint, db) is None:
        db.execute(_logins.insert().values(row))
    else:
        db.execute(_logins.update().where(_logins.c.fingerprint == login.fingerprint).values(row))
    db.execute(_site_logins.delete().where(_site_logins.c.login == login.fingerprint))
    if sites:
        db.execute(_site_logins.insert(), sites)


def _put_site(safe: _Safe, login: str, entry: SiteToken | FailedLogin, db: sa.Connection) -> bool:
    expires = _lock(login, db)
    if expires is None:
        return False
    db.execute(_site_logins.delete().where((_site_logins.c.login == login) & (_site_logins.c.site == entry.site)))
    db.execute(_site_logins.insert().values(_site_row(safe, login, expires, entry)))
    return True


def _drop_login(safe: _Safe, fingerprint: str, db: sa.Connection) -> Login | None:
    _lock(fingerprint, db)
    held = _login(safe, _logins.c.fingerprint == fingerprint, db)
    db.execute(_logins.delete().where(_logins.c.fingerprint == fingerprint))
    db.execute(_site_logins.delete().where(_site_logins.c.login == fingerprint))
    return held


def _lock(fingerprint: str, db: sa.Connection) -> float | None:
    """When the login expires, None if there is none.  Whoever changes a login or its sites does this first: until the
    end of the transaction it is then theirs alone, and no two wait for each other."""
    return db.scalar(sa.select(_logins.c.expires).where(_logins.c.fingerprint == fingerprint).with_for_update())
