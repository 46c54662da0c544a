"""Ids inside a call that are right at one site only: where they stand, and to which service they refer."""

from __future__ import annotations

from dataclasses import dataclass

from scopeproxy.lang.scope import Scope
from scopeproxy.model.messages import Request


@dataclass(frozen=True, slots=True)
class Reference:
    """An id in a call: the field it stands in, and the service, collection and site where it is known."""

    service: str
    collection: str
    field: str
    value: str
    known_at: str


def foreign_references(
    request: Request, scope: Scope, entry: str, site: str, own_ids: frozenset[str] = frozenset()
) -> tuple[Reference, ...]:
    """The references in this call which mean nothing at `site`: they were looked up elsewhere.  `scope` is expanded."""
    raise NotImplementedError


def advice(reference: Reference, site: str) -> str:
    """What the caller is told: the reference, the site, and the hint to bind that service too."""
    raise NotImplementedError
