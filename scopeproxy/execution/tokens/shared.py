"""The strategy *shared*: two sites have the same Fernet keys and ids, so that a token of one is good at the other.

A revocation is known where it was made alone: so the issuer vouches for the token before the other site sees it.
"""

from __future__ import annotations

from scopeproxy.execution.tokens.broker import Asked, Grant, NotThis, refused, withheld_by_issuer
from scopeproxy.execution.tokens.vouching import Vouching
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Outcome
from scopeproxy.model.topology import Topology
from scopeproxy.planning.strategies import Case, why_not


class SharedStrategy:
    """Grants the client's own token, which the other site validates itself."""

    name = "shared"

    def __init__(self, topology: Topology, here: str, vouching: Vouching) -> None:
        self._topology, self._here, self._vouching = topology, here, vouching

    async def grant(self, asked: Asked) -> Grant | Outcome | NotThis:
        reason = why_not(self.name, Case(asked.service, self._here, asked.site, asked.home), self._topology)
        if reason:
            return NotThis(reason)
        reason = withheld_by_issuer(asked, self._topology)
        if reason:
            return refused(asked, reason)
        said = await self._vouching.identity(asked)
        return Grant(asked.token) if isinstance(said, Identity) else said
