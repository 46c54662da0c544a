"""The journal of one site's proxy: writes over several sites, written down before they are sent, until every site has
done them.

What is decided about them is planning/journal.py's, how they are stored ledger_journal.py's; replay.py makes them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from scopeproxy.execution import ledger_journal as rows
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.ledger_journal import Connection, Draft, Envelope, Letter, Told
from scopeproxy.model.identity import Login, SiteToken, Token
from scopeproxy.model.messages import Outcome, Unreached
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.journal import QUIET, Entry, State, cancelled, held, names_in, touched

# Seconds for which an entry stays in hand without a word of whoever has it: then another process takes it over.
LEASE = 15.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A write that is written down: the entry of each site, and the sites at which it stands behind others."""

    write: str
    entries: Mapping[str, int]
    behind: frozenset[str]
    touches: frozenset[str]
    owner: str = ""


class Journal:
    """What the sites have yet to do, as one process sees it.

    `several`: whether others serve the same site by the same ledger.
    """

    def __init__(
        self, ledger: Ledger, key: bytes, several: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger, self._several, self._clock = ledger, several, clock
        self._envelope = Envelope(key)
        # Clients' writes that are under way, and entries that are being replayed.
        self._begun: set[str] = set()
        self._in_hand: set[int] = set()
        # One process needs nobody's leave, not even its own of before it was killed.
        self._name = secrets.token_hex(8) if several else "alone"

    # ---- a client's write

    async def begin(
        self,
        letters: Mapping[str, Letter],
        intent: Intent,
        owner: str,
        most: int,
        size: int,
        everywhere: bool,
        also: frozenset[str] = frozenset(),
    ) -> Begun | None:
        """Write down a write before it is sent: at every site (`everywhere`: the policy is to queue), or only at those
        where it must stand behind others; None where that is nowhere.

        `owner`: whose write it is; `also`: what other ids the resource is known by.  Raises SiteFailure where
        the journal would hold more than `most` writes, or `size` bytes, or cannot be written.
        """
        request = next(iter(letters.values())).request
        touches = self._envelope.marks(touched(request, intent) | also, owner)
        mentions, now = self._envelope.marks((*names_in(request), *also), owner), self._clock()
        write = secrets.token_hex(16)
        if not everywhere:
            waiting = await self._ledger.read(lambda db: rows.entries(letters, db))
            if not self.held(waiting, letters, touches, mentions):
                return None

        def work(db: Connection) -> Begun | None:
            behind = self.held(rows.entries(letters, db), letters, touches, mentions)
            sites = list(letters) if everywhere else sorted(behind)
            blank = Entry(0, write, "", intent.kind, not intent.beneath, now, touches, mentions)
            drafts = [Draft(replace(blank, site=site), owner, letters[site], site not in behind) for site in sites]
            if not drafts:
                return None
            ids = rows.put(self._envelope, drafts, most, size, now + LEASE, db)
            return Begun(write, dict(zip(sites, ids, strict=True)), behind, touches, owner)

        # Before it is there: nobody may take it for one that was left behind.
        self._begun.add(write)
        begun = None
        try:
            begun = await self._ledger.write(work, durable=True)
        finally:
            if begun is None:
                self._begun.discard(write)
        return begun

    @staticmethod
    def held(
        entries: Sequence[Entry], sites: Collection[str], touches: frozenset[str], mentions: frozenset[str]
    ) -> frozenset[str]:
        """The sites at which a write stands behind others."""
        return frozenset(site for site in sites if held(entries, site, touches, mentions))

    async def settle(self, begun: Begun, outcomes: Sequence[Outcome], ids: Mapping[str, str]) -> None:
        """What came of a write, before its client is told: what is queued stays, and all else is done with.

        `ids`: what was created, where it is known by now.
        """
        queued = {one.site: one for one in outcomes if isinstance(one, Unreached) and one.queued}
        # What it is known by: later writes name it so.
        names, now = begun.touches | self._envelope.marks(ids.values(), begun.owner), self._clock()

        def work(db: Connection) -> None:
            rows.drop([id_ for site, id_ in begun.entries.items() if site not in queued], db)
            entries = rows.entries(queued, db) if queued else []
            for entry in entries:
                outcome = queued[entry.site]
                if begun.entries.get(entry.site) != entry.id:
                    continue
                unneeded = cancelled(entries, entry)
                if unneeded:
                    rows.drop([entry.id, *(one.id for one in unneeded)], db)
                    continue
                unsure = outcome.sent and entry.site not in begun.behind
                waits = replace(entry, state=State.QUEUED, unsure=unsure, next_try=now + (QUIET if unsure else 0.0))
                waits = replace(waits, touches=names, mentions=entry.mentions | names)
                rows.keep(waits, outcome.why, ids, db)

        try:
            await self._ledger.write(work, durable=True)
        finally:
            # Where it could not be written, the entries are found as whoever is killed leaves them.
            self._begun.discard(begun.write)

    async def forget(self, begun: Begun) -> None:
        """A write that failed as a whole, and was told so."""
        await self._ledger.write(lambda db: rows.drop(begun.entries.values(), db))
        self._begun.discard(begun.write)

    # ---- replaying

    async def leads(self) -> bool:
        """Whether it is for this process to replay."""
        now = self._clock()
        return await self._ledger.write(lambda db: rows.lead("replay", self._name, now, now + LEASE, db))

    async def recover(self) -> int:
        """Say that what this process has in hand still is, and free what nobody has."""
        now = self._clock()

        def work(db: Connection) -> int:
            return rows.recover(now, now + LEASE, list(self._begun), list(self._in_hand), not self._several, db)

        return await self._ledger.write(work)

    async def entries(self) -> list[Entry]:
        """All that waits, in order."""
        return await self._ledger.read(lambda db: rows.entries(None, db))

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
        """The entry has still to be done."""
        await self._ledger.write(lambda db: rows.keep(entry, answer, {}, db))
        self._in_hand.discard(entry.id)

    async def done(self, entry: Entry, known: Mapping[str, str]) -> None:
        """The entry is done; `known`: the ids by which its resource is known now, also to the other sites' entries."""

        def work(db: Connection) -> None:
            names = self._envelope.marks(known.values(), rows.owner_of(entry.id, db))
            rows.drop([entry.id], db)
            siblings = [one for one in rows.entries(None, db) if one.write == entry.write] if known else []
            for one in siblings:
                rows.keep(replace(one, touches=one.touches | names, mentions=one.mentions | names), "", known, db)

        await self._ledger.write(work, durable=True)
        self._in_hand.discard(entry.id)

    def let_go(self, entry: Entry) -> None:
        """Whoever had it in hand does not know what became of it."""
        self._in_hand.discard(entry.id)

    # ---- logins

    async def logged_in(self, login: Login, token: Token) -> int:
        """Somebody has logged in under a scope: what waits for that goes on; returns how many entries."""
        people = [site.identity for site in login.sites.values() if isinstance(site, SiteToken)]
        owners = {owner_of(one.user_id, one.project_id) for one in people}
        if not await self._ledger.read(lambda db: rows.has_writes_of(owners, db)):
            return 0
        sites = [site.site for site in login.sites.values() if isinstance(site, SiteToken)]

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
        return await self._ledger.write(lambda db: rows.retry(ids, db))

    async def drop(self, ids: Collection[int]) -> int:
        """Give these up; returns how many there were."""
        return await self._ledger.write(lambda db: rows.drop(ids, db), durable=True)


def owner_of(user: str, project: str | None) -> str:
    """Whose login an entry can wait for."""
    return f"{user}:{project or ''}"
