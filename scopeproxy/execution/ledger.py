"""What this site's proxy must not forget, shared by its workers: request ids, long scopes, logins, replicas,
writes that wait.

SQLAlchemy Core in threads of its own; each call is one short transaction.  Tokens are on disk only encrypted by a
key derived from the site's, and never in an error.  Logins are read from the database every time, so that one worker's
revocation holds for all at once; what never changes once written is kept in memory as well.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from scopeproxy.errors import ConfigurationError, SiteFailure
from scopeproxy.execution import ledger_journal as ledger_journal
from scopeproxy.execution import ledger_outbox as ledger_outbox
from scopeproxy.execution import ledger_replicas as ledger_replicas
from scopeproxy.execution import ledger_rows as rows
from scopeproxy.execution.ledger_database import T, Work, engine_for, prepare, transaction, unusable
from scopeproxy.execution.ledger_rows import RequestEntry as RequestEntry
from scopeproxy.execution.under_way import UnderWay
from scopeproxy.model.identity import FailedLogin, Login, SiteToken

# Where the database is a server: threads for it, and how often a write that met another worker's is tried (servers
# answer two transactions that wait for each other by undoing one).
THREADS = 4
TRIES = 5

# Entries in memory in front of each table whose entries never change.
REMEMBERED = 4096

K = TypeVar("K")
V = TypeVar("V")


class Ledger:
    """The entries of one site, in one database, as one worker sees them."""

    def __init__(self, url: str, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._url, self._clock = url, clock
        self._safe = rows.Safe(key)
        self._requests: _Recent[str, RequestEntry] = _Recent()
        self._scopes: _Recent[str, tuple[str, float]] = _Recent()
        self._under_way = UnderWay()
        self._counts: dict[str, int] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._engine: sa.Engine | None = None
        self._tries = 1

    # ---- opening and closing

    async def open(self) -> None:
        """Open the database; make it, where there is none yet."""
        engine = engine_for(self._url)
        # SQLite writes one at a time anyway, and one thread spares it the waiting for itself.
        alone = engine.dialect.name == "sqlite"
        threads = ThreadPoolExecutor(1 if alone else THREADS, "ledger")
        self._engine, self._threads, self._tries = engine, threads, 1 if alone else TRIES
        try:
            await asyncio.get_running_loop().run_in_executor(threads, prepare, engine)
            self._counts = await self._run(rows.count)
        except (OSError, SQLAlchemyError, SiteFailure) as error:
            await self.close()
            raise unusable(engine.url, error) from error
        except ConfigurationError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close it; safe to call more than once."""
        engine, threads, self._engine, self._threads = self._engine, self._threads, None, None
        if engine is not None and threads is not None:
            # What a caller that went away has left to a thread still holds its connection.
            await asyncio.to_thread(threads.shutdown)
            await asyncio.to_thread(engine.dispose)

    def describe(self) -> dict[str, int]:
        """How many rows each table had when it was last opened or purged: no query, so metrics may ask at any time."""
        return dict(self._counts)

    # ---- request ids

    async def remember_request(self, entry: RequestEntry) -> None:
        """Keep what a minted id stands for.  Written once: a second entry of the same id is a ValueError."""
        try:
            await self._run(lambda db: db.execute(rows.requests.insert(), rows.request_row(entry)), writes=True)
        except IntegrityError as error:
            raise ValueError(f"the request id {entry.id} was minted before") from error
        self._requests.put(entry.id, entry)

    async def request(self, id: str) -> RequestEntry | None:
        """What a minted id stands for; None when it is unknown or has expired."""
        entry = self._requests.get(id)
        if entry is None:
            entry = await self._run(partial(rows.request, id))
            if entry is not None:
                self._requests.put(id, entry)
        return entry if entry is not None and entry.expires > self._clock() else None

    # ---- scopes too long for a tag

    async def remember_scope(self, digest: str, text: str, expires: float) -> None:
        """Keep the text behind a digest, at least until then."""
        known = self._scopes.get(digest)
        if known is None or known[1] < expires:
            await self._write(partial(rows.put_scope, digest, text, expires))
            self._scopes.put(digest, (text, expires))

    async def scope_of(self, digest: str) -> str | None:
        """The text behind a digest; None when it is unknown or has expired."""
        known = self._scopes.get(digest)
        if known is None or known[1] <= self._clock():
            known = await self._run(partial(rows.scope_text, digest))
        if known is None or known[1] <= self._clock():
            return None
        self._scopes.put(digest, known)
        return known[0]

    # ---- logins

    async def remember_login(self, login: Login) -> None:
        """Keep a whole login, in the place of an earlier one of the same token."""
        await self._write(partial(rows.put_login, login, self._sites(login)))

    def _sites(self, login: Login) -> list[dict[str, object]]:
        expires = login.identity.expires
        return [rows.site_row(self._safe, login.fingerprint, expires, site) for site in login.sites.values()]

    async def login_or(self, login: Login) -> Login:
        """The login that is kept for this token; where there is none, this one from now on."""
        known = await self.login(login.fingerprint)
        if known is None:
            # Others of the same token may have been as fast, and have added to theirs by now.
            await self._write(partial(rows.put_first, login, self._sites(login)))
        return known or login

    async def add_site_token(self, fingerprint: str, entry: SiteToken | FailedLogin) -> bool:
        """Add one site's outcome to a login.

        False when the login is gone (revoked meanwhile): nothing is kept, and a new token is the caller's to revoke.
        """
        return await self._write(partial(rows.put_site, self._safe, fingerprint, entry))

    async def login(self, fingerprint: str) -> Login | None:
        """The login of a client's token, less what has expired; None when it is unknown or has expired itself."""
        return self._alive(await self._login_where(fingerprint, rows.logins.c.fingerprint == fingerprint))

    async def login_by_site_token(self, fingerprint: str) -> Login | None:
        """The login of which a site's token has this fingerprint."""
        holding = rows.logins.c.fingerprint.in_(rows.holding(fingerprint))
        login = self._alive(await self._login_where(f"holding {fingerprint}", holding))
        tokens = [] if login is None else [site.token for site in login.sites.values() if isinstance(site, SiteToken)]
        return login if any(token.fingerprint == fingerprint for token in tokens) else None

    async def _login_where(self, key: str, which: sa.ColumnElement[bool]) -> Login | None:
        return await self._under_way.once(key, lambda: self._run(partial(rows.login_where, self._safe, which)))

    async def mark_validated(self, fingerprint: str, at: float) -> None:
        """The issuer vouched for the token at that time.  An earlier time than is known changes nothing."""
        known = (rows.logins.c.fingerprint == fingerprint) & (rows.logins.c.validated < at)
        await self._run(lambda db: db.execute(rows.logins.update().where(known).values(validated=at)), writes=True)

    async def forget_login(self, fingerprint: str) -> Login | None:
        """Forget a login and return what was held, so that the caller can revoke it at the sites."""
        return self._current(await self._write(partial(rows.drop_login, self._safe, fingerprint)))

    async def note_revoked(self, fingerprint: str, until: float) -> None:
        """Remember, until then, that a token was revoked before it would have expired."""
        await self.keep_page(_revoked(fingerprint), "", until)

    async def was_revoked(self, fingerprint: str) -> bool:
        """Whether a token is known to have been revoked before it would have expired."""
        return await self.page(_revoked(fingerprint)) is not None

    # ---- lists over several sites

    async def keep_page(self, key: str, positions: str, expires: float) -> None:
        """Keep how far a list was told, by what the client's next marker stands for."""
        await self._write(partial(rows.put_page, key, positions, expires))

    async def keep_pages(self, found: Mapping[str, str], expires: float) -> None:
        """Keep several at once.  Where another worker keeps the same at the same time, once is enough."""
        with suppress(IntegrityError):
            await self._write(partial(rows.put_pages, found, expires))

    async def pages(self, keys: Iterable[str]) -> dict[str, str]:
        """Those of the keys under which something is kept."""
        return await self._run(partial(rows.pages_of, tuple(keys), self._clock()))

    async def page(self, key: str) -> str | None:
        """How far a list was told; None when that is unknown or has expired."""
        return await self._run(partial(rows.page, key, self._clock()))

    # ---- signatures

    async def first_time(self, mac: str, expires: float) -> bool:
        """Whether no worker has seen this signature yet; all remember it until it expires."""
        try:
            await self._run(
                lambda db: db.execute(rows.signatures.insert().values(mac=mac, expires=expires)), writes=True
            )
        except IntegrityError:
            return False
        return True

    # ---- time

    async def purge(self) -> int:
        """Drop everything that has expired; returns how many rows."""
        dropped = 0
        for table in rows.EXPIRING:
            while batch := await self._write(partial(rows.drop_expired, table, self._clock())):
                dropped += batch
        self._counts = await self._run(rows.count)
        return dropped

    def _current(self, login: Login | None) -> Login | None:
        """The login less the sites' tokens that have expired."""
        if login is None:
            return None
        now = self._clock()
        return replace(login, sites={name: site for name, site in login.sites.items() if not rows.is_past(site, now)})

    def _alive(self, login: Login | None) -> Login | None:
        return None if login is None or login.identity.expires <= self._clock() else self._current(login)

    # ---- tables with a module of their own

    async def read(self, work: Work[T]) -> T:
        """What is found in one transaction."""
        return await self._run(work)

    async def write(self, work: Work[T], durable: bool = False) -> T:
        """What comes of one transaction that changes rows; it is tried again where another worker's came between.

        `durable`: what it wrote outlasts a loss of power, too.
        """
        return await self._run(work, writes=True, tries=self._tries, durable=durable)

    # ---- threads and transactions

    async def _write(self, work: Work[T]) -> T:
        """A transaction that replaces rows, and may be tried again."""
        return await self._run(work, writes=True, tries=self._tries)

    async def _run(self, work: Work[T], writes: bool = False, tries: int = 1, durable: bool = False) -> T:
        if self._engine is None or self._threads is None:
            raise RuntimeError("the ledger is not open")
        # A caller that is cancelled leaves the work to the thread: it is done whole, or not at all.
        job = partial(transaction, self._engine, work, writes, tries, durable)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, job)
        finally:
            if writes:
                self._under_way.outdate()


def _revoked(fingerprint: str) -> str:
    return sha256(f"revoked {fingerprint}".encode()).hexdigest()


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
