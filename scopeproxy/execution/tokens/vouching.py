"""Before a token is used beyond its own site, its issuer has vouched for it: a revoked one must not live on."""

from __future__ import annotations

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.tokens.broker import Asked, refused
from scopeproxy.execution.tokens.revocation import Revocation
from scopeproxy.execution.tokens.validation import Validator
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Outcome, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.credentials import TOKEN, withheld


class Vouching:
    """Asks issuers on behalf of the strategies of one proxy."""

    def __init__(self, topology: Topology, here: str, validator: Validator, revocation: Revocation) -> None:
        self._topology, self._here = topology, here
        self._validator, self._revocation = validator, revocation

    async def identity(self, asked: Asked) -> Identity | Outcome:
        """Who the token speaks for, as `asked.home` says; or the outcome that stands when that cannot be asked.

        Raises Unauthorized when the token is good no more; what was had for it at other sites is revoked then.
        """
        issuer = self._topology.sites[asked.home]
        reason = withheld(TOKEN, self._topology.sites[self._here], issuer, issuer.services["identity"].front)
        if reason:
            return refused(asked, reason)
        answer = await self._validator.identity(asked.token, asked.home)
        if isinstance(answer, Unreached):
            return Unreached(asked.site, False, f"{asked.home}, which issued the token, cannot be asked: {answer.why}")
        if answer is None:
            await self._revocation.revoke(asked.token.fingerprint)
            raise Unauthorized(f"scope: {asked.home} does not accept the token any more: log in again")
        return answer
