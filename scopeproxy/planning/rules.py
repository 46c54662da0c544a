"""Bad collaborations (section 6 of the language): a table of rows, refused before anything was sent."""

from __future__ import annotations

from scopeproxy.lang.scope import Scope
from scopeproxy.model.messages import Request
from scopeproxy.model.topology import Topology
from scopeproxy.planning.intent import Intent


def refuse(request: Request | None, intent: Intent | None, scope: Scope, entry: str, topology: Topology) -> None:
    """Raise BadCollaboration when the (expanded) scope cannot work for this call; None: for the scope as such."""
    raise NotImplementedError


def narrow_substrates(scope: Scope, caller_service: str, site: str, topology: Topology) -> Scope:
    """The scope for a call to a service at one site: substrates of it that are bound there too are bound there only."""
    raise NotImplementedError
