"""The items of lists: what an item is called, and when two of different sites are one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from scopeproxy.model.messages import Request
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.paging import Turn

_UUID = re.compile(r"[0-9a-f]{32}\Z|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def _name(item: dict[str, Any]) -> Any:
    return item.get("name")


def _shared_name(item: dict[str, Any]) -> Any:
    return item.get("name") if item.get("shared") or item.get("router:external") else None


def _of_default_domain(item: dict[str, Any]) -> Any:
    """The default domain is the same everywhere; of others only the names are alike."""
    return item.get("name") if item.get("domain_id") in (None, "default") else None


# Keystone has no pages, nor has placement; barbican's begin at an offset, as those of some of nova's lists.
_UNPAGED = frozenset({"identity", "placement", "key-manager"})
_BY_OFFSET = frozenset({("compute", "os-server-groups")})

# What is a list's marker where that is not the id of its items.
_MARKERS = {
    ("compute", "os-instance-actions"): ("request_id",),
    ("compute", "os-migrations"): ("uuid", "id"),
    ("image", "namespaces"): ("namespace",),
}

Natural = Callable[[dict[str, Any]], Any]

# Catalogue-like collections: what stands for the same thing at every site has the same name there.
NATURAL: dict[tuple[str, str], Natural] = {
    ("compute", "flavors"): _name,
    ("compute", "os-keypairs"): _name,
    ("compute", "os-availability-zone"): lambda item: item.get("zoneName"),
    ("compute", "extensions"): lambda item: item.get("alias"),
    ("block-storage", "types"): _name,
    ("block-storage", "os-availability-zone"): lambda item: item.get("zoneName"),
    ("shared-file-system", "types"): _name,
    ("identity", "roles"): _of_default_domain,
    ("identity", "domains"): _name,
    ("identity", "projects"): _of_default_domain,
    ("network", "networks"): _shared_name,
    ("network", "extensions"): lambda item: item.get("alias"),
    ("network", "availability_zones"): lambda item: (item.get("resource"), item.get("name")),
    ("load-balancer", "flavors"): _name,
    ("load-balancer", "providers"): _name,
    ("placement", "resource_classes"): _name,
    ("placement", "traits"): _name,
}

# The same, where they are looked up by one of these filters; in their whole list each site's stand, since the endpoints
# of a site refer to its own.
LOOKED_UP: dict[tuple[str, str], tuple[frozenset[str], Natural]] = {
    ("identity", "services"): (frozenset({"name", "type"}), lambda item: (item.get("type"), item.get("name"))),
}


# Of an id that is a replica: all of its set, by site.
Sets = Mapping[str, Mapping[str, str]]
NO_SETS: Sets = MappingProxyType({})


def same(request: Request, intent: Intent, sets: Sets = NO_SETS) -> Callable[[Any, str], Sequence[object]]:
    """The keys of a site's item, for this request: items of two sites that have one in common are the same."""
    natural = natural_key(request, intent)
    wrapped = _is_wrapped(request, intent)
    ours = request.service in SERVICES
    # Other ids of keystone are as good as a UUID: those of regions are names, those of a directory's users are hashes.
    any_id = request.service == "identity" and natural is None

    def keys(item: Any, site: str) -> Sequence[object]:
        bare = _unwrapped(item) if wrapped else item
        if not isinstance(bare, dict):
            # An application of one's own may well list the same number twice.
            return [("value", repr(bare))] if ours else []
        found: list[object] = []
        id_ = str(bare.get("id") or bare.get("uuid") or "")
        # Nova counts its aggregates, and in old versions hosts and services, at each site: 1 here is not 1 there.
        if _UUID.match(id_) or (any_id and id_):
            found.append(("id", id_))
        if natural is not None and (name := natural(bare)) not in (None, ""):
            found.append(("name", repr(name)))
        if sets and (members := sets.get(id_)) is not None and members.get(site) == id_:
            found.append(set_key(members))
        return found

    return keys


def set_key(members: Mapping[str, str]) -> object:
    """What all members of a replica set have in common."""
    return ("set", tuple(sorted(members.items())))


def _is_wrapped(request: Request, intent: Intent) -> bool:
    """Whether each item stands in a mapping of one key, as nova's keypairs do: `{"keypair": {…}}`."""
    return (request.service, intent.collection) == ("compute", "os-keypairs")


def _unwrapped(item: Any) -> Any:
    inner = next(iter(item.values())) if isinstance(item, dict) and len(item) == 1 else None
    return inner if isinstance(inner, dict) else item


def are_distinct(lists: Sequence[Sequence[Any]], request: Request, intent: Intent, sets: Sets = NO_SETS) -> bool:
    """Whether no two of the items are the same, as can be told without their keys: of nearly all lists that is so, and
    it takes a twentieth of the time.  False: it cannot be told so."""
    if sets or natural_key(request, intent) is not None or _is_wrapped(request, intent):
        return False
    if any(kind is not dict for kind in {type(item) for items in lists for item in items}):
        return False
    ids = [item.get("id") or item.get("uuid") for items in lists for item in items]
    return all(kind is str for kind in {type(id_) for id_ in ids}) and len(set(ids)) == len(ids)


def site_teller(request: Request, intent: Intent) -> Callable[[Iterable[Any], str], list[Any]]:
    """What makes of items the same with their site told; what is no object stays as it is."""
    return _told_inside if _is_wrapped(request, intent) else _told


def _told(items: Iterable[Any], site: str) -> list[Any]:
    return [{**item, "scope_site": site} if isinstance(item, dict) else item for item in items]


def _told_inside(items: Iterable[Any], site: str) -> list[Any]:
    return [one for item in items for one in _told_in(item, site)]


def _told_in(item: Any, site: str) -> list[Any]:
    bare = _unwrapped(item)
    told = _told((bare,), site)
    return told if bare is item else [dict.fromkeys(item, told[0])]


def natural_key(request: Request, intent: Intent) -> Natural | None:
    """What makes items of several sites one beside their ids, in this list; None: nothing does."""
    what, filters = (request.service, intent.collection), {key for key, _ in request.query}
    natural = None if intent.beneath else NATURAL.get(what)
    if natural is not None:
        return natural
    by, looked_up = LOOKED_UP.get(what, (frozenset(), _name))
    if not intent.beneath and not by.isdisjoint(filters):
        return looked_up
    if "name" in filters:
        return _of_default_domain if request.service == "identity" else _name
    return None


def is_whole(request: Request, intent: Intent, turn: Turn | None = None) -> bool:
    """Whether a list is asked for as a whole at every site, and made into pages here.

    What counts once by its name is known only when all is known.  What an application of one's own does with a marker
    is not ours to guess.
    """
    service = request.service
    is_paged = service in SERVICES and service not in _UNPAGED and (service, intent.collection) not in _BY_OFFSET
    whole = turn is not None and turn.whole
    return whole or not is_paged or natural_key(request, intent) is not None


def bare_id(item: Any) -> str | None:
    """The id by which an item may be known as a replica; None where it has none."""
    id_ = (item.get("id") or item.get("uuid")) if isinstance(item, dict) else None
    return str(id_) if id_ else None


def item_id(item: Any, request: Request, intent: Intent) -> str | None:
    """What a client may send as a marker for this item; None where it has nothing of the kind."""
    bare = _unwrapped(item) if _is_wrapped(request, intent) else item
    keys = _MARKERS.get((request.service, intent.beneath or intent.collection), ("id", "uuid", "name"))
    id_ = next((bare[key] for key in keys if bare.get(key)), None) if isinstance(bare, dict) else None
    return None if id_ is None else str(id_)
