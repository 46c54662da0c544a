"""How the outcomes of several sites become one answer (section 4 of the language), a function for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scopeproxy.model.messages import Outcome, Reply, Request
from scopeproxy.planning.intent import Intent


@dataclass(frozen=True, slots=True)
class Merged:
    """One answer for all.  `partial`: sites whose part is missing; `replicas`: site to the id that a create got."""

    reply: Reply
    partial: tuple[str, ...] = ()
    replicas: Mapping[str, str] = field(default_factory=dict)


def merge(request: Request, intent: Intent, outcomes: Sequence[Outcome], strict: bool = False) -> Merged:
    """One answer out of those of several sites, in scope order.

    Raises SiteFailure where no answer would be honest and NotYet for what is not built yet.  A write which did not
    succeed everywhere comes back as the composed fault (`partial_write`) with the failed sites in `partial`.
    """
    raise NotImplementedError


def partial_write(
    request: Request, intent: Intent, outcomes: Sequence[Outcome], undone: Mapping[str, str] | None = None
) -> Reply:
    """The answer to a write which some sites did and others did not, telling what happened at each.

    `undone`: site to what became of the attempt to delete again what was created there; None: all was kept.
    """
    raise NotImplementedError


def sites_header(outcomes: Sequence[Outcome]) -> str:
    """X-Scope-Sites: what was asked and what came, `Paris=201, Corte=unreached`."""
    raise NotImplementedError


def replicas_header(replicas: Mapping[str, str]) -> str:
    """X-Scope-Replicas: `Paris=<id>, Corte=<id>`."""
    raise NotImplementedError


def partial_header(sites: Sequence[str]) -> str:
    """X-Scope-Partial: the sites whose part is missing."""
    raise NotImplementedError


def next_page(reply: Reply, request: Request, prefixes: Sequence[str] = ()) -> str | None:
    """The target below the service's root of a list's following page, when this one has a link to it.

    `prefixes`: the path prefixes that the site's links may carry (those of its front and back).
    """
    raise NotImplementedError


def created_id(reply: Reply, intent: Intent) -> str | None:
    """The id that a create was given."""
    raise NotImplementedError
