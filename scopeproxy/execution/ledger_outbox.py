"""The ledger's table of what other sites' proxies have yet to be told, in the order in which it happened.

Functions of a connection; no threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from scopeproxy.execution.ledger_rows import schema

# Letters that may wait for one site; and of those that are due, how many are looked at in one go.
MOST = 100_000
BATCH = 100

outbox = sa.Table(
    "outbox",
    schema,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("site", sa.String(255), nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("made", sa.Double, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due", sa.Double, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a site is to be told: a method and a target, as `PUT /…`.  `tries`: how often that failed."""

    id: int
    site: str
    target: str
    made: float
    tries: int
    due: float


def post(site: str, target: str, now: float, db: sa.Connection) -> bool:
    """Have a site be told; False where too much waits for it already."""
    waiting = db.scalar(sa.select(sa.func.count()).select_from(outbox).where(outbox.c.site == site)) or 0
    if waiting < MOST:
        db.execute(outbox.insert().values(site=site, target=target, made=now, tries=0, due=now))
    return waiting < MOST


def due(sites: Iterable[str], now: float, db: sa.Connection) -> Sequence[Letter]:
    """The first letter of each of these sites, where it is due: what comes after waits for it."""
    first = sa.select(sa.func.min(outbox.c.id)).where(outbox.c.site.in_(list(sites))).group_by(outbox.c.site)
    rows = db.execute(outbox.select().where(outbox.c.id.in_(first) & (outbox.c.due <= now)).limit(BATCH))
    return [Letter(*row) for row in rows]


def take(letter: Letter, until: float, db: sa.Connection) -> bool:
    """Whether it is the caller's to deliver, until then: no other worker has taken it meanwhile."""
    mine = (outbox.c.id == letter.id) & (outbox.c.due == letter.due)
    return bool(db.execute(outbox.update().where(mine).values(due=until)).rowcount)


def hand_back(letter: Letter, until: float, now: float, db: sa.Connection) -> None:
    """Who took it until then does not deliver it: the next one may at once."""
    db.execute(outbox.update().where((outbox.c.id == letter.id) & (outbox.c.due == until)).values(due=now))


def done(letter: Letter, db: sa.Connection) -> None:
    """It was delivered, or never will be."""
    db.execute(outbox.delete().where(outbox.c.id == letter.id))


def put_off(letter: Letter, until: float, tries: int, db: sa.Connection) -> None:
    """It is tried again then."""
    db.execute(outbox.update().where(outbox.c.id == letter.id).values(due=until, tries=tries))
