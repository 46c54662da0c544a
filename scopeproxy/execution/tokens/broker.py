"""Which token a site is shown: the strategies in the operator's order, and the first that applies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scopeproxy.errors import Unauthorized
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Outcome, Reply
from scopeproxy.planning.faults import fault


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom a token is wanted: the call's service, the site, the client's token, and who keeps its login."""

    service: str
    site: str
    token: Token
    entry: str


@dataclass(frozen=True, slots=True)
class Grant:
    """The token to show, and the caller's own ids to translate: as the client's token has them → as this one does."""

    token: Token | None
    ids: Mapping[str, str] = field(default_factory=dict)


class Strategy(Protocol):
    """One way to a token that a site can validate.  An Outcome stands for the site's answer: nothing is sent to it."""

    name: str

    async def grant(self, asked: Asked) -> Grant | Outcome | None:
        """A token for the site; None when this strategy does not apply to it.  Unauthorized: a new login is due."""


class Broker:
    """The strategies of one proxy.  `has_identity`: without a keystone anywhere, credentials pass as they are."""

    def __init__(self, strategies: Sequence[Strategy], has_identity: bool) -> None:
        self._strategies, self._has_identity = strategies, has_identity

    async def grant(self, asked: Asked | None) -> Grant | Outcome:
        """The token for a site, or the outcome that stands for one that was refused.

        Raises Unauthorized when a new login is due: a part of the answer without that site is no answer then.
        """
        if asked is None or not self._has_identity:
            return Grant(None if asked is None else asked.token)
        for strategy in self._strategies:
            answer = await strategy.grant(asked)
            if answer is not None:
                return answer
        raise Unauthorized(f"scope: no token for {asked.site}: {self._tried()}; log in again under this scope")

    def _tried(self) -> str:
        names = ", ".join(strategy.name for strategy in self._strategies)
        return f"strategies tried: {names}" if names else "proxy.tokens names no strategy that is built"


def own_ids(client: Identity, there: Identity) -> dict[str, str]:
    """The caller's own user and project, as the client knows them → as the other site does."""
    pairs = ((client.user_id, there.user_id), (client.project_id, there.project_id))
    return {ours: theirs for ours, theirs in pairs if ours and theirs and ours != theirs}


def refused(asked: Asked, message: str) -> Reply:
    """A 401 in the site's stead, on which clients log in again."""
    headers, body = fault(asked.service, 401, f"scope: {message}")
    return Reply(asked.site, 401, headers, body)
