"""The journal of one site's proxy: writes over several sites, written down before they are sent, until every site has
done them.

What is decided about them is planning/journal.py's, how they are stored ledger_journal.py's; replay.py makes them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from scopeproxy.errors import SiteFailure
from scopeproxy.execution import ledger_journal as rows
from scopeproxy.execution.envelope import Envelope, Letter
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.ledger_journal import Connection, Draft, Told
from scopeproxy.execution.spool import Spool, Spooled
from scopeproxy.model.identity import Login, SiteToken, Token
from scopeproxy.model.messages import Body, Outcome, Request, Unreached
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.journal import QUIET, Entry, State, cancelled, names_in, touched
from scopeproxy.planning.replica_news import ReplicaSet

# Seconds for which an entry stays in hand without a word of whoever has it: then another process takes it over.
LEASE = 15.0

# What stands in the place of something that was within the limits.
NO_LIMIT = 2**62

# Writes down what became of a write.
Telling = Callable[[Connection, bool], Collection[str]]


@dataclass(frozen=True, slots=True)
class Begun:
    """A write that is written down: its sites, and those of them at which it stands behind others.

    `drafts`: what is, or would be, written down for each site, alternatives included; `choices`: sites of which one has
    to do it, where the policy is to queue.
    """

    write: str
    sites: frozenset[str]
    behind: frozenset[str]
    drafts: Mapping[str, Draft]
    choices: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What a write is about: the ids of what it changes, the names in it, and whose it is."""

    intent: Intent
    touches: frozenset[str]
    mentions: frozenset[str]
    owner: str = ""

    @classmethod
    def of(cls, request: Request, intent: Intent, owner: str, also: frozenset[str] = frozenset()) -> About:
        """`also`: what other ids the resource is known by."""
        return cls(intent, touched(request, intent) | also, frozenset((*names_in(request), *also)), owner)


class Journal:
    """What the sites have yet to do, as one process sees it.

    `several`: whether others serve the same site by the same ledger; `spool`: the directory for data that are sent.
    """

    def __init__(
        self,
        ledger: Ledger,
        key: bytes,
        several: bool = False,
        clock: Callable[[], float] = time.time,
        spool: str | None = None,
    ) -> None:
        self._ledger, self._several, self._clock = ledger, several, clock
        self._spool = Spool(spool, key)
        self._envelope = Envelope(key, self._spool)
        # Clients' writes that are under way, and entries that are being replayed.
        self._begun: set[str] = set()
        self._in_hand: set[int] = set()
        # Of clients' writes, what became of them, where the ledger could not be told.
        self._untold: dict[str, Telling] = {}
        # One process needs nobody's leave, not even its own of before it was killed.
        self._name = secrets.token_hex(8) if several else "alone"

    # ---- a client's write

    async def begin(
        self,
        letters: Mapping[str, Letter],
        about: About,
        most: int,
        size: int,
        everywhere: bool,
        data: Spooled | None = None,
        choices: Sequence[Sequence[str]] | None = None,
    ) -> Begun | None:
        """Write down a write before it is sent: at every site (`everywhere`: the policy is to queue), or only at those
        where it must stand behind others; None where that is nowhere.

        `data`: what `keep` has taken, which belongs to the write from now on, if it is written down.  `choices`: the
        sites, where of some only one has to do it: it is written down for the first of them, until it is the `turn` of
        another.  Raises SiteFailure where the journal would hold more than `most` writes, or `size` bytes, or cannot be
        written.
        """
        touches, mentions = self._marks(about)
        intent, owner, now = about.intent, about.owner, self._clock()
        write = data.name if data is not None else secrets.token_hex(16)
        if not everywhere and not await self.in_the_way(about, letters):
            return None
        branches = tuple(map(tuple, choices or [[site] for site in letters]))

        def work(db: Connection) -> Begun | None:
            behind = rows.held(letters, touches, mentions, db)
            blank = Entry(0, write, "", intent.kind, not intent.beneath, now, touches, mentions)
            drafts = {
                site: Draft(replace(blank, site=site), owner, letter, site not in behind)
                for site, letter in letters.items()
            }
            able = [[site for site in some if everywhere or site in behind] for some in branches]
            first = [some[0] for some in able if some]
            if not first:
                return None
            rows.put(self._envelope, [drafts[site] for site in first], most, size, now + LEASE, db)
            return Begun(write, frozenset(first), behind, drafts, branches if everywhere else ())

        # Before it is there: nobody may take it for one that was left behind.
        self._begun.add(write)
        begun = None
        try:
            begun = await self._ledger.write(work, durable=True)
        finally:
            if begun is None:
                self._begun.discard(write)
            elif data is not None:
                data.let_go()
        return begun

    async def turn(self, begun: Begun, site: str) -> None:
        """A site is about to be sent the write instead of another, which did not do it and will not: that is written
        down before, so that whoever comes after us makes it at one of them alone."""
        others = next((some for some in begun.choices if site in some and len(some) > 1), None)
        if others is None:
            return

        def work(db: Connection) -> None:
            entries = [one for one in rows.of_write(begun.write, db) if one.site in others]
            if not any(one.site == site for one in entries):
                rows.drop([one.id for one in entries], db)
                rows.put(self._envelope, [begun.drafts[site]], NO_LIMIT, NO_LIMIT, self._clock() + LEASE, db)

        await self._ledger.write(work, durable=True)

    async def in_the_way(self, about: About, sites: Collection[str]) -> frozenset[str]:
        """Of these sites, those at which a write stands behind others."""
        touches, mentions = self._marks(about)
        return await self._ledger.read(lambda db: rows.held(sites, touches, mentions, db))

    def _marks(self, about: About) -> tuple[frozenset[str], frozenset[str]]:
        return (
            self._envelope.marks(about.touches, about.owner),
            self._envelope.marks(about.mentions, about.owner),
        )

    async def keep(self, body: Body, most: int) -> Spooled:
        """Take data in before anything is sent, onto the disk; `begin` or `give_up` come next.

        Raises SiteFailure where that would make more than `most` bytes of all data that wait.
        """
        return await self._spool.take(secrets.token_hex(16), body, most)

    async def give_up(self, data: Spooled) -> None:
        """These data belong to no write."""
        await self._spool.release(data.name)
        data.let_go()

    async def settle(self, begun: Begun, outcomes: Sequence[Outcome], ids: Mapping[str, str]) -> None:
        """What came of a write, before its client is told: what is queued stays, and all else is done with.

        `ids`: what was created, where it is known by now.
        """
        queued = {one.site: one for one in outcomes if isinstance(one, Unreached) and one.queued}
        owner = next(iter(begun.drafts.values())).owner
        names, now = self._envelope.marks(ids.values(), owner), self._clock()

        def work(db: Connection, again: bool) -> Collection[str]:
            gone, there = {begun.write}, rows.of_write(begun.write, db)
            over = [one for one in there if one.site not in queued]
            rows.own_change(over, now, db)
            rows.drop([one.id for one in over], db)
            if not again:
                # Of alternatives that nobody did, the one that gets it need not be the last that was tried.
                others = [begun.drafts[site] for site in queued if site not in {one.site for one in there}]
                rows.put(self._envelope, others, NO_LIMIT, NO_LIMIT, now + LEASE, db)
            for entry in rows.untold(begun.write, db):
                outcome = queued[entry.site]
                unneeded = cancelled(rows.line(entry.site, entry.touches, db), entry)
                if unneeded:
                    rows.drop([entry.id, *(one.id for one in unneeded)], db)
                    gone.update(one.write for one in unneeded)
                    continue
                unsure = outcome.sent and entry.site not in begun.behind
                waits = replace(entry, state=State.QUEUED, unsure=unsure, next_try=now + (QUIET if unsure else 0.0))
                # What it is known by: later writes name it so.
                known = entry.touches | names
                waits = replace(waits, touches=known, mentions=entry.mentions | known)
                rows.keep(waits, outcome.why, ids, db)
            return gone

        await self._tell(begun.write, work, False)

    async def forget(self, begun: Begun) -> None:
        """A write that failed as a whole, and was told so."""

        def work(db: Connection, again: bool) -> Collection[str]:
            over = rows.of_write(begun.write, db)
            rows.own_change(over, self._clock(), db)
            rows.drop([one.id for one in over], db)
            return (begun.write,)

        await self._tell(begun.write, work, False)

    async def _tell(self, write: str, work: Telling, again: bool) -> None:
        """Write down what became of a write.  Until that has worked it is in hand, and not made again; should we be
        killed before, it is found as one of which nobody knows.

        `work` is given whether it may have been done before, and gives the writes of which data may be left.
        """
        self._untold.pop(write, None)
        try:
            gone = await self._ledger.write(lambda db: work(db, again), durable=True)
        except SiteFailure:
            self._untold[write] = work
            raise
        self._begun.discard(write)
        for one in gone:
            await self._tidy(one)

    async def _tidy(self, write: str) -> None:
        """Delete the data of a write of which nothing is left."""
        if self._spool.holds(write) and not await self._ledger.read(lambda db: rows.of_write(write, db)):
            await self._spool.release(write)

    # ---- replaying

    async def leads(self) -> bool:
        """Whether it is for this process to replay."""
        now = self._clock()
        return await self._ledger.write(lambda db: rows.lead("replay", self._name, now, now + LEASE, db))

    async def recover(self) -> int:
        """Say that what this process has in hand still is, and free what nobody has."""
        for write, untold in list(self._untold.items()):
            await self._tell(write, untold, True)
        now = self._clock()

        def work(db: Connection) -> int:
            return rows.recover(now, now + LEASE, list(self._begun), list(self._in_hand), not self._several, db)

        return await self._ledger.write(work)

    async def entries(self, sites: Collection[str] | None = None) -> list[Entry]:
        """All that waits for these sites, or for all, in order."""
        return await self._ledger.read(lambda db: rows.entries(sites, db))

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many entries there are, by site and state."""
        return await self._ledger.read(rows.counts)

    async def data(self) -> int:
        """Bytes of the data that wait."""
        return await self._spool.size()

    async def sweep(self) -> int:
        """Delete the data that no write needs any more; returns how many there were."""

        async def wanted() -> Collection[str]:
            return await self._ledger.read(rows.writes_with_data)

        return await self._spool.sweep(wanted)

    async def hurry(self, sites: Collection[str], quiet: float) -> None:
        """These sites are back: what waits for them is tried now, and what is unsure after `quiet` seconds."""
        now = self._clock()
        await self._ledger.write(lambda db: rows.hurry(sites, now, now + quiet, db))

    async def take(self, entry: Entry) -> tuple[Letter | None, Mapping[str, str]] | None:
        """Take an entry in hand: what it holds, and the ids that its resource is known by; None where it is gone."""
        until = self._clock() + LEASE

        def work(db: Connection) -> tuple[Letter | None, Mapping[str, str]] | None:
            # From here on it may happen, as far as whoever comes after us can know.
            return rows.letter(self._envelope, entry.id, db) if rows.claim(entry, True, until, db) else None

        self._in_hand.add(entry.id)
        taken = await self._ledger.write(work, durable=True)
        if taken is None:
            self._in_hand.discard(entry.id)
        return taken

    async def give_back(self, entry: Entry, answer: str) -> None:
        """The entry has still to be done; one that is to wait for a login does not, where there was one meanwhile."""

        def work(db: Connection) -> None:
            rows.keep(entry, answer, {}, db)
            if entry.state is State.WAITING:
                rows.renew(self._envelope, entry.id, State.QUEUED, db)

        await self._ledger.write(work)
        self._in_hand.discard(entry.id)

    async def done(self, entry: Entry, made: ReplicaSet | None = None) -> None:
        """The entry is done; `made`: the ids by which what it made is known now, also to the other sites' entries, and
        to those behind them."""
        known = made.members if made else {}

        def work(db: Connection) -> None:
            names = self._envelope.marks(known.values(), rows.owner_of(entry.id, db))
            # As it is by now: it may have become known by more ids since.
            rows.own_change([one for one in rows.of_write(entry.write, db) if one.id == entry.id], self._clock(), db)
            rows.drop([entry.id], db)
            if made and made.collection:
                rows.name(self._envelope, made, db)
            siblings = rows.of_write(entry.write, db) if known else []
            for one in siblings:
                rows.keep(replace(one, touches=one.touches | names, mentions=one.mentions | names), None, known, db)

        await self._ledger.write(work, durable=True)
        self._in_hand.discard(entry.id)
        await self._tidy(entry.write)

    def let_go(self, entry: Entry) -> None:
        """Whoever had it in hand does not know what became of it."""
        self._in_hand.discard(entry.id)

    # ---- logins

    async def logged_in(self, login: Login, token: Token, covered: Callable[[Login], Collection[str]]) -> int:
        """Somebody has logged in under a scope: what waits for that goes on; returns how many entries.

        `covered`: the sites that are shown a token by such a login."""
        people = [site.identity for site in login.sites.values() if isinstance(site, SiteToken)]
        owners = {owner_of(one.user_id, one.project_id) for one in people}
        if not await self._ledger.read(lambda db: rows.has_writes_of(owners, db)):
            return 0
        sites = covered(login)

        def work(db: Connection) -> int:
            return sum(rows.logged_in(self._envelope, one, token, login.issuer, sites, db) for one in sorted(owners))

        return await self._ledger.write(work)

    async def renewed(self, entry: Entry) -> bool:
        """The site no longer takes the entry's token: whether its owner has logged in since, so that it goes on."""
        renewed = await self._ledger.write(lambda db: rows.renew(self._envelope, entry.id, State.QUEUED, db))
        if renewed:
            self._in_hand.discard(entry.id)
        return renewed

    # ---- operators

    async def told(self) -> list[Told]:
        """All that waits, as an operator is shown it."""
        return await self._ledger.read(rows.told)

    async def retry(self, ids: Collection[int]) -> int:
        """Try these again at once; returns how many there were that could be."""
        now = self._clock()
        return await self._ledger.write(lambda db: rows.retry(ids, now, db))

    async def drop(self, ids: Collection[int]) -> int:
        """Give these up; returns how many there were."""
        count = await self._ledger.write(lambda db: rows.drop(ids, db), durable=True)
        await self.sweep()
        return count


def owner_of(user: str, project: str | None) -> str:
    """Whose login an entry can wait for."""
    return f"{user}:{project or ''}"
