"""Carries out a plan: `run(work, plan, forward)`.

Decisions are planning's (verdicts, merging); here is the order in which things happen.  One site is asked at most once
for one request, whatever the expression, and a failing site is a value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from scopeproxy.errors import ScopeProxyError, SiteFailure
from scopeproxy.execution.reading import collect, discard, unread
from scopeproxy.model.messages import NOTHING, Outcome, Reply, Unreached
from scopeproxy.planning import merging, verdicts
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Plan, Refuse, Work, sites_in
from scopeproxy.planning.verdicts import Verdict

Forward = Callable[[Call], Awaitable[Outcome]]
BelievedDown = Callable[[str], bool]

# A list is fetched from each site to its end; a site whose pages never end is cut off here.
MAX_PAGES = 10_000

# Bytes of an answer that are looked at before it is passed on.
PEEK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a plan: a reply, or the error to tell instead, and every outcome that led to it."""

    reply: Reply | None
    error: ScopeProxyError | None = None
    asked: tuple[Outcome, ...] = ()
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Branch:
    """The result of one part of a plan, and what a `|` around it makes of it."""

    verdict: Verdict
    answer: Outcome | ScopeProxyError
    leaves: tuple[Outcome, ...]
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)

    def as_outcome(self) -> Outcome:
        """This part as a single outcome, for the merge around it."""
        if isinstance(self.answer, ScopeProxyError):
            names = "|".join(leaf.site for leaf in self.leaves)
            return Unreached(names, self.answer.status == 504, str(self.answer))
        return self.answer


async def run(
    work: Work,
    plan: Plan,
    forward: Forward,
    believed_down: BelievedDown = lambda site: False,
    body_limit: int = 64 * 1024 * 1024,
) -> Result:
    """Carry out the plan.  `forward` makes one call; `body_limit`: bytes of a site's answer that a merge may hold."""
    if isinstance(plan, Refuse):
        return Result(None, plan.error)
    conversation = _Conversation(work, forward, believed_down, body_limit, merges=_merges(plan))
    branch = await conversation.evaluate(plan, frozenset())
    branch = await conversation.tidy_up(branch)
    asked = tuple(conversation.asked.values())
    if isinstance(branch.answer, Reply):
        return Result(branch.answer, None, asked, branch.partial, branch.replicas)
    return Result(None, _failure(work, branch.answer), asked, branch.partial)


def _merges(plan: Plan) -> bool:
    match plan:
        case AllOf():
            return True
        case FirstOf(plans):
            return any(_merges(part) for part in plans)
        case _:
            return False


def _failure(work: Work, answer: Unreached | ScopeProxyError) -> ScopeProxyError:
    if isinstance(answer, ScopeProxyError):
        return answer
    call = f"{work.request.method} {work.request.path}"
    if answer.sent and work.intent.writes:
        return SiteFailure(f"{answer.site}: {answer.why}: {call} was sent, so it may have happened there", 504)
    return SiteFailure(f"{answer.site}: {answer.why}: {call} got no answer", 504 if answer.sent else 502)


class _Conversation:
    """What was said with the sites for one request: who was asked, what came, and what has to be undone."""

    def __init__(
        self, work: Work, forward: Forward, believed_down: BelievedDown, body_limit: int, merges: bool
    ) -> None:
        self._work, self._forward = work, forward
        self._believed_down, self._body_limit, self._merges = believed_down, body_limit, merges
        self._answers: dict[str, asyncio.Future[Outcome]] = {}
        self._created: dict[str, Call] = {}
        self.asked: dict[str, Outcome] = {}

    async def evaluate(self, plan: Plan, wanted_later: frozenset[str]) -> _Branch:
        """Carry out one part.  `wanted_later`: the sites of alternatives that may still come."""
        match plan:
            case Call():
                return self._judged(await self._ask(plan))
            case FirstOf(plans):
                return await self._first_of(plans, wanted_later)
            case AllOf(plans):
                return await self._all_of(plans, wanted_later)
            case Refuse(error):
                raise error
            case _:
                assert_never(plan)

    # ---- one call

    async def _ask(self, call: Call) -> Outcome:
        known = self._answers.get(call.site)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[call.site] = asyncio.get_running_loop().create_future()
        try:
            outcome = await self._read(await self._forward(call))
        except BaseException as error:
            answer.set_exception(error)
            answer.exception()
            raise
        answer.set_result(outcome)
        self._note(call, outcome)
        return outcome

    def _note(self, call: Call, outcome: Outcome) -> None:
        self.asked[call.site] = outcome
        if self._work.intent.kind is Kind.CREATE and isinstance(outcome, Reply) and outcome.ok:
            self._created[call.site] = call

    async def _read(self, outcome: Outcome) -> Outcome:
        """As much of the answer as deciding takes: all for a merge; else what tells an empty list, or an error."""
        kind = self._work.intent.kind
        if not isinstance(outcome, Reply):
            return outcome
        if self._merges and kind is not Kind.DOWNLOAD:
            return await self._read_whole(outcome)
        if outcome.status >= 400 or (kind is Kind.LIST and self._work.intent.filtered):
            return await collect(outcome, min(self._body_limit, PEEK))
        return outcome

    async def _read_whole(self, reply: Reply) -> Outcome:
        whole = await collect(reply, self._body_limit)
        if isinstance(whole, Reply) and whole.rest is not None:
            await discard(whole)
            return unread(whole, self._body_limit)
        if isinstance(whole, Reply) and whole.ok and self._work.intent.kind is Kind.LIST:
            return await self._all_pages(whole)
        return whole

    def _judged(self, outcome: Outcome) -> _Branch:
        work = self._work
        verdict = verdicts.judge(outcome, work.request, work.intent, work.quota_moves_on)
        replicas = self._ids((outcome,))
        return _Branch(verdict, outcome, (outcome,), (), replicas)

    def _ids(self, outcomes: Iterable[Outcome]) -> dict[str, str]:
        if self._work.intent.kind is not Kind.CREATE:
            return {}
        replies = (outcome for outcome in outcomes if isinstance(outcome, Reply) and outcome.ok)
        ids = {reply.site: merging.created_id(reply, self._work.intent) for reply in replies if reply.rest is None}
        return {site: id_ for site, id_ in ids.items() if id_}

    # ---- here or there

    async def _first_of(self, plans: Sequence[Plan], wanted_later: frozenset[str]) -> _Branch:
        fallen: list[_Branch] = []
        waiting = sorted(plans, key=self._put_off)
        while waiting:
            part, *waiting = waiting
            later = wanted_later.union(*map(sites_in, waiting))
            branch = await self.evaluate(part, later)
            if branch.verdict is Verdict.DONE:
                return branch
            if branch.verdict is Verdict.STOP:
                return self._stopped(branch, bool(plans[1:]))
            fallen.append(branch)
        return self._given_up(fallen)

    def _put_off(self, plan: Plan) -> bool:
        """A site believed down is tried when no other candidate remains."""
        return isinstance(plan, Call) and plan.site not in self._answers and self._believed_down(plan.site)

    def _stopped(self, branch: _Branch, had_others: bool) -> _Branch:
        """A write whose fate is unknown is told as such: 504, whatever the site itself said of it."""
        answer = branch.answer
        if not (had_others and isinstance(answer, Reply) and self._work.intent.writes):
            return branch
        row = verdicts.row_for(answer, self._work.request, self._work.intent)
        if 500 not in row.statuses:
            return branch
        failure = SiteFailure(
            f"{answer.site} answered HTTP {answer.status} to {self._work.request.method} {self._work.request.path}: "
            "it may have happened there, so no other site was asked",
            504,
        )
        return replace(branch, answer=failure)

    def _given_up(self, fallen: Sequence[_Branch]) -> _Branch:
        leaves = _unique(leaf for branch in fallen for leaf in branch.leaves)
        work = self._work
        try:
            reply, partial = verdicts.give_up(leaves, work.request, work.intent, work.options.strict)
        except SiteFailure as failure:
            return _Branch(Verdict.NEXT, failure, leaves)
        return _Branch(Verdict.NEXT, reply, leaves, partial)

    # ---- here and there

    async def _all_of(self, plans: Sequence[Plan], wanted_later: frozenset[str]) -> _Branch:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.evaluate(part, wanted_later)) for part in plans]
        branches = [task.result() for task in tasks]
        merged = self._merged(branches)
        failed = merged.verdict is not Verdict.DONE
        if failed and self._work.intent.writes:
            return await self._after_partial_write(merged, branches, wanted_later)
        return merged

    async def _all_pages(self, first: Reply) -> Outcome:
        """A list to its end, when the site breaks it into pages although nobody asked for that."""
        work, pages, target = self._work, [first], merging.next_page(first, self._work.request, self._work.prefixes)
        seen: set[str] = set()
        size = len(first.body)
        while target is not None:
            if target in seen or len(pages) >= MAX_PAGES or size > self._body_limit:
                return Unreached(first.site, True, f"its list does not end after {len(pages)} pages")
            seen.add(target)
            request = replace(work.request, target=target)
            page = await collect(await self._forward(Call(first.site, request)), self._body_limit)
            if not isinstance(page, Reply) or not page.ok or page.rest is not None:
                return page if isinstance(page, Unreached) else unread(page, self._body_limit)
            pages.append(page)
            size += len(page.body)
            target = merging.next_page(page, request, work.prefixes)
        return first if len(pages) == 1 else merging.merge(work.request, work.intent, pages).reply

    def _merged(self, branches: Sequence[_Branch]) -> _Branch:
        work = self._work
        leaves = _unique(leaf for branch in branches for leaf in branch.leaves)
        outcomes = [branch.as_outcome() for branch in branches]
        every_part_fell = all(branch.verdict is Verdict.NEXT for branch in branches)
        failed = Verdict.NEXT if every_part_fell else Verdict.STOP
        try:
            merged = merging.merge(work.request, work.intent, outcomes, work.options.strict, work.shape)
        except SiteFailure as failure:
            return _Branch(failed if work.intent.writes else Verdict.NEXT, failure, leaves)
        except ScopeProxyError as refusal:
            return _Branch(Verdict.STOP, refusal, leaves)
        replicas = merged.replicas
        if merged.partial and work.intent.writes:
            return _Branch(failed, merged.reply, leaves, merged.partial, replicas)
        verdict = verdicts.judge(merged.reply, work.request, work.intent, work.quota_moves_on)
        return _Branch(verdict, merged.reply, leaves, merged.partial, replicas)

    # ---- undoing

    async def _after_partial_write(
        self, merged: _Branch, branches: Sequence[_Branch], wanted_later: frozenset[str]
    ) -> _Branch:
        """Section 3: a `&` inside a `|` falls through only if all was undone and every failed part would."""
        done_at = [leaf.site for leaf in merged.leaves if isinstance(leaf, Reply) and leaf.ok]
        fell = all(branch.verdict is not Verdict.STOP for branch in branches)
        if not done_at:
            return merged
        if self._work.intent.kind is not Kind.CREATE or self._work.policy != "undo":
            return replace(merged, verdict=Verdict.STOP)
        # What the next alternative needs as well stays for now: nobody is called twice for one request.
        kept = wanted_later if fell else frozenset()
        undone = await self._undo([site for site in done_at if site not in kept])
        outcomes = [branch.as_outcome() for branch in branches]
        told = merging.partial_write(self._work.request, self._work.intent, outcomes, undone, self._work.shape)
        verdict = Verdict.NEXT if fell and all(how == UNDONE for how in undone.values()) else Verdict.STOP
        return replace(merged, answer=told, verdict=verdict)

    async def tidy_up(self, final: _Branch) -> _Branch:
        """Let go of answers that nobody wants, and delete again what a given-up alternative created."""
        for outcome in self.asked.values():
            if outcome is not final.answer:
                await discard(outcome)
        if self._work.policy != "undo":
            return final
        answered = isinstance(final.answer, Reply) and final.answer.ok
        kept = {leaf.site for leaf in final.leaves} if answered else set()
        undone = await self._undo([site for site in self._created if site not in kept])
        lost = {site: how for site, how in undone.items() if how != UNDONE}
        if lost and isinstance(final.answer, Reply):
            return replace(final, partial=(*final.partial, *lost))
        return final

    async def _undo(self, sites: Sequence[str]) -> dict[str, str]:
        """Delete what was created at these sites; for each, what became of that."""
        calls = [self._created.pop(site) for site in sites if site in self._created]
        async with asyncio.TaskGroup() as group:
            tasks = {call.site: group.create_task(self._delete(call)) for call in calls}
        return {site: task.result() for site, task in tasks.items()}

    async def _delete(self, created: Call) -> str:
        reply = self._answers[created.site].result()
        if isinstance(reply, Reply) and reply.rest is not None:
            reply = await collect(reply, self._body_limit)
        id_ = merging.created_id(reply, self._work.intent) if isinstance(reply, Reply) else None
        if id_ is None:
            return "not undone: its answer does not tell the id of what was created"
        request = replace(
            created.request.without("Content-Type", "Content-Length", "Transfer-Encoding", "Expect"),
            method="DELETE",
            target=f"{created.request.path.rstrip('/')}/{id_}",
            body=NOTHING,
        )
        outcome = await self._forward(replace(created, request=request))
        await discard(outcome)
        if isinstance(outcome, Unreached):
            return f"not undone: {outcome.why}; {id_} is left there"
        if outcome.ok or outcome.status == 404:
            return UNDONE
        return f"not undone: HTTP {outcome.status}; {id_} is left there"


UNDONE = "undone"


def _unique(leaves: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple({leaf.site: leaf for leaf in leaves}.values())
