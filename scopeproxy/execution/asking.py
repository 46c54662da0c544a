"""What is said with the sites for one request: each is asked at most once, and its answer kept for whoever needs it."""

from __future__ import annotations

import asyncio
import enum
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.aside import aside
from scopeproxy.execution.reading import collect, discard, unread, within
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.planning import merging
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.items import is_whole
from scopeproxy.planning.joining import how_many, pages_of_one
from scopeproxy.planning.lists import contents
from scopeproxy.planning.plan import Call, Work

Forward = Callable[[Call], Awaitable[Outcome]]

# A list is fetched from each site to its end; a site whose pages never end is cut off here.
MAX_PAGES = 10_000

# Bytes of an answer that are looked at before it is passed on.
PEEK = 1024 * 1024


class Take(enum.Enum):
    """How much of an answer deciding takes: nothing of it, what tells an empty list or an error, or all of it."""

    HEAD = enum.auto()
    LOOK = enum.auto()
    ALL = enum.auto()


class Asking:
    """The calls made for one request.  `asked`: the outcome of each; `created`: those by which something came to be.

    Their answers are read within the time that the call's options give it, from now on.
    """

    def __init__(self, work: Work, forward: Forward, body_limit: int) -> None:
        self._work, self._forward, self._body_limit = work, forward, body_limit
        self._deadline = within(work.options.timeout)
        self._answers: dict[str, asyncio.Future[Outcome]] = {}
        self.asked: dict[str, Outcome] = {}
        self.created: dict[str, Call] = {}

    def was_asked(self, site: str) -> bool:
        """Whether a site has been asked already, be its answer here or still to come."""
        return site in self._answers

    async def ask(self, call: Call, take: Take) -> Outcome:
        """The outcome of a call, whether it is made now or was before."""
        known = self._answers.get(call.site)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[call.site] = asyncio.get_running_loop().create_future()
        try:
            outcome = await self._read(call, await self.send(call), take)
        except BaseException as error:
            answer.set_exception(error)
            answer.exception()
            raise
        answer.set_result(outcome)
        self._note(call, outcome)
        return outcome

    async def send(self, call: Call) -> Outcome:
        """Make one call.  What fails on our side of it (the ledger, say) fails for this site, and not for all."""
        try:
            return await self._forward(call)
        except SiteFailure as failure:
            # 503: what it needs could not be asked.
            return Unreached(call.site, failure.status == 504, _bare(failure), asked=failure.status != 503)

    def _note(self, call: Call, outcome: Outcome) -> None:
        self.asked[call.site] = outcome
        if self._work.intent.kind is Kind.CREATE and isinstance(outcome, Reply) and outcome.ok:
            self.created[call.site] = call

    async def _read(self, call: Call, outcome: Outcome, take: Take) -> Outcome:
        kind = self._work.intent.kind
        if not isinstance(outcome, Reply) or take is Take.HEAD:
            return outcome
        if take is Take.ALL and kind is not Kind.DOWNLOAD:
            return await self._read_whole(call, outcome)
        if outcome.status >= 400 or (kind is Kind.LIST and self._work.intent.filtered):
            return await collect(outcome, min(self._body_limit, PEEK), self._deadline)
        return outcome

    async def _read_whole(self, call: Call, reply: Reply) -> Outcome:
        whole = await self._held(reply)
        if isinstance(whole, Reply) and whole.ok and self._work.intent.kind is Kind.LIST:
            await aside(len(whole.body), contents, whole)
            return await self._all_pages(call, whole)
        return whole

    async def _held(self, outcome: Outcome) -> Outcome:
        """The answer in memory; a site that sends more than a merge may hold gives none."""
        whole = await collect(outcome, self._body_limit, self._deadline)
        if isinstance(whole, Reply) and whole.rest is not None:
            await discard(whole)
            return unread(whole, self._body_limit)
        return whole

    async def _all_pages(self, call: Call, first: Reply) -> Outcome:
        """A list to its end, when the site breaks it into pages although nobody asked for that; or as much of it as a
        page of ours takes, when the site gives less at once."""
        work, pages, target = self._work, [first], merging.next_page(first, call.request, self._work.prefixes)
        most = self._most()
        seen = {call.request.target}
        if target is None:
            return first
        size, count = len(first.body), how_many(first, work.intent)
        while target is not None and count < most:
            if target in seen or len(pages) >= MAX_PAGES or size > self._body_limit:
                return Unreached(first.site, True, f"its list does not end after {len(pages)} pages")
            seen.add(target)
            request = replace(call.request, target=target)
            page = await self._held(await self.send(replace(call, request=request)))
            if not isinstance(page, Reply):
                return page
            if not page.ok:
                return unread(page, self._body_limit)
            pages.append(page)
            size += len(page.body)
            count += how_many(page, work.intent)
            target = merging.next_page(page, request, work.prefixes)
        return first if len(pages) == 1 else pages_of_one(work.request, work.intent, pages, target)

    def _most(self) -> float:
        """How many items of a site are wanted.  Backwards one page is: its links lead the other way."""
        turn = self._work.turn
        if turn is None or turn.asked.limit is None or is_whole(self._work.request, self._work.intent, turn):
            return math.inf
        return 0 if turn.paging.backwards else turn.asked.limit


def _bare(failure: SiteFailure) -> str:
    """What it says, to be told with the site."""
    return str(failure).removeprefix("scope: ")
