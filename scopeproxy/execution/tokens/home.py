"""The strategy *home*: a site is shown the token of another, and asks that one, its home, what it is worth.

It travels with the name of its home.  At the site, the proxy keeps that in the token's tag; validation.py of a service
meets it there, and foreign.py answers.
"""

from __future__ import annotations

from scopeproxy.execution.tokens.broker import Asked, Grant, NotThis, refused, withheld_by_issuer
from scopeproxy.execution.tokens.local_directory import LocalDirectory
from scopeproxy.execution.tokens.vouching import Vouching
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Outcome
from scopeproxy.model.topology import Topology
from scopeproxy.planning.homes import project_of
from scopeproxy.planning.strategies import Case, why_not


class HomeStrategy:
    """Grants the client's own token, to be validated at its home: at another site, and at this one for peers."""

    name = "home"

    def __init__(self, topology: Topology, here: str, vouching: Vouching, directory: LocalDirectory) -> None:
        self._topology, self._here, self._vouching, self._directory = topology, here, vouching, directory

    async def grant(self, asked: Asked) -> Grant | Outcome | NotThis:
        case = Case(asked.service, self._here, asked.site, asked.home)
        reason = why_not(self.name, case, self._topology)
        if reason:
            return NotThis(reason)
        reason = withheld_by_issuer(asked, self._topology)
        if reason:
            return refused(asked, reason)
        said = await self._vouching.identity(asked)
        if not isinstance(said, Identity):
            return said
        if said.system:
            return NotThis("a token for the system as a whole is good at its own site alone: login would do")
        return self._at_home(asked, said) if asked.site == self._here else Grant(asked.token, home=asked.home)

    def _at_home(self, asked: Asked, said: Identity) -> Grant:
        """For a service of this site, with the caller's ids as they are here."""
        rules = self._topology.sites[self._here].proxy.rules_for(asked.home)
        counterparts, unknown = self._directory.known(said, rules)
        return Grant(
            asked.token,
            counterparts.ids(said),
            unknown,
            asked.home,
            stranger=said.project_id is not None and project_of(said, rules) is None,
        )
