"""Carries out a plan: `run(work, plan, forward)`.

Decisions are planning's (verdicts, merging); here is the order in which things happen.  One site is asked at most once
for one request, whatever the expression, and a failing site is a value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from scopeproxy.errors import ScopeProxyError, SiteFailure
from scopeproxy.execution.aside import aside
from scopeproxy.execution.asking import Asking, Forward, Take
from scopeproxy.execution.comparing import Comparing
from scopeproxy.execution.reading import discard
from scopeproxy.execution.together import together
from scopeproxy.execution.undoing import UNDONE, Undoing
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.planning import journal, merging, verdicts
from scopeproxy.planning.divergence import Diverging
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.items import NO_SETS, Sets
from scopeproxy.planning.joining import ids_listed
from scopeproxy.planning.paging import Turn, Turned
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Plan, Refuse, Work, calls_of, sites_in
from scopeproxy.planning.verdicts import Verdict

BelievedDown = Callable[[str], bool]

# Of a service, a page and the replicas on it: the keys of those of which earlier pages of the list told one.
ToldBefore = Callable[[str, Turn, Sets], Awaitable[frozenset[object]]]

# Of a service, ids and a collection of it: those ids that are replicas, each with all of its set by site.
SetsOf = Callable[[str, Iterable[str], str | None], Awaitable[Sets]]


async def no_sets(service: str, ids: Iterable[str], collection: str | None) -> Sets:
    """Nothing is known to be a replica."""
    return NO_SETS


async def nothing_told(service: str, turn: Turn, sets: Sets) -> frozenset[object]:
    """There was no earlier page."""
    return frozenset()


# On these clients repeat a call by themselves; what was done at one site only would then be done there twice.
_REPEATED_ON = frozenset({401, 408, 429, 503})


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a plan: a reply, or the error to tell instead, and every outcome on the way, in scope order.

    `sets`: what of a list is known to be replicas; `diverging`: the sites whose replicas are not like those shown.
    """

    reply: Reply | None
    error: ScopeProxyError | None = None
    asked: tuple[Outcome, ...] = ()
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)
    turned: Turned | None = None
    sets: Sets = field(default_factory=dict)
    diverging: Diverging = field(default_factory=dict)


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
    turned: Turned | None = None


async def run(
    work: Work,
    plan: Plan,
    forward: Forward,
    believed_down: BelievedDown = lambda site: False,
    body_limit: int = 64 * 1024 * 1024,
    sets_of: SetsOf = no_sets,
    told_before: ToldBefore = nothing_told,
) -> Result:
    """Carry out the plan.  `forward` makes one call; `body_limit`: bytes of a site's answer that a merge may hold;
    `sets_of`: what is known of replicas; `told_before`: which of them earlier pages of a list have told."""
    if isinstance(plan, Refuse):
        return Result(None, plan.error)
    conversation = _Conversation(work, plan, forward, believed_down, body_limit, sets_of, told_before)
    try:
        return await conversation.hold()
    except BaseException as error:
        await conversation.break_off(undo=isinstance(error, Exception))
        raise


class _Conversation:
    """What was said with the sites for one request: who was asked, what came, and what has to be undone."""

    def __init__(
        self,
        work: Work,
        plan: Plan,
        forward: Forward,
        believed_down: BelievedDown,
        body_limit: int,
        sets_of: SetsOf,
        told_before: ToldBefore,
    ) -> None:
        self._work, self._plan, self._believed_down = work, plan, believed_down
        self._sets_of, self._told_before = sets_of, told_before
        self._sets = NO_SETS
        self._asking = Asking(work, forward, body_limit)
        self._undoing = Undoing(work, self._asking, body_limit)
        self._comparing = Comparing(work, self._asking, body_limit)

    async def hold(self) -> Result:
        """Carry out the whole plan."""
        final = await self._evaluate(self._plan, Take.HEAD, frozenset())
        final = await self._tidied_up(final)
        asked, answer = self._in_scope_order(), final.answer
        if isinstance(answer, Reply):
            reply = self._not_to_be_repeated(answer)
            return Result(reply, None, asked, final.partial, final.replicas, final.turned, self._sets)
        return Result(None, self._failure(answer), asked, final.partial)

    async def break_off(self, undo: bool) -> None:
        """Nobody waits for an answer any more: let go of what is not read, and leave nothing behind."""
        for outcome in self._asking.asked.values():
            await discard(outcome)
        if undo and self._undoes:
            await self._undoing.undo(tuple(self._asking.created))

    async def _evaluate(self, plan: Plan, take: Take, needed: frozenset[str]) -> _Branch:
        """Carry out one part.  `needed`: the sites whose answers count elsewhere, whatever becomes of this part."""
        match plan:
            case Call():
                return self._judged(await self._asking.ask(plan, take))
            case FirstOf(plans):
                return await self._first_of(plans, Take.LOOK if take is Take.HEAD else take, needed)
            case AllOf(plans):
                return await self._all_of(plans, needed)
            case Refuse(error):
                raise error
            case _:
                assert_never(plan)

    def _in_scope_order(self) -> tuple[Outcome, ...]:
        sites = dict.fromkeys(call.site for call in calls_of(self._plan))
        return tuple(self._asking.asked[site] for site in sites if site in self._asking.asked)

    def _failure(self, answer: Unreached | ScopeProxyError) -> ScopeProxyError:
        if isinstance(answer, ScopeProxyError):
            return answer
        call = f"{self._work.request.method} {self._work.request.path}"
        if not answer.asked:
            return SiteFailure(f"{answer.site}: {answer.why}: {call} was not sent", 503)
        if answer.sent and self._work.intent.writes:
            return SiteFailure(f"{answer.site}: {answer.why}: {call} was sent, so it may have happened there", 504)
        return SiteFailure(f"{answer.site}: {answer.why}: {call} got no answer", 504 if answer.sent else 502)

    # ---- judging

    def _judge(self, outcome: Outcome) -> Verdict:
        return verdicts.judge(outcome, self._work.request, self._work.intent, self._work.quota_moves_on)

    def _judged(self, outcome: Outcome) -> _Branch:
        return _Branch(self._judge(outcome), outcome, (outcome,))

    # ---- here or there

    async def _first_of(self, plans: Sequence[Plan], take: Take, needed: frozenset[str]) -> _Branch:
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
        return self._queued_for_one(self._given_up(fallen), plans)

    def _queued_for_one(self, branch: _Branch, plans: Sequence[Plan]) -> _Branch:
        """The branch that nobody did, where the policy is to queue: the first of its sites that could not be reached,
        as written, gets it later, and the others need not."""
        if self._work.policy != "queue" or not self._work.intent.writes:
            return branch
        first = journal.first_to_get_it(branch.parts, [call.site for plan in plans for call in calls_of(plan)])
        return branch if first is None else replace(branch, parts=(first,))

    def _put_off(self, plan: Plan) -> bool:
        """A site believed down is tried when no other candidate remains."""
        return isinstance(plan, Call) and not self._asking.was_asked(plan.site) and self._believed_down(plan.site)

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
        branches = await together(self._evaluate(part, Take.ALL, _beside(part, plans, needed)) for part in plans)
        size = sum(len(part.body) for branch in branches for part in branch.parts if isinstance(part, Reply))
        merged = await aside(size, self._merged, branches, await self._sets_in(branches))
        if merged.verdict is Verdict.DONE:
            return await self._compared(merged, plans)
        if self._work.intent.writes and any(map(_succeeded, merged.parts)):
            fell = all(branch.verdict is not Verdict.STOP for branch in branches)
            return await self._half_done(merged, fell, needed)
        return replace(merged, parts=self._failed_of(merged))

    async def _compared(self, merged: _Branch, plans: Sequence[Plan]) -> _Branch:
        """The branch, if data that all of its sites have taken in are the same there."""
        done = {part.site for part in merged.parts if _succeeded(part)}
        calls = [call for call in calls_of(AllOf(tuple(plans))) if call.site in done]
        differs = await self._comparing.difference(calls)
        if not differs:
            return merged
        call = f"{self._work.request.method} {self._work.request.path}"
        told = f"scope: {call} was done everywhere, but the data are not the same: {differs}"
        return _Branch(Verdict.STOP, SiteFailure(told, 502), merged.parts)

    def _failed_of(self, branch: _Branch) -> tuple[Outcome, ...]:
        return tuple(part for part in branch.parts if self._judge(part) is not Verdict.DONE)

    async def _sets_in(self, branches: Sequence[_Branch]) -> Sets:
        """What of the lists that came is a replica."""
        work = self._work
        if work.intent.kind is not Kind.LIST:
            return NO_SETS
        ids = ids_listed([part for branch in branches for part in branch.parts], work.intent)
        collection = None if work.intent.beneath else work.intent.collection
        self._sets = await self._sets_of(work.request.service, ids, collection)
        if work.turn is not None and self._sets:
            told = await self._told_before(work.request.service, work.turn, self._sets)
            self._work = replace(work, turn=replace(work.turn, told=told))
        return self._sets

    def _merged(self, branches: Sequence[_Branch], sets: Sets) -> _Branch:
        work = self._work
        parts = self._with_queued(_unique(part for branch in branches for part in branch.parts))
        failed = Verdict.NEXT if all(branch.verdict is Verdict.NEXT for branch in branches) else Verdict.STOP
        # A site whose versions could not be had is told when its data are asked for, if it is needed for them.
        strict = work.options.strict and work.intent.kind is not Kind.DISCOVERY
        try:
            merged = merging.merge(work.request, work.intent, parts, strict, work.shape, work.turn, sets)
        except SiteFailure as failure:
            return _Branch(failed if work.intent.writes else Verdict.NEXT, failure, parts)
        except ScopeProxyError as refusal:
            return _Branch(Verdict.STOP, refusal, parts)
        verdict = self._judge(merged.reply)
        if work.intent.writes and (verdict is not Verdict.DONE or merged.partial):
            verdict = failed
        return _Branch(verdict, merged.reply, parts, merged.partial, merged.replicas, merged.turned)

    def _with_queued(self, parts: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """The outcomes, where the policy is to queue with those that the journal makes good marked as such."""
        if self._work.policy != "queue" or not self._work.intent.writes:
            return parts
        parts = journal.with_queued(parts, self._work.intent)
        self._asking.asked.update({part.site: part for part in parts if isinstance(part, Unreached)})
        return parts

    # ---- what has to be undone

    @property
    def _undoes(self) -> bool:
        """Whether a create is undone where it cannot be done everywhere, now or later."""
        return self._work.policy in ("undo", "queue")

    async def _half_done(self, merged: _Branch, fell: bool, needed: frozenset[str]) -> _Branch:
        """Section 3: a `&` inside a `|` falls through only if all was undone and every failed part would."""
        if self._work.intent.kind is not Kind.CREATE or not self._undoes:
            return replace(merged, verdict=Verdict.STOP)
        # What an alternative or a neighbour needs as well stays for now: nobody is called twice for one request.
        kept = needed if fell else frozenset()
        undone = await self._undoing.undo([part.site for part in merged.parts if part.site not in kept])
        verdict = Verdict.NEXT if fell and all(how == UNDONE for how in undone.values()) else Verdict.STOP
        return replace(merged, verdict=verdict, parts=self._failed_of(merged))

    async def _tidied_up(self, final: _Branch) -> _Branch:
        """Let go of answers that nobody wants, and delete again what a given-up alternative created."""
        answer = final.answer
        wanted = answer.rest if isinstance(answer, Reply) else None
        for outcome in self._asking.asked.values():
            if isinstance(outcome, Reply) and outcome.rest is not wanted:
                await discard(outcome)
        if not self._undoes:
            return final
        succeeded = isinstance(answer, Reply) and _succeeded(answer)
        kept = {part.site for part in final.parts} if succeeded else set()
        await self._undoing.undo([site for site in self._asking.created if site not in kept])
        if succeeded:
            lost = (site for site, how in self._undoing.results.items() if how != UNDONE)
            return replace(final, partial=(*final.partial, *lost))
        return self._with_its_story(final) if self._undoing.results else final

    def _with_its_story(self, final: _Branch) -> _Branch:
        """The failure, telling what happened at every site that was asked, and what became of the undoing."""
        work, answer = self._work, final.answer
        failure = answer if isinstance(answer, Reply) else self._failure(answer)
        told = merging.partial_write(
            work.request, work.intent, self._in_scope_order(), self._undoing.results, work.shape
        )
        return replace(final, answer=replace(told, status=failure.status))

    def _not_to_be_repeated(self, reply: Reply) -> Reply:
        """The reply, with a status on which no client does again what was done, or may have been, at some site.

        The body still tells what each site answered.  Only a DELETE may be repeated: a PUT or PATCH may add to what is
        there, or come after another's.  (What was undone may be done again: a 401 of one site then makes
        the client log in and create it everywhere.)
        """
        intent = self._work.intent
        if not intent.writes or intent.kind is Kind.DELETE or reply.status not in _REPEATED_ON:
            return reply
        if any(map(self._may_have_happened, self._asking.asked.values())):
            return replace(reply, status=504)
        done = [site for site, outcome in self._asking.asked.items() if _succeeded(outcome)]
        return replace(reply, status=502) if any(self._undoing.results.get(site) != UNDONE for site in done) else reply


def _succeeded(outcome: Outcome) -> bool:
    return isinstance(outcome, Reply) and outcome.ok


def _beside(part: Plan, plans: Sequence[Plan], needed: frozenset[str]) -> frozenset[str]:
    """The sites that count for the other parts, where it matters: one site alone leaves nothing behind to be undone."""
    if isinstance(part, Call):
        return needed
    return needed.union(*(sites_in(other) for other in plans if other is not part))


def _unique(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple({outcome.site: outcome for outcome in outcomes}.values())
