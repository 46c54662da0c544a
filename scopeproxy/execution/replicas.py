"""Replica sets: which id is which at each site, of what one call made at several.

Learned from scoped creates alone, and forgotten member by member as they are deleted.  Shared by the workers of a site
through the ledger; announcing.py hands the news on to the other sites' proxies.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from scopeproxy.errors import SiteFailure
from scopeproxy.execution import ledger_replicas as rows
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.ledger_outbox import post
from scopeproxy.execution.ledger_replicas import ReplicaSet as ReplicaSet
from scopeproxy.execution.ledger_replicas import Transaction
from scopeproxy.execution.runner import Result, SetsOf
from scopeproxy.model.messages import Outcome, Reply
from scopeproxy.planning.created import is_new, made_in
from scopeproxy.planning.divergence import Kin
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.items import NO_SETS, Sets
from scopeproxy.planning.plan import Plan, Work, calls_of
from scopeproxy.planning.replica_news import told_gone, told_set

logger = logging.getLogger("scopeproxy")

# What has no id but a name that is each user's own: two strangers' are no replicas, and there is nothing to translate.
_NAMED_BY_USERS = frozenset({("compute", "os-keypairs")})


async def _nobody() -> None:
    """There is nobody to tell."""


class Replicas:
    """The replica sets that one site's proxy knows.  `here`: that site, which tells the others; "": nobody is told.
    `tell` has them be told now of what was learned."""

    def __init__(
        self,
        ledger: Ledger,
        here: str = "",
        tell: Callable[[], Awaitable[None]] = _nobody,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ledger, self._here, self._tell, self._now = ledger, here, tell, now

    async def learn(self, service: str, collection: str, members: Mapping[str, str]) -> bool:
        """Keep that these ids, by site, are replicas of one another, and have those sites be told; sites are added to a
        set that is known.

        False, and nothing is kept, where that contradicts what is known, or makes no set.
        """
        return await self._learn(ReplicaSet(service, collection, members), partial(self._post, told_set))

    async def tell(self) -> None:
        """Have the other sites be told now of what was learned; it is waited for, though not for long."""
        await self._tell()

    async def hear(self, found: ReplicaSet) -> bool:
        """Learn a set from another site's proxy."""
        return await self._learn(found, rows.untold)

    async def _learn(self, found: ReplicaSet, news: rows.News) -> bool:
        return is_set(found) and await self._ledger.write(partial(rows.learn, found, self._now(), news))

    async def of(
        self, service: str, ids: Iterable[str], collection: str | None = None, sites: Iterable[str] = ()
    ) -> Mapping[str, Mapping[str, str]]:
        """Those of the ids that are members of a set, each with all members of it by site.

        An id that stands for different things at different sites (the 1 of nova's aggregates) is that of the first of
        `sites` which has it in a set, and is left out where none does.  Of a service that has no sets, the ids are not
        even looked at.
        """
        return await self._ledger.read(partial(rows.of, service, collection, ids, sites=tuple(sites)))

    async def kin(self, services: Iterable[str], ids: Iterable[str]) -> Kin:
        """Of each id that is a replica of one of these services, the sets that it is a member of."""
        wanted = tuple(ids)
        return await self._ledger.read(partial(rows.kin, tuple(services), wanted)) if wanted else {}

    async def every(self, services: Iterable[str] | None = None) -> list[ReplicaSet]:
        """All sets, of these services or of any, in the order in which they came to be known."""
        return await self._ledger.read(partial(rows.every, None if services is None else tuple(services)))

    @asynccontextmanager
    async def looked_up_ahead(self, service: str) -> AsyncIterator[SetsOf]:
        """`of`, for one call: while the sites are asked, it is found out whether the service has any sets at all."""

        async def look() -> bool:
            # The sites are asked first, and this is done while they answer.
            await asyncio.sleep(0)
            return await self._ledger.read(partial(rows.any_of_service, service))

        has_any = asyncio.create_task(look())

        async def of(service: str, ids: Iterable[str], collection: str | None) -> Sets:
            return await self.of(service, ids, collection) if await asyncio.shield(has_any) else NO_SETS

        try:
            yield of
        finally:
            has_any.cancel()
            await asyncio.gather(has_any, return_exceptions=True)

    async def any_of_kind(self, service: str, collection: str, sites: Iterable[str]) -> bool:
        """Whether anything of this collection at one of these sites is a replica."""
        return await self._ledger.read(partial(rows.any_of_kind, service, collection, tuple(sites)))

    async def forget(self, service: str, site: str, id_: str, collection: str | None = None) -> ReplicaSet | None:
        """The site no longer has this member of a set, and those which have others are told; the set as it was, None
        when it was of none."""
        gone = partial(self._post, partial(told_gone, site))
        return await self._ledger.write(partial(rows.forget, service, collection, site, id_, gone))

    async def exchange(self, of: ReplicaSet, site: str, id_: str) -> bool:
        """What was made at a site takes the place of the member that is no more there, and the others are told; False
        where that contradicts what is known of it."""
        return await self._ledger.write(partial(self._exchange, of, site, id_))

    def _exchange(self, of: ReplicaSet, site: str, id_: str, db: Transaction) -> bool:
        gone = partial(self._post, partial(told_gone, site))
        rows.forget(of.service, of.collection, site, of.members[site], gone, db)
        now = replace(of, members={**of.members, site: id_})
        return rows.learn(now, self._now(), partial(self._post, told_set), db)

    async def hear_gone(self, service: str, collection: str, site: str, id_: str) -> None:
        """Forget a member by the word of another site's proxy."""
        await self._ledger.write(partial(rows.forget, service, collection, site, id_, rows.untold))

    def _post(self, tell: Callable[[ReplicaSet], str], news: ReplicaSet, db: Transaction) -> None:
        for site in news.members:
            if self._here and site != self._here and not post(site, tell(news), self._now(), db):
                logger.warning("%s is not told of a replica set: too much waits for it already", site)

    async def note(self, work: Work, plan: Plan, result: Result) -> bool:
        """Learn what a scoped create made, and forget what a scoped delete left nowhere to be found; whether a set was
        learned.

        What was done is done: where the ledger fails at this, that is in the log, and not the client's to hear.
        """
        try:
            return await self._note(work, plan, result)
        except SiteFailure as failure:
            members = ", ".join(f"{site}={id_}" for site, id_ in result.replicas.items())
            logger.warning(
                "replica set not noted: %s %s: %s: %s", work.request.method, work.request.path, members, failure
            )
            return False

    async def _note(self, work: Work, plan: Plan, result: Result) -> bool:
        if work.intent.kind is Kind.CREATE:
            kept = result.reply is not None and (result.reply.ok or work.policy == "keep")
            new = {
                one.site for one in result.asked if isinstance(one, Reply) and is_new(one, work.request, work.intent)
            }
            collection = made_in(work.request, work.intent)
            if kept and collection:
                members = {site: id_ for site, id_ in result.replicas.items() if site in new}
                return await self.learn(work.request.service, collection, members)
        elif work.intent.kind is Kind.DELETE and work.intent.id and not work.intent.beneath:
            if not any(isinstance(one, Reply) and one.ok for one in result.asked):
                # What a caller may not see is a 404 as well.
                return False
            gone = {one.site for one in result.asked if _is_gone(one)}
            for call in calls_of(plan):
                if call.site in gone:
                    id_ = classify(call.request).id or ""
                    await self.forget(work.request.service, call.site, id_, work.intent.collection)
        return False


def _is_gone(outcome: Outcome) -> bool:
    """Whether a delete leaves nothing there: done, begun, or there was nothing."""
    return isinstance(outcome, Reply) and (outcome.ok or outcome.status == 404)


def is_set(found: ReplicaSet) -> bool:
    """Whether that can be kept as a set at all: of two sites or more, with ids that fit."""
    words = (found.service, found.collection)
    return (
        len(found.members) > 1
        and words not in _NAMED_BY_USERS
        and all(word and len(word) <= rows.LONGEST_WORD for word in words)
        and all(rows.fits(text) for pair in found.members.items() for text in pair)
    )
