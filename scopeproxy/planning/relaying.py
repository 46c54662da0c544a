"""Which calls under a scope go to one other site as they are, and would go there again if they came again.

Such a read needs no journey of its own while what it was decided by still holds.
"""

from __future__ import annotations

from scopeproxy.planning.conditions import has_any
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.passing import path_passes
from scopeproxy.planning.plan import Call, Plan, Work

# Whose answers are data, bare or in lists, and nothing that a proxy learns from or changes.
RELAYED = frozenset({Kind.LIST, Kind.SHOW, Kind.DOWNLOAD, Kind.TOTALS})


def may_be_relayed(work: Work) -> bool:
    """Whether that is a read of which nothing depends on what was read before."""
    request = work.request
    return work.intent.kind in RELAYED and request.body.length == 0 and path_passes(request) and not has_any(request)


def relayed(work: Work, plan: Plan) -> Call | None:
    """The one call to another site that the plan is; None: it is more than that, or less."""
    return plan if isinstance(plan, Call) and plan.site != work.entry and not plan.missing else None
