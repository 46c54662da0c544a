"""`scopeproxy audit`: are the members of replica sets where they should be, and alike; and mending those that are not.

The sets are those of the site's ledger; the sites are asked at its own fronts, by the operator's account.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from scopeproxy.edges.account import Account, account
from scopeproxy.edges.config import load, own_site
from scopeproxy.edges.entry import Entry
from scopeproxy.edges.findings import leads_to
from scopeproxy.edges.state import state_of
from scopeproxy.edges.tables import table
from scopeproxy.errors import CallerError, ConfigurationError, Forbidden
from scopeproxy.execution.auditing import Auditing
from scopeproxy.execution.replicas import Replicas
from scopeproxy.lang.parser import parse_command_line
from scopeproxy.lang.scope import At, Scope, all_of, sites_of
from scopeproxy.lang.suggestions import did_you_mean, suggestion
from scopeproxy.model.topology import Topology, vocabulary
from scopeproxy.planning.audit import Finding, State, as_told, summed
from scopeproxy.planning.replica_news import ReplicaSet
from scopeproxy.planning.selectors import expand

_COLUMNS = ("service", "collection", "name", "site", "state", "what", "mended", "remains")

_MENDED = (State.MISSING, State.DIFFERENT)

# Characters of a cell: what was not mended tells why.
_WIDEST = 200

# Seconds between two lines that tell how far it is.
_EVERY = 2.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be audited, and what done about it.  `scope`, `services`: as they were written; none: all of them."""

    scope: Sequence[str] = ()
    services: Sequence[str] = ()
    repair_from: str | None = None
    forget: bool = False


def audit(
    path: Path, here: str, wish: Wish, environ: Mapping[str, str], form: str = "table", report: Report = print
) -> tuple[str, int]:
    """What `scopeproxy audit` prints, and its exit code: 0 nothing differs, 1 something does, or is still so.

    Raises ConfigurationError, or CallerError, for what is wrong with the command; nothing was asked then.
    """
    topology = load(path)
    site = own_site(topology, here)
    chosen = _chosen(topology, here, wish)
    who = account(environ, "scopeproxy audit")
    keystone = site.services.get("identity")
    if keystone is None or not leads_to(who.auth_url, keystone.front):
        front = keystone.front if keystone else "none"
        mistake = f"the account is of {who.auth_url}, and the keystone front of {here} is {front}: it is asked there"
        raise ConfigurationError([mistake])
    rows, sets = asyncio.run(_Audit(topology, here, wish, chosen, who, report).run())
    if form == "json":
        text = json.dumps({"sets": sets, "findings": [as_told(row) for row in rows]}, indent=2, ensure_ascii=False)
    else:
        text = table(_COLUMNS, [_cells(row) for row in rows], _WIDEST) if rows else f"{_sets(sets)}: no difference"
    return text, 1 if any(row.remains for row in rows) else 0


# ---- what is chosen


Chosen = Callable[[ReplicaSet], ReplicaSet | None]


def _chosen(topology: Topology, here: str, wish: Wish) -> Chosen:
    """Of each set what is to be looked at: the members at the wanted sites, and at the one that others are to be like;
    None, if that is nothing."""
    words = vocabulary(topology)
    services = [words.service(name) for name in wish.services]
    for name, service in zip(wish.services, services, strict=True):
        if service is None:
            raise CallerError(f"unknown service {name!r}{did_you_mean(name, words.services)}")
    if wish.repair_from is not None and wish.repair_from not in topology.sites:
        known = suggestion(wish.repair_from, topology.sites)
        raise CallerError(f"--repair-from: unknown site {wish.repair_from!r}{known}")
    scope = parse_command_line(wish.scope, words) if wish.scope else Scope()
    if scope:
        scope = expand(scope, topology, here, topology.round_trip)

    order = {site: number for number, site in enumerate(topology.sites)}

    def of(found: ReplicaSet) -> ReplicaSet | None:
        location = scope.location(found.service)
        if (services and found.service not in services) or (scope and location is None):
            return None
        wanted = found.members.keys() if location is None else {*sites_of(location), wish.repair_from}
        sites = sorted(found.members, key=lambda site: order.get(site, len(order)))
        kept = {site: found.members[site] for site in sites if site in wanted}
        return replace(found, members=kept) if kept else None

    return of


# ---- carrying it out


@dataclass(frozen=True, slots=True)
class _Audit:
    topology: Topology
    here: str
    wish: Wish
    chosen: Chosen
    account: Account
    report: Report

    async def run(self) -> tuple[list[Finding], int]:
        """The findings, and of how many sets."""
        async with state_of(self.topology.sites[self.here].proxy, self.here).opened() as ledger:
            replicas = Replicas(ledger, self.here)
            sets = [found for one in await replicas.every() if (found := self.chosen(one)) is not None]
            if not sets:
                return [], 0
            if waiting := ledger.describe().get("journal"):
                self.report(f"audit: the journal of {self.here} holds writes that sites have yet to do: {waiting}")
            self.account.under(self._scope(sets))
            if self.wish.forget and "admin" not in await self.account.roles():
                raise Forbidden("--forget needs the role admin: what others may not see looks as if it were missing")
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session:
                entry = Entry(self.topology, self.here, self.account, session)
                progress = _Progress(len(sets), self.report)
                auditing = Auditing(
                    entry.ask, replicas, self.wish.repair_from, await self.account.project(), progress.told
                )
                rows = await auditing.look(sets)
                return summed([row for found in await self._mended(auditing, sets, rows) for row in found]), len(sets)

    def _scope(self, sets: Sequence[ReplicaSet]) -> Scope:
        """What is logged in under: every site that is asked, this one first."""
        sites = dict.fromkeys((self.here, *(site for one in sets for site in one.members)))
        known = [At(site) for site in sites if site in self.topology.sites]
        with_keystone = [one for one in known if "identity" in self.topology.sites[one.site].services]
        return Scope((("identity", all_of(with_keystone)),))

    async def _mended(
        self, auditing: Auditing, sets: Sequence[ReplicaSet], rows: list[list[Finding]]
    ) -> list[list[Finding]]:
        """One set after the other, in the order in which they were made: what is referred to comes first."""
        wanted = [number for number, found in enumerate(rows) if any(row.state in _MENDED for row in found)]
        now = list(sets)
        for number in wanted if self.wish.repair_from or self.wish.forget else ():
            first = rows[number][0]
            self.report(f"audit: mending {first.collection} {first.name or first.id}")
            if self.wish.forget:
                rows[number] = await auditing.forget(sets[number], rows[number])
            else:
                now[number], rows[number] = await auditing.repair(sets[number], rows[number])
        for number in wanted if self.wish.repair_from else ():
            # A group is whole when its rules are.
            rows[number] = await auditing.look_again(now[number], rows[number])
        return rows


class _Progress:
    """Tells how far it is, now and then."""

    def __init__(self, sets: int, report: Report, now: Callable[[], float] = time.monotonic) -> None:
        self._sets, self._report, self._now, self._last = sets, report, now, now()
        report(f"audit: {_sets(sets)}")

    def told(self, done: int) -> None:
        if self._now() - self._last >= _EVERY:
            self._last = self._now()
            self._report(f"audit: {done} of {_sets(self._sets)}")


def _sets(count: int) -> str:
    return f"{count} replica set{'s' * (count != 1)}"


def _cells(row: Finding) -> dict[str, str]:
    words = {name: str(value) for name, value in as_told(row).items()}
    return {**words, "what": _what(row), "mended": row.mended or "-", "remains": "yes" if row.remains else "no"}


def _what(row: Finding) -> str:
    """What is wrong, for people."""
    match row.state:
        case State.DIFFERENT:
            return f"{', '.join(row.fields)} (as {row.like} has it)"
        case State.UNANSWERED if row.count > 1:
            return f"{row.count} members: {row.why}"
        case State.UNANSWERED:
            return row.why
        case _:
            return f"{row.id}{f': {row.why}' if row.why else ''}"
