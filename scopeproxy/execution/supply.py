"""The body of a request for every call of its plan: as it comes, kept for the next site, or split over several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from scopeproxy.execution.bodies import Kept, hold
from scopeproxy.execution.reading import collect, within
from scopeproxy.execution.splitting import Split
from scopeproxy.execution.spool import Spooled, resent
from scopeproxy.model.messages import Body, Held, Outcome, Request, Unreached
from scopeproxy.model.topology import ProxySettings
from scopeproxy.planning.plan import Call, Plan, Refuse, goes_everywhere, sites_in, spreads

# The share of the time for an answer after which a site that takes nothing of a body is left behind: sooner than any
# other site, which waits for it meanwhile, takes us for a client that sends nothing.
_SHARE = 0.5

Make = Callable[[Call], Awaitable[Outcome]]


class Supply:
    """Gives each call of a plan its body; `close` when all are answered.  None: calls have theirs already."""

    def __init__(
        self, body: Body | None, split: Split | None = None, limit: int = 0, patience: float | None = None
    ) -> None:
        self._body, self._split, self._limit, self._patience = body, split, limit, patience

    async def send(self, call: Call, make: Make) -> Outcome:
        """Make a call, with the body."""
        if self._split is not None:
            return await self._split.send(call.site, lambda body: make(_with(call, body)), self._limit)
        if self._body is None:
            return await make(call)
        if isinstance(self._body, Spooled):
            outcome = await make(replace(call, request=resent(call.request, self._body)))
            # Sending it may have taken longer than a call may take.
            return await collect(outcome, self._limit, within(self._patience))
        if not self._body.replayable:
            return Unreached(call.site, False, "the body was sent to another site and not kept", asked=False)
        return await make(_with(call, self._body))

    def pass_over(self, site: str) -> None:
        """The site is not sent to after all: nobody waits until it takes the body."""
        if self._split is not None:
            self._split.pass_over(site)

    @property
    def left_behind(self) -> frozenset[str]:
        """The sites which took nothing of the body for so long that the others did not wait for them."""
        return frozenset(self._split.left_behind if self._split is not None else ())

    def close(self) -> None:
        """Let go of what was kept."""
        for kept in (self._split, self._body):
            if isinstance(kept, Split | Kept):
                kept.close()


async def supply(request: Request, plan: Plan, settings: ProxySettings, kept: Spooled | None = None) -> Supply:
    """The body as often as the plan may need it; `kept`: all of it, where the journal has taken it already.

    Raises TooLarge where it would have to be held and is too large.
    """
    body, limits = request.body, settings.limits
    if kept is not None:
        return Supply(kept, None, limits.merged_body, settings.timeouts.answer)
    if isinstance(body, Held) or isinstance(plan, Call | Refuse):
        return Supply(None)
    if goes_everywhere(plan):
        split = Split(body, sites_in(plan), settings.timeouts.answer * _SHARE)
        return Supply(None, split, limits.merged_body)
    if spreads(plan):
        return Supply(await hold(body, limits.buffered_body))
    return Supply(Kept(body, limits.buffered_body, limits.spooled_body))


def _with(call: Call, body: Body) -> Call:
    return replace(call, request=replace(call.request, body=body))
