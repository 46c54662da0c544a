"""Looks at what several sites answered to a read for replicas that are no longer alike."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.aside import aside
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.runner import Result
from scopeproxy.model.messages import Reply
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.divergence import NO_DIVERGENCE, Diverging, Shown, diverging, ids_in, shown
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.plan import Work

logger = logging.getLogger("scopeproxy")


class Divergences:
    """For one site's proxy, by the replica sets that it knows."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas

    async def among(self, work: Work, result: Result) -> Diverging:
        """By site, how its replicas in these answers differ; nothing where they hold none, or cannot be compared."""
        service, collection = work.request.service, work.intent.collection
        if work.intent.kind is Kind.LIST and not result.sets:
            return NO_DIVERGENCE
        size = sum(len(one.body) for one in result.asked if isinstance(one, Reply))
        groups, ids = await aside(size, _shown, work, result)
        if not groups:
            return NO_DIVERGENCE
        try:
            kin = await self._replicas.kin(referred_to(service), ids)
        except SiteFailure as failure:
            # The answer is good without it.
            logger.warning("replicas in an answer were not compared: %s", failure)
            return NO_DIVERGENCE
        return await aside(size, diverging, service, collection, groups, kin)


def _shown(work: Work, result: Result) -> tuple[Sequence[Shown], Sequence[str]]:
    """The sets in the answers, and the ids whose kin has to be known to compare them."""
    groups = shown(work.request, work.intent, result.asked, work.replicas, result.sets)
    ids = (id_ for group in groups for id_ in ids_in(work.request.service, work.intent.collection, group))
    return groups, tuple(dict.fromkeys(ids))


def referred_to(service: str) -> Iterable[str]:
    """The services whose ids may stand in what this one shows."""

    def all_() -> Iterator[str]:
        yield service
        row = SERVICES.get(service)
        if row is not None:
            yield from SERVICES if row.calls is None else sorted(row.calls)
            yield "identity"

    return tuple(dict.fromkeys(all_()))
