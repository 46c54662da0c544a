"""Which site issued a token: what came along with it says so, or the login that gave it, or else it was this site."""

from __future__ import annotations

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.ledger import Ledger
from scopeproxy.model.identity import Token
from scopeproxy.model.topology import Topology


class Issuers:
    """The issuers of the tokens that come to one site's proxy."""

    def __init__(self, topology: Topology, here: str, ledger: Ledger) -> None:
        self._topology, self._here, self._ledger = topology, here, ledger

    async def of(self, token: Token, home: str = "") -> str:
        """The issuer of a token.  `home`: what a peer, or the token's tag, said of it.

        Raises Unauthorized for a home that is no site with a keystone.
        """
        return await self.known(token, home) or self._here

    async def known(self, token: Token, home: str = "") -> str | None:
        """As `of`; None where nothing tells."""
        if not home:
            login = await self._ledger.login(token.fingerprint)
            return login.issuer if login else None
        site = self._topology.sites.get(home)
        if site is None or "identity" not in site.services:
            raise Unauthorized(
                f"scope: the token is one of {home}, which {self._here} does not know as a site with a keystone: "
                "do both read the same topology file?"
            )
        return home
