"""Writes that wait for a site: which may be made now, which stands behind which, and which need not be made at all.

Entries are told apart by what they touch (the ids of the resource that they make, change or delete) and what they
mention (every id and name in path, query and body, its own among them), both as marks that tell nothing: bodies hold
secrets, too.

The rules that everything here keeps:
- at one site, an entry which touches what another mentions, or mentions what another touches, waits for that one if it
  was made later: so each resource sees its writes in order, and a server is not made before its image;
- an entry that stopped in a conflict stops those behind it, and no others;
- what may have happened is never simply done again.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from scopeproxy.model.messages import Held, Outcome, Request, Unreached
from scopeproxy.planning.intent import Intent, Kind
from scopeproxy.planning.writes import done, failed

# Seconds between two tries, doubled from the first to the last of these.
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0

# Seconds from sending a create of which nothing was heard to looking whether it happened: it may be under way.
QUIET = 3.0

# Tries at a site which answers that it failed, after which a person has to look.
TRIES = 8

# Of a body, what is looked at for ids: more strings than this, or longer ones, name nothing.
_MOST_STRINGS, _LONGEST_STRING, _DEEPEST = 2000, 255, 16

# Keys of bodies whose values are secrets.
_SECRET = re.compile("pass|secret|token|private|credential|user_data|payload|blob", re.IGNORECASE)


class State(enum.Enum):
    """Where an entry stands."""

    SENDING = "sending"
    QUEUED = "queued"
    WAITING = "waiting for login"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Entry:
    """One write that one site has yet to do.

    `id`: in the order of writing; `write`: the client's call, which has an entry for each site; `whole`: whether it is
    about a resource as such, and nothing beneath it; `unsure`: whether it was sent, and may have happened;
    `made`, `next_try`: seconds since the epoch; `since`: from when on a change at the site is somebody else's.
    """

    id: int
    write: str
    site: str
    kind: Kind
    whole: bool
    made: float
    touches: frozenset[str]
    mentions: frozenset[str]
    state: State = State.QUEUED
    unsure: bool = False
    tries: int = 0
    next_try: float = 0.0
    since: float = 0.0


# ---- what a write touches and mentions


def touched(request: Request, intent: Intent) -> frozenset[str]:
    """The id that the path names; nothing for a create, whose id is not known yet."""
    return frozenset() if intent.id is None else frozenset({intent.id})


def names_in(request: Request) -> tuple[str, ...]:
    """What a request mentions, in the clear: every part of the path, value of the query and string in the body that
    could be an id or a name."""
    strings = [unquote(part) for part in request.path.split("/")]
    strings += [value for _, value in request.query]
    strings += _strings(request.json, 0)
    return tuple(dict.fromkeys(one for one in strings[:_MOST_STRINGS] if 0 < len(one) <= _LONGEST_STRING))


def holds_secret(request: Request) -> bool:
    """Whether the body has something that nobody else may read; what is no JSON may well be that."""
    body = request.body
    has_body = not isinstance(body, Held) or bool(body.data)
    return has_body and (request.json is None or _has_secret(request.json, 0))


def _has_secret(value: Any, depth: int) -> bool:
    if isinstance(value, dict) and any(map(_SECRET.search, value)):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > _DEEPEST or any(_has_secret(one, depth + 1) for one in inner)


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth < _DEEPEST:
        for one in inner:
            yield from _strings(one, depth + 1)


# ---- the lines


def stands_behind(later: Entry, earlier: Entry) -> bool:
    """Whether the one must wait for the other, which was made before it."""
    if later.site != earlier.site or later.write == earlier.write or later.id <= earlier.id:
        return False
    return not (earlier.touches.isdisjoint(later.mentions) and later.touches.isdisjoint(earlier.mentions))


def ready(entries: Sequence[Entry], now: float) -> tuple[Entry, ...]:
    """The entries that may be made now, in their order: nothing they stand behind is left, and their time has come."""
    found, touches, mentions = [], dict[str, set[str]](), dict[str, set[str]]()
    for entry in sorted(entries, key=lambda one: one.id):
        touched_before = touches.setdefault(entry.site, set())
        mentioned_before = mentions.setdefault(entry.site, set())
        first = touched_before.isdisjoint(entry.mentions) and mentioned_before.isdisjoint(entry.touches)
        if first and entry.state is State.QUEUED and entry.next_try <= now:
            found.append(entry)
        touched_before |= entry.touches
        mentioned_before |= entry.mentions
    return tuple(found)


def cancelled(entries: Sequence[Entry], new: Entry) -> tuple[Entry, ...]:
    """What need not be made any more, now that this comes behind it; the new entry itself is then not needed either.

    A create which was never sent, and all that is behind it, go when the delete of the same resource comes, unless
    something else refers to it.
    """
    if new.kind is not Kind.DELETE or not new.whole:
        return ()
    others = [one for one in entries if one.site == new.site and one.write != new.write]
    line = [one for one in others if not one.touches.isdisjoint(new.touches)]
    first = min(line, key=lambda one: one.id, default=None)
    if first is None or first.kind is not Kind.CREATE or any(one.state is State.SENDING or one.unsure for one in line):
        return ()
    gone = frozenset[str]().union(*(one.touches for one in line))
    if any(one not in line and not one.mentions.isdisjoint(gone) for one in others):
        return ()
    return tuple(line)


# ---- what comes of a write


def with_queued(outcomes: Sequence[Outcome], intent: Intent) -> tuple[Outcome, ...]:
    """The outcomes, those of sites that get the write later marked as queued: if it was done wherever it was answered,
    and somewhere at all."""
    later = {one.site: _later(one) for one in outcomes}
    answered = [one for one in outcomes if later[one.site] is None]
    begun = any(map(done, answered)) or any(isinstance(one, Unreached) and one.queued for one in outcomes)
    if not begun or any(failed(one, intent) for one in answered):
        return tuple(outcomes)
    return tuple(later[one.site] or one for one in outcomes)


def first_to_get_it(outcomes: Sequence[Outcome], sites: Sequence[str]) -> Outcome | None:
    """Of alternatives, in their written order, that none of them did: the first that could get the write later."""
    by_site = {one.site: one for one in outcomes}
    return next((by_site[site] for site in sites if site in by_site and _later(by_site[site]) is not None), None)


def _later(outcome: Outcome) -> Unreached | None:
    """The outcome as that of a site which gets the write later; None where the site has answered."""
    if isinstance(outcome, Unreached):
        return replace(outcome, queued=True)
    if outcome.status in (429, 503, 504):
        # 504: its proxy heard nothing of its service, so it may have happened.
        return Unreached(outcome.site, outcome.status == 504, f"HTTP {outcome.status}", queued=True)
    return None


class Next(enum.Enum):
    """What becomes of an entry after a try."""

    DONE = "done"
    AGAIN = "again"
    MAYBE = "maybe"
    LOGIN = "login"
    CONFLICT = "conflict"


# Statuses after which nobody knows whether a write was carried out.
_MAYBE = frozenset({408, 500, 502, 504})


def after(entry: Entry, outcome: Outcome) -> Next:
    """What an answer to a try means."""
    if isinstance(outcome, Unreached):
        return Next.MAYBE if outcome.sent else Next.AGAIN
    if done(outcome) or (outcome.status == 404 and entry.kind is Kind.DELETE):
        return Next.DONE
    if outcome.status == 401:
        return Next.LOGIN
    if outcome.status in (429, 503):
        return Next.AGAIN
    return Next.MAYBE if outcome.status in _MAYBE and entry.tries < TRIES else Next.CONFLICT


def tried(entry: Entry, what: Next, now: float, chance: float) -> Entry:
    """The entry after a try that did not do it.  `chance`: from 0 to 1, so that not all come back at once."""
    unsure = entry.unsure or what is Next.MAYBE
    if what in (Next.LOGIN, Next.CONFLICT):
        state = State.WAITING if what is Next.LOGIN else State.CONFLICT
        return replace(entry, state=state, unsure=unsure, tries=entry.tries + 1, next_try=now)
    wait = min(FIRST_WAIT * 2 ** min(entry.tries, 16), LONGEST_WAIT) * (0.5 + chance / 2)
    if unsure and entry.kind is Kind.CREATE:
        wait = max(wait, QUIET)
    return replace(entry, state=State.QUEUED, unsure=unsure, tries=entry.tries + 1, next_try=now + wait)


def repeatable(entry: Entry, request: Request) -> bool:
    """Whether what may have happened may be done again without looking: it says what is to be, not what to add."""
    kinds = (Kind.UPDATE, Kind.UPLOAD) if request.service == "object-store" else (Kind.UPDATE,)
    return entry.kind is Kind.DELETE or (entry.kind in kinds and request.method in ("PUT", "PATCH"))
