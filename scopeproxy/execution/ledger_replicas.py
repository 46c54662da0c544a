"""The ledger's table of replica sets: which id is which at each site.

Functions of a connection; no threads.  A set is the rows of one `member_of`, two at least.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import sqlalchemy as sa

from scopeproxy.execution.ledger_rows import BATCH as BATCH
from scopeproxy.execution.ledger_rows import batched, schema
from scopeproxy.planning.replica_news import ReplicaSet as ReplicaSet

_name, _word = sa.String(255), sa.String(64)

# The longest that fits into the columns; what is longer is no id, and is not looked for.
LONGEST_ID = 255
_SURROGATE = re.compile("[\ud800-\udfff]")
LONGEST_WORD = 64

replicas = sa.Table(
    "replicas",
    schema,
    sa.Column("site", _name, primary_key=True),
    sa.Column("service", _word, primary_key=True),
    sa.Column("collection", _word, primary_key=True),
    sa.Column("id", _name, primary_key=True),
    sa.Column("member_of", _word, nullable=False),
    sa.Column("made", sa.Double, nullable=False),
    sa.UniqueConstraint("member_of", "site", name="replicas_once_at_a_site"),
    sa.Index("ix_replicas_id", "service", "id"),
)


Transaction = sa.Connection

# What is done with news in the same transaction: with a set as it now is, or with a member that is gone.
News = Callable[[ReplicaSet, sa.Connection], None]


def untold(news: ReplicaSet, db: sa.Connection) -> None:
    """Nobody is told."""


def learn(found: ReplicaSet, now: float, news: News, db: sa.Connection) -> bool:
    """Keep a set.  More sites are added to one that is known; False, and nothing changed, where what is known says
    otherwise: an id belongs to another set already, or the set has another id at that site."""
    known = _sets_with(found, db)
    if len(known) > 1:
        return False
    name = next(iter(known), None) or secrets.token_hex(16)
    has = known.get(name, {})
    if any(has.get(site, id_) != id_ for site, id_ in found.members.items()):
        return False
    rows = [
        {"site": site, "service": found.service, "collection": found.collection, "id": id_}
        | {"member_of": name, "made": now}
        for site, id_ in found.members.items()
        if site not in has
    ]
    if rows:
        db.execute(replicas.insert(), rows)
        news(replace(found, members={**has, **found.members}), db)
    return True


def _sets_with(found: ReplicaSet, db: sa.Connection) -> dict[str, dict[str, str]]:
    """The sets that have one of these members, each with all of its own."""
    of_kind = (replicas.c.service == found.service) & (replicas.c.collection == found.collection)
    is_member = sa.or_(*((replicas.c.site == site) & (replicas.c.id == id_) for site, id_ in found.members.items()))
    return _members(db.scalars(sa.select(replicas.c.member_of).where(of_kind & is_member)).all(), db)


def _members(names: Iterable[str], db: sa.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for some in batched(names):
        rows = sa.select(replicas.c.member_of, replicas.c.site, replicas.c.id).where(replicas.c.member_of.in_(some))
        for name, site, id_ in db.execute(rows.order_by(replicas.c.made, replicas.c.site)):
            found.setdefault(name, {})[site] = id_
    return found


def fits(id_: str) -> bool:
    """Whether an id can be kept: of some length, and text to every database, which half a surrogate pair and NUL are
    not."""
    return 0 < len(id_) <= LONGEST_ID and "\0" not in id_ and not _SURROGATE.search(id_)


def of(
    service: str, collection: str | None, ids: Iterable[str], db: sa.Connection, sites: Iterable[str] = ()
) -> dict[str, dict[str, str]]:
    """Each id that is a member of one set, with the members of that set by site; of several sets, of the one that has
    it at the first of these sites."""
    names: dict[str, dict[str, str]] = {}
    if not any_of_service(service, db):
        # Lists have many ids, and most deployments few sets.
        return {}
    for some in batched(id_ for id_ in ids if fits(id_)):
        which = (replicas.c.service == service) & replicas.c.id.in_(some)
        if collection is not None:
            which &= replicas.c.collection == collection
        for id_, site, name in db.execute(sa.select(replicas.c.id, replicas.c.site, replicas.c.member_of).where(which)):
            names.setdefault(id_, {})[site] = name
    order = tuple(sites)
    chosen = {id_: _chosen(at, order) for id_, at in names.items()}
    clear = {id_: name for id_, name in chosen.items() if name is not None}
    members = _members(clear.values(), db)
    return {id_: members[name] for id_, name in clear.items()}


def kin(services: Iterable[str], ids: Iterable[str], db: sa.Connection) -> dict[str, frozenset[str]]:
    """Of each id that is a member of any set of these services, the names of those sets."""
    found: dict[str, set[str]] = {}
    of_services = replicas.c.service.in_(list(services))
    for some in batched(id_ for id_ in ids if fits(id_)):
        for id_, name in db.execute(
            sa.select(replicas.c.id, replicas.c.member_of).where(of_services & replicas.c.id.in_(some))
        ):
            found.setdefault(id_, set()).add(name)
    return {id_: frozenset(names) for id_, names in found.items()}


def _chosen(at: Mapping[str, str], sites: Iterable[str]) -> str | None:
    """Of the sets, by site, of which an id is a member, the one that is meant.  An id that stands for different things
    at different sites (the 1 of nova's aggregates) tells nothing by itself."""
    first = next((at[site] for site in sites if site in at), None)
    return first or (next(iter(at.values())) if len(set(at.values())) == 1 else None)


def every(services: Iterable[str] | None, db: sa.Connection) -> list[ReplicaSet]:
    """All sets, of these services or of any, in the order in which they came to be known."""
    wanted = sa.select(replicas.c.member_of, replicas.c.service, replicas.c.collection, replicas.c.site, replicas.c.id)
    if services is not None:
        wanted = wanted.where(replicas.c.service.in_(list(services)))
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    for name, service, collection, site, id_ in db.execute(wanted.order_by(replicas.c.made, replicas.c.site)):
        found.setdefault(name, (service, collection, {}))[2][site] = id_
    return [ReplicaSet(*one) for one in found.values()]


def any_of_service(service: str, db: sa.Connection) -> bool:
    """Whether anything of this service is a replica."""
    return db.execute(sa.select(replicas.c.id).where(replicas.c.service == service).limit(1)).first() is not None


def any_of_kind(service: str, collection: str, sites: Iterable[str], db: sa.Connection) -> bool:
    """Whether anything of this kind at one of these sites is a replica."""
    which = (replicas.c.service == service) & (replicas.c.collection == collection) & replicas.c.site.in_(list(sites))
    return db.execute(sa.select(replicas.c.id).where(which).limit(1)).first() is not None


def forget(
    service: str, collection: str | None, site: str, id_: str, news: News, db: sa.Connection
) -> ReplicaSet | None:
    """Take a member out of its set; the set that it was of, with the member, or None when it was of none.

    Of one member alone there is nothing to tell: the set is gone with the last but one.
    """
    which = (replicas.c.service == service) & (replicas.c.site == site) & (replicas.c.id == id_)
    if collection is not None:
        which &= replicas.c.collection == collection
    row = db.execute(sa.select(replicas.c.member_of, replicas.c.collection).where(which)).first()
    if row is None:
        return None
    members = _members([row.member_of], db)[row.member_of]
    is_gone = replicas.c.member_of == row.member_of
    db.execute(replicas.delete().where(is_gone if len(members) <= 2 else is_gone & (replicas.c.site == site)))
    known = ReplicaSet(service, row.collection, members)
    news(known, db)
    return known
