"""Whether the members of a replica set are still alike, from what their sites show of them.

A difference is told by the names of fields, never by their values.  What may differ is told by volatile.py; ids in
which members refer to other things are equal where those are replicas, or where of none of them is it known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from scopeproxy.model.messages import Outcome, Reply, Request
from scopeproxy.planning.intent import Intent, Kind, is_uuid
from scopeproxy.planning.items import NO_SETS, Sets
from scopeproxy.planning.lists import contents, listing
from scopeproxy.planning.volatile import MADE_BY, OPEN, OWN_ID, is_of_users, is_volatile

Item = Mapping[str, Any]

# The members of one set as their sites show them, in scope order.
Shown = Mapping[str, Item]

# Of an id: the names of the sets that it is a member of.
Kin = Mapping[str, frozenset[str]]

# Bytes of an answer with one resource that are looked into; it is passed on unread otherwise.
LARGEST = 1024 * 1024

# An id of which no set is known: what it stands for at another site cannot be told from here.
_SOME_ID = frozenset({""})


@dataclass(frozen=True, slots=True)
class Divergence:
    """How the members at a site differ from those of the first site that shows them: how many do, and in what."""

    fields: tuple[str, ...]
    members: int = 1


# By site.
Diverging = Mapping[str, Divergence]
NO_DIVERGENCE: Diverging = MappingProxyType({})


# ---- what an answer shows


def shown(
    request: Request,
    intent: Intent,
    outcomes: Sequence[Outcome],
    replicas: Mapping[str, str],
    sets: Sets = NO_SETS,
) -> tuple[Shown, ...]:
    """The sets of which the answers to a read show several members.

    `replicas`: by site, the id of what the request is about; `sets`: of the ids in a list that are replicas.
    """
    if request.method != "GET" or intent.beneath:
        return ()
    good = [one for one in outcomes if isinstance(one, Reply) and one.ok]
    if intent.kind is Kind.SHOW and len(replicas) > 1:
        found = [{one.site: item for one in good if (item := _member(one, replicas)) is not None}]
    elif intent.kind is Kind.LIST and sets:
        found = _listed(good, intent, sets)
    else:
        return ()
    return tuple(group for group in found if len(group) > 1)


def resource(document: Any) -> Item | None:
    """The one thing that a document shows, out of its envelope."""
    if not isinstance(document, dict):
        return None
    inside = [value for value in document.values() if isinstance(value, dict)]
    return document if own_id(document) or len(inside) != 1 else inside[0]


def own_id(item: Item) -> str | None:
    """What a resource is called at its site."""
    id_ = next((item[key] for key in OWN_ID if item.get(key)), None)
    return None if id_ is None else str(id_)


def _member(reply: Reply, replicas: Mapping[str, str]) -> Item | None:
    item = resource(contents(reply)) if len(reply.body) <= LARGEST else None
    return item if item is not None and own_id(item) == replicas.get(reply.site) else None


def _listed(replies: Sequence[Reply], intent: Intent, sets: Sets) -> list[dict[str, Item]]:
    groups: dict[tuple[tuple[str, str], ...], dict[str, Item]] = {}
    for one in replies:
        found = listing(one.site, contents(one), intent.collection)
        for item in found.items if found else ():
            members = sets.get(own_id(item) or "", {}) if isinstance(item, dict) else {}
            if one.site in members and members[one.site] == own_id(item):
                groups.setdefault(tuple(sorted(members.items())), {})[one.site] = item
    return list(groups.values())


# ---- what differs


def ids_in(service: str, collection: str, group: Shown) -> Iterator[str]:
    """The ids that stand where members are not the same to the letter: whose kin has to be known to compare them."""
    for first, other, fields in _pairs(service, collection, group):
        for field in fields:
            yield from _ids(first.get(field), field)
            yield from _ids(other.get(field), field)


def holds_ids(value: Any, field: str) -> bool:
    """Whether what a field says names other things."""
    return any(True for _ in _ids(value, field))


def differences(service: str, collection: str, group: Shown, kin: Kin) -> dict[str, tuple[str, ...]]:
    """By site, the fields in which its member differs from that of the first; without those that do not."""
    found: dict[str, tuple[str, ...]] = {}
    told = _Reading(service, collection, kin)
    for site, (first, other, fields) in zip(list(group)[1:], _pairs(service, collection, group), strict=True):
        names = tuple(name for name in fields if told.of(first.get(name), name) != told.of(other.get(name), name))
        if names:
            found[site] = names
    return found


def diverging(service: str, collection: str, groups: Sequence[Shown], kin: Kin) -> Diverging:
    """What is different at each site, over all of these sets."""
    found: dict[str, Divergence] = {}
    for group in groups:
        for site, names in differences(service, collection, group, kin).items():
            before = found.get(site, Divergence((), 0))
            found[site] = Divergence(tuple(dict.fromkeys((*before.fields, *names))), before.members + 1)
    return found


def _pairs(service: str, collection: str, group: Shown) -> Iterator[tuple[Item, Item, list[str]]]:
    """The first member with each of the others, and the fields that should say the same, and do not to the letter."""
    members = list(group.values())
    for other in members[1:]:
        yield members[0], other, list(_compared(service, collection, members[0], other))


def _compared(service: str, collection: str, one: Item, other: Item) -> Iterator[str]:
    is_open = (service, collection) in OPEN
    for field in {**one, **other}:
        in_both = field in one and field in other
        # Most fields are the same, and lists are long.
        if (in_both and one[field] == other[field]) or not (in_both or is_open):
            continue
        if field in OWN_ID or is_volatile(service, collection, field):
            continue
        by = MADE_BY.get((service, collection, field))
        if by is None or one.get(by) == other.get(by):
            yield field


def _ids(value: Any, field: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _ids(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner, field)
    elif _is_id(value, field):
        yield str(value)


def _is_id(value: Any, field: str) -> bool:
    if isinstance(value, str):
        return is_uuid(value) or (field in OWN_ID and value != "")
    return field in OWN_ID and isinstance(value, int)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a field says, so that what is alike is equal: without what is volatile or empty, in no order, ids by their
    kin."""

    service: str
    collection: str
    kin: Kin

    def of(self, value: Any, field: str, of_users: bool = False) -> object:
        """None for what says nothing; values that can be compared, and sorted by their repr."""
        of_users = of_users or is_of_users(field)
        if isinstance(value, dict):
            return self._mapping(value, of_users)
        if isinstance(value, list):
            return tuple(sorted((self.of(inner, field, of_users) for inner in value), key=repr)) or None
        if value in (None, ""):
            return None
        if not of_users and _is_id(value, field):
            return tuple(sorted(self.kin.get(str(value), _SOME_ID)))
        return value

    def _mapping(self, value: Item, of_users: bool) -> object:
        told = {key: self.of(inner, key, of_users) for key, inner in value.items() if self._tells(key, of_users)}
        rest = {key: inner for key, inner in told.items() if inner is not None}
        if not of_users and rest.keys() - set(OWN_ID):
            # It is not told of by its id alone: a rule of a group, and not the image of a server.
            rest = {key: inner for key, inner in rest.items() if key not in OWN_ID}
        return tuple(sorted(rest.items(), key=itemgetter(0))) or None

    def _tells(self, field: str, of_users: bool) -> bool:
        return of_users or not is_volatile(self.service, self.collection, field)
