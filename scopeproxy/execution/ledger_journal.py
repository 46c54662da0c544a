"""The journal's table in the ledger: writes that sites have yet to do.  Functions of a connection; no threads.

What a call said is on disk only sealed, by a key derived from the site's; in the clear are its method and path, the
site, and marks of the ids in it, which tell nothing without that key.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.envelope import Envelope, Letter
from scopeproxy.execution.ledger_marks import having, mark, unmark
from scopeproxy.execution.ledger_rows import schema
from scopeproxy.execution.spool import Spooled
from scopeproxy.model.identity import Token
from scopeproxy.planning.intent import Kind, is_uuid
from scopeproxy.planning.journal import QUIET, Entry, State
from scopeproxy.planning.replica_news import ReplicaSet

_digits, _name = sa.String(64), sa.String(255)

# `size`: bytes of what was said, sealed, and of the marks; `data`: bytes that are in the spool, by the name of the
# write.  `until`: when whoever has it under way must have said so again.
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
    sa.Column("data", sa.BigInteger),
    sa.Column("since", sa.Double),
    # A length, so that MySQL takes more than 64 KiB.
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
    # What there is in all is told without reading it.
    sa.Index("ix_journal_size", "size"),
    sa.Index("ix_journal_where", "site", "state"),
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
    journal.c.since,
)


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
    data: int | None
    answer: str
    known: Mapping[str, str] = field(default_factory=dict)


# ---- reading


def entries(sites: Collection[str] | None, db: sa.Connection) -> list[Entry]:
    """The entries for these sites, or for all, in their order."""
    which = sa.true() if sites is None else journal.c.site.in_(sites)
    return [_entry(row) for row in db.execute(sa.select(*_ENTRY).where(which).order_by(journal.c.id))]


def of_write(write: str, db: sa.Connection) -> list[Entry]:
    """The entries of one write."""
    return [_entry(row) for row in db.execute(sa.select(*_ENTRY).where(journal.c.write == write))]


def untold(write: str, db: sa.Connection) -> list[Entry]:
    """The entries of a client's write of which nobody has said yet what became of them."""
    nothing = (journal.c.write == write) & (journal.c.state == State.SENDING.value) & (journal.c.answer == "")
    return [_entry(row) for row in db.execute(sa.select(*_ENTRY).where(nothing))]


def line(site: str, touches: frozenset[str], db: sa.Connection) -> list[Entry]:
    """The entries for a site that touch one of these, and all that touch or mention what those touch."""
    first = _with_marks(site, touches, (True,), db)
    return _with_marks(site, frozenset[str]().union(*(one.touches for one in first)), (True, False), db)


def _with_marks(site: str, wanted: Collection[str], touched: Collection[bool], db: sa.Connection) -> list[Entry]:
    found: dict[int, Entry] = {}
    for which in having(wanted, touched):
        rows = db.execute(sa.select(*_ENTRY).where((journal.c.site == site) & journal.c.id.in_(which)))
        found |= {row.id: _entry(row) for row in rows}
    return [found[id_] for id_ in sorted(found)]


def held(
    sites: Collection[str], touches: frozenset[str], mentions: frozenset[str], db: sa.Connection
) -> frozenset[str]:
    """Of these sites, those at which a new write stands behind others."""
    found: set[str] = set()
    for which in (*having(mentions, (True,)), *having(touches, (False,))):
        wanted = sa.select(journal.c.site).distinct().where(journal.c.id.in_(which) & journal.c.site.in_(sites))
        found.update(db.scalars(wanted))
    return frozenset(found)


def counts(db: sa.Connection) -> dict[tuple[str, str], int]:
    """How many entries there are, by site and state."""
    rows = db.execute(
        sa.select(journal.c.site, journal.c.state, sa.func.count()).group_by(journal.c.site, journal.c.state)
    )
    return {(site, state): count for site, state, count in rows}


def writes_with_data(db: sa.Connection) -> frozenset[str]:
    """The writes whose data are wanted."""
    return frozenset(db.scalars(sa.select(journal.c.write).where(journal.c.data.is_not(None))))


def told(db: sa.Connection) -> list[Told]:
    """All that waits, as an operator is shown it."""
    more = (journal.c.service, journal.c.method, journal.c.path, journal.c.size, journal.c.data)
    rows = db.execute(sa.select(*_ENTRY, *more, journal.c.answer, journal.c.known).order_by(journal.c.id))
    return [
        Told(_entry(row), row.service, row.method, row.path, row.size, row.data, row.answer, json.loads(row.known))
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
        State(row.state), row.unsure, row.tries, row.next_try, row.since or row.made,
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
    new = [_row(draft, data, until) for draft, data in zip(drafts, sealed, strict=True)]
    have, size = db.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(journal.c.size), 0))).one()
    if have + len(drafts) > most or size + sum(row["size"] for row in new) > bytes_:
        raise SiteFailure(
            f"scope: the journal is full ({have} writes, {size} bytes, of {most} and {bytes_}): nothing was sent; "
            "wait until the sites that it waits for are back, or use on-partial=undo or keep",
            507,
        )
    ids = []
    for draft, row in zip(drafts, new, strict=True):
        done = db.execute(journal.insert().values(row))
        assert done.inserted_primary_key is not None
        ids.append(int(done.inserted_primary_key[0]))
        mark(ids[-1], draft.entry, db)
    return ids


def _row(draft: Draft, sealed: bytes, until: float) -> dict[str, Any]:
    entry, request = draft.entry, draft.letter.request
    touches, mentions = _text(entry.touches), _text(entry.mentions)
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
        "touches": touches,
        "mentions": mentions,
        "state": State.SENDING.value,
        "unsure": draft.under_way,
        "tries": 0,
        "next_try": entry.made,
        "until": until,
        "answer": "",
        "known": "{}",
        "size": len(sealed) + len(touches) + len(mentions),
        "data": request.body.length if isinstance(request.body, Spooled) else None,
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


def keep(entry: Entry, answer: str | None, known: Mapping[str, str], db: sa.Connection) -> None:
    """Write back an entry that has still to be done, and what is known of it by now; `answer` None: as it was."""
    values: dict[str, Any] = {
        "state": entry.state.value,
        "unsure": entry.unsure,
        "tries": entry.tries,
        "next_try": entry.next_try,
    }
    if answer is not None:
        values["answer"] = answer
    if known:
        values |= {"known": json.dumps(dict(known)), "touches": _text(entry.touches)}
        values |= {"mentions": _text(entry.mentions)}
        unmark([entry.id], db)
        mark(entry.id, entry, db)
    db.execute(journal.update().where(journal.c.id == entry.id).values(values))


def name(envelope: Envelope, made: ReplicaSet, db: sa.Connection) -> None:
    """What was made has these ids: whoever mentions one of them is told what it is called at its own site.

    When its turn comes, nobody else may know: a delete that was done elsewhere has the set forgotten.  What is no UUID
    is another thing's at another site.
    """
    known = tuple(id_ for id_ in made.members.values() if is_uuid(id_))
    # A UUID's mark is the same, whoever has it.
    for which in having(envelope.marks(known, ""), (True, False)):
        wanted = sa.select(journal.c.id, journal.c.write, journal.c.site, journal.c.sealed, journal.c.size)
        behind = wanted.where(journal.c.id.in_(which) & journal.c.site.in_(made.members))
        for row in db.execute(behind).all():
            letter = envelope.open(row.write, row.site, row.sealed)
            if letter is None:
                continue
            ids = {(made.service, made.collection, id_): made.members[row.site] for id_ in known}
            ids |= {(service, collection, here): there for service, collection, here, there in letter.ids}
            told = replace(letter, ids=tuple((*key, there) for key, there in ids.items()))
            sealed = envelope.seal(row.write, row.site, told)
            values = {"sealed": sealed, "size": row.size + len(sealed) - len(row.sealed)}
            db.execute(journal.update().where(journal.c.id == row.id).values(values))


def drop(ids: Collection[int], db: sa.Connection) -> int:
    """Delete these entries; returns how many there were."""
    unmark(ids, db)
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


def own_change(entries: Collection[Entry], now: float, db: sa.Connection) -> None:
    """These have been made: what stands behind them may find that there was a change, and it was ours."""
    for entry in entries:
        for which in (*having(entry.touches, (False,)), *having(entry.mentions, (True,))):
            behind = (journal.c.site == entry.site) & (journal.c.id > entry.id) & journal.c.id.in_(which)
            db.execute(journal.update().where(behind).values(since=now))


def hurry(sites: Collection[str], now: float, quiet: float, db: sa.Connection) -> None:
    """These sites are back: what waits for them need not wait longer; `quiet`: until when what is unsure still does."""
    at = sa.case((journal.c.unsure, quiet), else_=now)
    where = journal.c.site.in_(sites) & (journal.c.state == State.QUEUED.value) & (journal.c.next_try > at)
    db.execute(journal.update().where(where).values(next_try=at))


def retry(ids: Collection[int], now: float, db: sa.Connection) -> int:
    """Try again, at once, what stopped or waits; what was changed at the site until now is known by now."""
    where = journal.c.id.in_(ids) & (journal.c.state != State.SENDING.value)
    values = {"state": State.QUEUED.value, "next_try": 0.0, "tries": 0, "since": now}
    return db.execute(journal.update().where(where).values(values)).rowcount


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
    size = journal.c.size + (len(sealed) - len(row.sealed))
    values = {"sealed": sealed, "size": size, "state": state.value, "next_try": 0.0}
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
