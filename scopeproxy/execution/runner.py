"""Carries out a plan: `run(work, plan, forward)`.

Decisions are planning's (verdicts, merging); here is the order in which things happen.  One site is asked at most once
for one request, whatever the expression, and a failing site is a value.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, assert_never
from urllib.parse import quote

from scopeproxy.errors import ScopeProxyError, SiteFailure
from scopeproxy.execution.reading import collect, discard, unread
from scopeproxy.model.messages import NOTHING, Outcome, Reply, Unreached
from scopeproxy.planning import merging, verdicts
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Plan, Refuse, Work, calls_of, sites_in
from scopeproxy.planning.verdicts import Verdict

Forward = Callable[[Call], Awaitable[Outcome]]
BelievedDown = Callable[[str], bool]

_T = TypeVar("_T")

# A list is fetched from each site to its end; a site whose pages never end is cut off here.
MAX_PAGES = 10_000

# Bytes of an answer that are looked at before it is passed on.
PEEK = 1024 * 1024

UNDONE = "undone"

# On these clients repeat a call by themselves; what was done at one site only would then be done there twice.
_REPEATED_ON = frozenset({401, 408, 429, 503})

# What told of the body of a create, and on what condition it was made: no part of deleting again what came of it.
_OF_THE_CREATE = ("Content-Type", "Content-Length", "Transfer-Encoding", "Expect", "If-Match", "If-None-Match")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a plan: a reply, or the error to tell instead, and every outcome on the way, in scope order."""

    reply: Reply | None
    error: ScopeProxyError | None = None
    asked: tuple[Outcome, ...] = ()
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)


class _Take(enum.Enum):
    """How much of an answer deciding takes: nothing of it, what tells an empty list or an error, or all of it."""

    HEAD = enum.auto()
    LOOK = enum.auto()
    ALL = enum.auto()


@dataclass(frozen=True, slots=True)
class _Branch:
    """The result of one part of a plan, and what a `|` around it makes of it.

    `parts`: the outcomes that an operator around it goes by, of single sites: those that make up the answer, or those
    that failed where there is none.
    """

    verdict: Verdict
    answer: Outcome | ScopeProxyError
    parts: tuple[Outcome, ...]
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)


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
    conversation = _Conversation(work, plan, forward, believed_down, body_limit)
    try:
        return await conversation.hold()
    except BaseException as error:
        await conversation.break_off(undo=isinstance(error, Exception))
        raise


class _Conversation:
    """What was said with the sites for one request: who was asked, what came, and what has to be undone."""

    def __init__(self, work: Work, plan: Plan, forward: Forward, believed_down: BelievedDown, body_limit: int) -> None:
        self._work, self._plan, self._forward = work, plan, forward
        self._believed_down, self._body_limit = believed_down, body_limit
        self._answers: dict[str, asyncio.Future[Outcome]] = {}
        self._asked: dict[str, Outcome] = {}
        self._created: dict[str, Call] = {}
        self._undone: dict[str, str] = {}

    async def hold(self) -> Result:
        """Carry out the whole plan."""
        final = await self._evaluate(self._plan, _Take.HEAD, frozenset())
        final = await self._tidied_up(final)
        asked, answer = self._in_scope_order(), final.answer
        if isinstance(answer, Reply):
            return Result(self._not_to_be_repeated(answer), None, asked, final.partial, final.replicas)
        return Result(None, self._failure(answer), asked, final.partial)

    async def break_off(self, undo: bool) -> None:
        """Nobody waits for an answer any more: let go of what is not read, and leave nothing behind."""
        for outcome in self._asked.values():
            await discard(outcome)
        if undo and self._work.policy == "undo":
            await self._undo(tuple(self._created))

    async def _evaluate(self, plan: Plan, take: _Take, needed: frozenset[str]) -> _Branch:
        """Carry out one part.  `needed`: the sites whose answers count elsewhere, whatever becomes of this part."""
        match plan:
            case Call():
                return self._judged(await self._ask(plan, take))
            case FirstOf(plans):
                return await self._first_of(plans, _Take.LOOK if take is _Take.HEAD else take, needed)
            case AllOf(plans):
                return await self._all_of(plans, needed)
            case Refuse(error):
                raise error
            case _:
                assert_never(plan)

    def _in_scope_order(self) -> tuple[Outcome, ...]:
        sites = dict.fromkeys(call.site for call in calls_of(self._plan))
        return tuple(self._asked[site] for site in sites if site in self._asked)

    def _failure(self, answer: Unreached | ScopeProxyError) -> ScopeProxyError:
        if isinstance(answer, ScopeProxyError):
            return answer
        call = f"{self._work.request.method} {self._work.request.path}"
        if answer.sent and self._work.intent.writes:
            return SiteFailure(f"{answer.site}: {answer.why}: {call} was sent, so it may have happened there", 504)
        return SiteFailure(f"{answer.site}: {answer.why}: {call} got no answer", 504 if answer.sent else 502)

    # ---- one call

    async def _ask(self, call: Call, take: _Take) -> Outcome:
        known = self._answers.get(call.site)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[call.site] = asyncio.get_running_loop().create_future()
        try:
            outcome = await self._read(call, await self._send(call), take)
        except BaseException as error:
            answer.set_exception(error)
            answer.exception()
            raise
        answer.set_result(outcome)
        self._note(call, outcome)
        return outcome

    async def _send(self, call: Call) -> Outcome:
        """Make one call.  What fails on our side of it (the ledger, say) fails for this site, and not for all."""
        try:
            return await self._forward(call)
        except SiteFailure as failure:
            return Unreached(call.site, failure.status == 504, str(failure))

    def _note(self, call: Call, outcome: Outcome) -> None:
        self._asked[call.site] = outcome
        if self._work.intent.kind is Kind.CREATE and isinstance(outcome, Reply) and outcome.ok:
            self._created[call.site] = call

    async def _read(self, call: Call, outcome: Outcome, take: _Take) -> Outcome:
        kind = self._work.intent.kind
        if not isinstance(outcome, Reply) or take is _Take.HEAD:
            return outcome
        if take is _Take.ALL and kind is not Kind.DOWNLOAD:
            return await self._read_whole(call, outcome)
        if outcome.status >= 400 or (kind is Kind.LIST and self._work.intent.filtered):
            return await collect(outcome, min(self._body_limit, PEEK))
        return outcome

    async def _read_whole(self, call: Call, reply: Reply) -> Outcome:
        whole = await self._held(reply)
        if isinstance(whole, Reply) and whole.ok and self._work.intent.kind is Kind.LIST:
            return await self._all_pages(call, whole)
        return whole

    async def _held(self, outcome: Outcome) -> Outcome:
        """The answer in memory; a site that sends more than a merge may hold gives none."""
        whole = await collect(outcome, self._body_limit)
        if isinstance(whole, Reply) and whole.rest is not None:
            await discard(whole)
            return unread(whole, self._body_limit)
        return whole

    async def _all_pages(self, call: Call, first: Reply) -> Outcome:
        """A list to its end, when the site breaks it into pages although nobody asked for that."""
        work, pages, target = self._work, [first], merging.next_page(first, call.request, self._work.prefixes)
        seen: set[str] = set()
        size = len(first.body)
        while target is not None:
            if target in seen or len(pages) >= MAX_PAGES or size > self._body_limit:
                return Unreached(first.site, True, f"its list does not end after {len(pages)} pages")
            seen.add(target)
            request = replace(call.request, target=target)
            page = await self._held(await self._send(replace(call, request=request)))
            if not isinstance(page, Reply):
                return page
            if not page.ok:
                return unread(page, self._body_limit)
            pages.append(page)
            size += len(page.body)
            target = merging.next_page(page, request, work.prefixes)
        return first if len(pages) == 1 else merging.merge(work.request, work.intent, pages).reply

    def _judge(self, outcome: Outcome) -> Verdict:
        return verdicts.judge(outcome, self._work.request, self._work.intent, self._work.quota_moves_on)

    def _judged(self, outcome: Outcome) -> _Branch:
        return _Branch(self._judge(outcome), outcome, (outcome,))

    # ---- here or there

    async def _first_of(self, plans: Sequence[Plan], take: _Take, needed: frozenset[str]) -> _Branch:
        fallen: list[_Branch] = []
        waiting = sorted(plans, key=self._put_off)
        while waiting:
            part, *waiting = waiting
            branch = await self._evaluate(part, take, needed.union(*map(sites_in, waiting)))
            if branch.verdict is Verdict.DONE:
                return branch
            if branch.verdict is Verdict.STOP:
                return self._stopped(branch)
            fallen.append(branch)
        return self._given_up(fallen)

    def _put_off(self, plan: Plan) -> bool:
        """A site believed down is tried when no other candidate remains."""
        return isinstance(plan, Call) and plan.site not in self._answers and self._believed_down(plan.site)

    def _stopped(self, branch: _Branch) -> _Branch:
        """A write whose fate is unknown is told as such: 504, whatever the site itself said of it."""
        answer, request = branch.answer, self._work.request
        if not (isinstance(answer, Reply) and branch.parts == (answer,) and self._may_have_happened(answer)):
            return branch
        failure = SiteFailure(
            f"{answer.site} answered HTTP {answer.status} to {request.method} {request.path}: "
            "it may have happened there, so no further site is asked",
            504,
        )
        return replace(branch, answer=failure)

    def _may_have_happened(self, outcome: Outcome) -> bool:
        row = verdicts.row_for(outcome, self._work.request, self._work.intent, self._work.quota_moves_on)
        return self._work.intent.writes and row in verdicts.FATE_UNKNOWN

    def _given_up(self, fallen: Sequence[_Branch]) -> _Branch:
        parts = _unique(part for branch in fallen for part in branch.parts)
        work = self._work
        try:
            reply, partial = verdicts.give_up(parts, work.request, work.intent, work.options.strict)
        except SiteFailure as failure:
            return _Branch(Verdict.NEXT, failure, parts)
        return _Branch(Verdict.NEXT, reply, parts, partial)

    # ---- here and there

    async def _all_of(self, plans: Sequence[Plan], needed: frozenset[str]) -> _Branch:
        beside = [needed.union(*(sites_in(other) for other in plans if other is not part)) for part in plans]
        branches = await _together(
            self._evaluate(part, _Take.ALL, others) for part, others in zip(plans, beside, strict=True)
        )
        merged = self._merged(branches)
        if merged.verdict is Verdict.DONE:
            return merged
        if self._work.intent.writes and any(map(_succeeded, merged.parts)):
            fell = all(branch.verdict is not Verdict.STOP for branch in branches)
            return await self._half_done(merged, fell, needed)
        return replace(merged, parts=self._failed_of(merged))

    def _failed_of(self, branch: _Branch) -> tuple[Outcome, ...]:
        return tuple(part for part in branch.parts if self._judge(part) is not Verdict.DONE)

    def _merged(self, branches: Sequence[_Branch]) -> _Branch:
        work = self._work
        parts = _unique(part for branch in branches for part in branch.parts)
        failed = Verdict.NEXT if all(branch.verdict is Verdict.NEXT for branch in branches) else Verdict.STOP
        # A site whose versions could not be had is told when its data are asked for, if it is needed for them.
        strict = work.options.strict and work.intent.kind is not Kind.DISCOVERY
        try:
            merged = merging.merge(work.request, work.intent, parts, strict, work.shape)
        except SiteFailure as failure:
            return _Branch(failed if work.intent.writes else Verdict.NEXT, failure, parts)
        except ScopeProxyError as refusal:
            return _Branch(Verdict.STOP, refusal, parts)
        verdict = self._judge(merged.reply)
        if work.intent.writes and (verdict is not Verdict.DONE or merged.partial):
            verdict = failed
        return _Branch(verdict, merged.reply, parts, merged.partial, merged.replicas)

    # ---- undoing

    async def _half_done(self, merged: _Branch, fell: bool, needed: frozenset[str]) -> _Branch:
        """Section 3: a `&` inside a `|` falls through only if all was undone and every failed part would."""
        if self._work.intent.kind is not Kind.CREATE or self._work.policy != "undo":
            return replace(merged, verdict=Verdict.STOP)
        # What an alternative or a neighbour needs as well stays for now: nobody is called twice for one request.
        kept = needed if fell else frozenset()
        undone = await self._undo([part.site for part in merged.parts if part.site not in kept])
        verdict = Verdict.NEXT if fell and all(how == UNDONE for how in undone.values()) else Verdict.STOP
        return replace(merged, verdict=verdict, parts=self._failed_of(merged))

    async def _tidied_up(self, final: _Branch) -> _Branch:
        """Let go of answers that nobody wants, and delete again what a given-up alternative created."""
        answer = final.answer
        wanted = answer.rest if isinstance(answer, Reply) else None
        for outcome in self._asked.values():
            if isinstance(outcome, Reply) and outcome.rest is not wanted:
                await discard(outcome)
        if self._work.policy != "undo":
            return final
        succeeded = isinstance(answer, Reply) and _succeeded(answer)
        kept = {part.site for part in final.parts} if succeeded else set()
        await self._undo([site for site in self._created if site not in kept])
        if succeeded:
            lost = (site for site, how in self._undone.items() if how != UNDONE)
            return replace(final, partial=(*final.partial, *lost))
        return self._with_its_story(final) if self._undone else final

    def _with_its_story(self, final: _Branch) -> _Branch:
        """The failure, telling what happened at every site that was asked, and what became of the undoing."""
        work, answer = self._work, final.answer
        failure = answer if isinstance(answer, Reply) else self._failure(answer)
        told = merging.partial_write(work.request, work.intent, self._in_scope_order(), self._undone, work.shape)
        return replace(final, answer=replace(told, status=failure.status))

    def _not_to_be_repeated(self, reply: Reply) -> Reply:
        """The reply, with a status on which no client does again what was done, or may have been, at some site.

        The body still tells what each site answered.  (What was undone may be done again: a 401 of one site then makes
        the client log in and create it everywhere.)
        """
        if self._work.request.method != "POST" or reply.status not in _REPEATED_ON:
            return reply
        if any(map(self._may_have_happened, self._asked.values())):
            return replace(reply, status=504)
        done = [site for site, outcome in self._asked.items() if _succeeded(outcome)]
        return replace(reply, status=502) if any(self._undone.get(site) != UNDONE for site in done) else reply

    async def _undo(self, sites: Sequence[str]) -> dict[str, str]:
        """Delete what was created at these sites; for each, what became of that."""
        calls = [self._created.pop(site) for site in sites if site in self._created]
        results = await _together(self._delete(call) for call in calls)
        undone = {call.site: how for call, how in zip(calls, results, strict=True)}
        self._undone.update(undone)
        return undone

    async def _delete(self, created: Call) -> str:
        reply = await collect(self._asked[created.site], self._body_limit)
        id_ = merging.created_id(reply, self._work.intent) if isinstance(reply, Reply) else None
        if id_ is None:
            return "not undone: its answer does not tell the id of what was created"
        request = replace(
            created.request.without(*_OF_THE_CREATE),
            method="DELETE",
            target=f"{created.request.path.rstrip('/')}/{quote(id_, safe='')}",
            body=NOTHING,
        )
        outcome = await self._send(replace(created, request=request))
        await discard(outcome)
        if isinstance(outcome, Unreached):
            return f"not undone: {outcome.why}; {id_} is left there"
        if outcome.ok or outcome.status == 404:
            return UNDONE
        return f"not undone: HTTP {outcome.status}; {id_} is left there"


def _succeeded(outcome: Outcome) -> bool:
    return isinstance(outcome, Reply) and outcome.ok


def _unique(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple({outcome.site: outcome for outcome in outcomes}.values())


async def _together(parts: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """What each of them gives, in their order.  When one fails the others are seen through before that is raised: a
    write must not be cut off for the sake of another site's."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_outlasting(part)) for part in parts]
    results = [task.result() for task in tasks]
    for result in results:
        if isinstance(result, _Failed):
            raise result.error
    return [result for result in results if not isinstance(result, _Failed)]


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


async def _outlasting(part: Coroutine[Any, Any, _T]) -> _T | _Failed:
    try:
        return await part
    except Exception as error:
        return _Failed(error)
