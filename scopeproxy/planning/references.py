"""Ids inside a call that are right at one site only: to which service they refer, and where they are looked for.

Where they stand is told by reference_fields.py and reference_targets.py, and translations.py finds them there.
"""

from __future__ import annotations

from dataclasses import dataclass

from scopeproxy.lang.scope import At, Scope, sites_of
from scopeproxy.model.messages import Request
from scopeproxy.planning.intent import Intent, classify
from scopeproxy.planning.items import LOOKED_UP, NATURAL
from scopeproxy.planning.reference_fields import MAYBE
from scopeproxy.planning.rules import spread, substrates
from scopeproxy.planning.translations import Key, Place, places

# Of networks only the shared ones are, which an id alone does not tell.
_ALIKE = NATURAL.keys() - {("network", "networks")} | LOOKED_UP.keys()


@dataclass(frozen=True, slots=True)
class Reference:
    """An id in a call: the field it stands in, and the service, collection and sites where it may be known.

    `required`: without its counterpart the call would do something else than was meant; `maybe`: what nobody knows may
    be no id at all.
    """

    service: str
    collection: str
    field: str
    value: str
    known_at: tuple[str, ...]
    required: bool = True
    maybe: bool = False

    @property
    def key(self) -> Key:
        return (self.service, self.collection, self.value)


def foreign_references(
    request: Request,
    scope: Scope,
    entry: str,
    site: str,
    own_ids: frozenset[str] = frozenset(),
    there: tuple[Place, ...] | None = None,
) -> tuple[Reference, ...]:
    """The references in this call which mean nothing at `site`: they were looked up elsewhere.  `scope` is expanded;
    `there`: the ids that stand in it, where they were looked for already."""
    intent = classify(request)
    found = [
        Reference(
            place.service,
            place.collection,
            place.field,
            place.value,
            known_at,
            required=_required(place, scope, intent),
            maybe=place.field.rpartition(".")[2] in MAYBE,
        )
        for place in (places(request, intent) if there is None else there)
        if not place.itself
        and place.value not in own_ids
        and (known_at := _known_only_at(place, request.service, intent, scope, entry, site))
    ]
    return tuple(dict.fromkeys(found))


def home(service: str, called: str, scope: Scope, site: str) -> str | None:
    """The site whose ids of a service a call to `called` at `site` must have; None: those of several will do."""
    location = scope.location(service)
    if location is None or _each_its_own(service, called, scope, site):
        return site
    return location.site if isinstance(location, At) else None


def advice(reference: Reference, site: str, why: str) -> str:
    """What the caller is told: the reference, the site, and the hint to bind that service too."""
    known = " or ".join(reference.known_at)
    return (
        f"{reference.field} names {reference.value} of {reference.collection}, an id of {known}, and what it is called "
        f"at {site} cannot be found out: {why}; bind {reference.service} as well, to the one site where the id is "
        f"known, or everything to one site (*: {site})"
    )


def _required(place: Place, scope: Scope, intent: Intent) -> bool:
    return intent.writes or scope.location(place.service) is None


def _known_only_at(place: Place, called: str, intent: Intent, scope: Scope, entry: str, site: str) -> tuple[str, ...]:
    """Where an id was found, when that is not where the call's branch at `site` would look for it."""
    location = scope.location(place.service)
    if location is None:
        return (entry,) if site != entry else ()
    # A service that is bound is the same for all branches, but for the called one itself, for its substrates and for
    # whose ids tokens speak of: each branch has those of its own site.
    if not (_each_its_own(place.service, called, scope, site) and spread(location)):
        return ()
    # A list filtered by what is at one site only is rightly empty at the others; catalogues are alike at all.
    return sites_of(location) if intent.writes or (place.service, place.collection) in _ALIKE else ()


def _each_its_own(service: str, called: str, scope: Scope, site: str) -> bool:
    location = scope.location(service)
    beside = service in substrates(called) or service == "identity"
    return service == called or (beside and location is not None and site in sites_of(location))
