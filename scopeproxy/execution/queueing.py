"""How a client's write over several sites goes by the journal: written down before it is sent, settled before it is
answered."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scopeproxy.errors import NotYet
from scopeproxy.execution.carrying import Found
from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.health import Health
from scopeproxy.execution.journal import About, Begun, Journal, owner_of
from scopeproxy.execution.runner import Result
from scopeproxy.execution.spool import Spooled, resent
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Held, Unreached
from scopeproxy.model.topology import Limits
from scopeproxy.planning import conditions
from scopeproxy.planning.plan import Call, Plan, Work, choices


@dataclass(frozen=True, slots=True)
class Queued:
    """One client's write, as far as the journal is concerned.  `data`: its body, where that came as a stream and was
    kept: the client is done with sending."""

    begun: Begun | None = None
    down: frozenset[str] = frozenset()
    data: Spooled | None = None

    def instead(self, call: Call) -> Unreached | None:
        """What stands for a site's answer where the call is not made now."""
        if self.begun is not None and call.site in self.begun.behind:
            return Unreached(call.site, False, "earlier writes to this resource wait for the site", queued=True)
        return Unreached(call.site, False, "believed down") if call.site in self.down else None


class Queueing:
    """Writes by the journal, for one site's proxy."""

    def __init__(self, journal: Journal, health: Health, limits: Limits) -> None:
        self._journal, self._health, self._limits = journal, health, limits

    async def begin(self, work: Work, plan: Plan, found: Found, travel: Travel, caller: Identity | None) -> Queued:
        """Write a write down, where the policy is to queue or earlier ones are in its way.

        Raises SiteFailure, before anything is sent, where the journal is full or cannot be written.
        """
        parts = choices(plan)
        if not parts:
            return Queued()
        calls = [call for part in parts for call in part]
        queues = work.policy == "queue"
        unasked = [call.site for call in calls if conditions.for_site(work.request, call.site) is None]
        if queues and unasked:
            raise NotYet(
                f"scope: {', '.join(unasked)} would be asked later what If-Match says nothing of: leave it out"
            )
        owner = owner_of(caller.user_id, caller.project_id) if caller else ""
        # Who changes one of several replicas changes what the others are lines of.
        about = About.of(work.request, work.intent, owner, frozenset(work.replicas.values()))
        data = None
        if not isinstance(work.request.body, Held):
            if not queues and not await self._journal.in_the_way(about, [call.site for call in calls]):
                return Queued()
            data = await self._journal.keep(work.request.body, self._limits.journal_data)
            work = replace(work, request=resent(work.request, data))
        letters = {call.site: _letter(work, call, found, travel, caller) for call in calls}
        limits = self._limits
        try:
            begun = await self._journal.begin(
                letters, about, limits.journal_entries, limits.journal, queues, data,
                [[call.site for call in part] for part in parts],
            )  # fmt: skip
        except BaseException:
            if data is not None:
                await self._journal.give_up(data)
            raise
        down = frozenset(call.site for call in calls if queues and self._health.believed_down(call.site))
        # When all are believed down, all are tried.
        return Queued(begun, down if len(down) < len(calls) else frozenset(), data)

    async def turn(self, queued: Queued, site: str) -> None:
        """A site is about to be sent the write."""
        if queued.begun is not None:
            await self._journal.turn(queued.begun, site)

    async def end(self, queued: Queued, result: Result) -> None:
        """Settle what came of it, before the client is answered."""
        if queued.begun is None:
            await self.fail(queued)
            return
        if result.reply is None or not result.reply.ok:
            await self._journal.forget(queued.begun)
        else:
            await self._journal.settle(queued.begun, result.asked, result.replicas)

    async def fail(self, queued: Queued) -> None:
        """An error of our own: what was done by then has been undone or told."""
        if queued.begun is not None:
            await self._journal.forget(queued.begun)
        elif queued.data is not None:
            await self._journal.give_up(queued.data)


def _letter(work: Work, call: Call, found: Found, travel: Travel, caller: Identity | None) -> Letter:
    # The site's own condition: what has changed there by then is not changed again.
    request = conditions.for_site(work.request, call.site) or work.request
    return Letter(
        request,
        str(work.scope),
        (caller.user_id, caller.project_id or "") if caller else ("", ""),
        # When they are needed, some may be forgotten: what was deleted here since.
        tuple((*key, id_) for key, id_ in work.translations.get(call.site, {}).items()),
        found.token,
        found.home,
        found.entry,
        found.hops,
        found.source,
        travel.host,
        travel.client,
        travel.scheme,
        caller,
    )
