"""What an audit finds: what is missing, extra or different of replica sets, from what their sites answered.

*Missing*: a site no longer has the member that the set knows.  *Different*: it has another thing there by now, in more
than volatile fields.  *Extra*: beside its member, or in its place, the site has something else of the same name, of no
set: who uses the name may mean either.  *Unanswered*: the site did not tell.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scopeproxy.model.messages import Outcome, Reply
from scopeproxy.planning.divergence import Item, Kin, Shown, differences, own_id, resource
from scopeproxy.planning.replica_news import ReplicaSet
from scopeproxy.planning.writes import absent, what_happened


class State(enum.Enum):
    """What is wrong with a member."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of an audit.

    `fields`: in which it differs from the member at `like`; `why`: more of it, in words; `count`: how many members are
    told of together; `mended`: what was done about it, None: nothing, for want of a wish.
    """

    state: State
    service: str
    collection: str
    site: str
    id: str = ""
    name: str = ""
    fields: tuple[str, ...] = ()
    like: str = ""
    why: str = ""
    count: int = 1
    mended: str | None = None
    remains: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What the sites of a set answered: the members that are there, the first of which the others are to be like; the
    sites without theirs, each with more of that, if there is any; and why others did not tell."""

    of: ReplicaSet
    there: Shown
    missing: Mapping[str, str]
    silent: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the members are called by their users; "" where they have no name."""
        names = (item.get("name") for item in self.there.values())
        return next((name for name in names if isinstance(name, str)), "")


def seen(of: ReplicaSet, answers: Mapping[str, Outcome], base: str | None = None) -> Seen:
    """What answers to the question for each member tell.  `base`: the site whose member counts, where it is there."""
    order = sorted(answers, key=lambda site: site != base)
    there, missing, silent = dict[str, Item](), dict[str, str](), dict[str, str]()
    for site in order:
        outcome = answers[site]
        item = resource(outcome.json) if isinstance(outcome, Reply) and outcome.ok else None
        if item is not None and own_id(item) == of.members[site]:
            there[site] = item
        elif absent(outcome):
            missing[site] = outcome.reason if isinstance(outcome, Reply) else ""
        elif isinstance(outcome, Reply) and outcome.ok:
            silent[site] = "answered what is not what was asked for"
        else:
            silent[site] = what_happened(outcome)
    return Seen(of, there, missing, silent)


def findings(found: Seen, kin: Kin) -> list[Finding]:
    """What is wrong with the members of one set."""
    of, name, rows = found.of, found.name, list[Finding]()
    like = next(iter(found.there), "")
    for site, fields in differences(of.service, of.collection, found.there, kin).items():
        row = Finding(State.DIFFERENT, of.service, of.collection, site, of.members[site], name, fields, like)
        rows.append(row)
    for site, why in found.missing.items():
        rows.append(Finding(State.MISSING, of.service, of.collection, site, of.members[site], name, (), like, why))
    for site, why in found.silent.items():
        rows.append(Finding(State.UNANSWERED, of.service, of.collection, site, of.members[site], name, why=why))
    return rows


def extras(found: Seen, site: str, alike: Iterable[str], members: Iterable[str]) -> list[Finding]:
    """What else of the set's name is at a site.  `alike`: the ids of all that is called so there; `members`: those of
    them that are members of any set."""
    of, known = found.of, {*members, found.of.members[site]}
    why = "something else of this name, of no set"
    return [
        Finding(State.EXTRA, of.service, of.collection, site, id_, found.name, why=why)
        for id_ in alike
        if id_ not in known
    ]


def summed(rows: Sequence[Finding]) -> list[Finding]:
    """The findings, what one site did not tell of a service in one row for each reason."""
    told: dict[tuple[str, str, str], list[Finding]] = {}
    for row in rows:
        if row.state is State.UNANSWERED:
            told.setdefault((row.site, row.service, row.why), []).append(row)
    alone = {id(group[0]) for group in told.values() if len(group) == 1}
    several = [
        replace(group[0], collection="", id="", name="", count=len(group)) for group in told.values() if len(group) > 1
    ]
    return [row for row in rows if row.state is not State.UNANSWERED or id(row) in alone] + several


def as_told(row: Finding) -> dict[str, Any]:
    """A finding as it is printed; no value of any field is in it."""
    return {
        "service": row.service,
        "collection": row.collection,
        "name": row.name,
        "site": row.site,
        "state": row.state.value,
        "id": row.id,
        "fields": list(row.fields),
        "like": row.like,
        "why": row.why,
        "count": row.count,
        "mended": row.mended,
        "remains": row.remains,
    }
