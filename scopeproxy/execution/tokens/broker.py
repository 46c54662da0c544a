"""Which token a site is shown: the strategies in the operator's order, and the first that applies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.tokens.issuers import Issuers
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.credentials import TOKEN, withheld
from scopeproxy.planning.faults import fault
from scopeproxy.planning.strategies import STANDS_IN, Case, remedy, why_not


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom a token is wanted: the call's service, the site, the client's token, who keeps its login, and who
    issued it.  `home` is empty where nothing said so; the broker fills it in before it asks a strategy.  `serving`: the
    token is a service's own, which works for somebody else.  `caller`: whom it spoke for when the journal took in the
    call that is made now."""

    service: str
    site: str
    token: Token
    entry: str
    home: str = ""
    serving: bool = False
    caller: Identity | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """The token to show.

    `ids`: the caller's own ids to translate, as the client's token has them → as this one does; `unknown`: those whose
    counterparts nobody has looked up yet.  `home`: who issued the token, where that is not the site which it is shown
    to; `stranger`: whether the caller's project is none of that site's; `account`: whether it is an account's of the
    operator's.
    """

    token: Token | None
    ids: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    home: str = ""
    stranger: bool = False
    account: bool = False


@dataclass(frozen=True, slots=True)
class NotThis:
    """A strategy does not apply; `why`, in a few words."""

    why: str


class Strategy(Protocol):
    """One way to a token that a site can validate.  An Outcome stands for the site's answer: nothing is sent to it.

    Where it is a Reply, which refuses, only what stands in for the refused is tried after it."""

    name: str

    async def grant(self, asked: Asked) -> Grant | Outcome | NotThis:
        """A token for a site that did not issue the client's; or why this strategy has none, and the next is tried.

        Raises Unauthorized when a new login is due.
        """


class Broker:
    """The strategies that are built, for one proxy; `proxy.tokens` has the order."""

    def __init__(
        self, strategies: Sequence[Strategy], topology: Topology, here: str, issuers: Issuers, metrics: Metrics
    ) -> None:
        self._strategies = {strategy.name: strategy for strategy in strategies}
        self._topology, self._here = topology, here
        self._issuers, self._metrics = issuers, metrics

    async def grant(self, asked: Asked | None) -> Grant | Outcome:
        """The token for a site, or the outcome that stands for one that was refused.

        Raises Unauthorized when a new login is due: a part of the answer without that site is no answer then.
        """
        if asked is None or not self._topology.has_identity:
            # Without a keystone anywhere, credentials are none of our business.
            return Grant(None if asked is None else asked.token)
        asked = replace(asked, home=await self._issuers.of(asked.token, asked.home))
        there = self._topology.sites[asked.site]
        reason = withheld(TOKEN, self._topology.sites[self._here], there, there.services[asked.service].front)
        if reason:
            return refused(asked, reason)
        if asked.site == asked.home:
            return Grant(asked.token)
        if asked.serving and not self._topology.shared("identity", asked.home, asked.site):
            # It may do much at its own site, and which site is called here was said by the one whom it works for.
            return refused(
                asked,
                f"a service of {asked.home} works for somebody else by a token of its own, which {asked.site} is shown "
                "only where both share identity: see shares in the topology",
            )
        return await self._by_strategy(asked)

    async def _by_strategy(self, asked: Asked) -> Grant | Outcome:
        case, tried = Case(asked.service, self._here, asked.site, asked.home), list[str]()
        refusal: Reply | None = None
        for name in self._topology.sites[self._here].proxy.tokens:
            if refusal is not None and name not in STANDS_IN:
                continue
            strategy = self._strategies.get(name)
            if strategy is None:
                tried.append(f"{name} ({why_not(name, case, self._topology)})")
                continue
            answer = await strategy.grant(asked)
            if isinstance(answer, NotThis):
                tried.append(f"{name} ({answer.why})")
                continue
            self._metrics.token_grants.labels(asked.site, name, _outcome(answer)).inc()
            if not isinstance(answer, Reply):
                return answer
            refusal = refusal or answer
        if refusal is not None:
            return refusal
        self._metrics.token_grants.labels(asked.site, "none", "refused").inc()
        raise Unauthorized(
            f"scope: no token for {asked.site}: tried {', '.join(tried) or 'nothing: proxy.tokens is empty'}; "
            f"{remedy(case, self._topology)}"
        )


def _outcome(answer: Grant | Outcome) -> str:
    if isinstance(answer, Grant):
        return "granted"
    return "unreached" if isinstance(answer, Unreached) else "refused"


def own_ids(client: Identity, there: Identity) -> dict[str, str]:
    """The caller's own user and project, as the client knows them → as the other site does."""
    pairs = ((client.user_id, there.user_id), (client.project_id, there.project_id))
    return {ours: theirs for ours, theirs in pairs if ours and theirs and ours != theirs}


def withheld_by_issuer(asked: Asked, topology: Topology) -> str | None:
    """Why the issuer's operator would not have its token go to the site, where it is not here that it was issued."""
    there = topology.sites[asked.site]
    return withheld(TOKEN, topology.sites[asked.home], there, there.services[asked.service].front)


def refused(asked: Asked, message: str) -> Reply:
    """A 401 in the site's stead, on which clients log in again."""
    headers, body = fault(asked.service, 401, f"scope: {message}")
    return Reply(asked.site, 401, headers, body)
