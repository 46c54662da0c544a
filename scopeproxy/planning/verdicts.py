"""When `|` moves on: section 3 of the language, as a table.

A create that timed out after we sent it may well have happened.  Trying the next site could leave two servers and one
bill, so a write whose fate is unknown stops the search; a read has nothing to lose.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scopeproxy.errors import SiteFailure
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.planning.intent import Intent, Kind
from scopeproxy.planning.lists import contents


class Verdict(enum.Enum):
    """What an outcome means for the alternatives behind it."""

    DONE = "done"
    NEXT = "next"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: which outcomes, and what follows for reads and for writes."""

    outcome: str
    statuses: frozenset[int]
    reads: Verdict
    writes: Verdict


def _row(outcome: str, statuses: Sequence[int], reads: Verdict, writes: Verdict) -> Row:
    return Row(outcome, frozenset(statuses), reads, writes)


DONE, NEXT, STOP = Verdict.DONE, Verdict.NEXT, Verdict.STOP

# The outcomes without a status, and the one that depends on the body, have rows of their own below.
NEVER_SENT = _row("never sent", (), NEXT, NEXT)
MAYBE_SENT = _row("timeout or reset after sending", (), NEXT, STOP)
EMPTY = _row("an empty collection for a filtered list", (), NEXT, DONE)
MICROVERSION = _row("406 for a microversion", (406,), NEXT, NEXT)
QUOTA = _row("403 for quota, where quota_moves_on", (403,), NEXT, NEXT)
SERVER_ERROR = _row("408, 500, 502, 504", (408, 500, 502, 504), NEXT, STOP)
ANSWERS = (
    _row("2xx, 3xx", range(200, 400), DONE, DONE),
    _row("404", (404,), NEXT, NEXT),
    _row("401, 403", (401, 403), NEXT, STOP),
    _row("429, 503", (429, 503), NEXT, NEXT),
    SERVER_ERROR,
    _row("any other", (), STOP, STOP),
)
TABLE = (NEVER_SENT, MAYBE_SENT, EMPTY, MICROVERSION, QUOTA, *ANSWERS)

# After these nobody knows whether a write was carried out.
FATE_UNKNOWN = (MAYBE_SENT, SERVER_ERROR)

# OpenStack-API-Version, and what older clients say: X-OpenStack-Nova-API-Version, X-OpenStack-Ironic-API-Version.
_MICROVERSION = re.compile(r"(X-)?OpenStack-([A-Za-z]+-)?API-Version", re.IGNORECASE)


def row_for(outcome: Outcome, request: Request, intent: Intent, quota_moves_on: bool = False) -> Row:
    """The line of the table that this outcome falls under."""
    if isinstance(outcome, Unreached):
        return MAYBE_SENT if outcome.sent else NEVER_SENT
    if outcome.status == 406 and any(_MICROVERSION.fullmatch(name) for name, _ in request.headers):
        return MICROVERSION
    if outcome.status == 403 and quota_moves_on and _is_quota(outcome):
        return QUOTA
    if is_empty(outcome, intent):
        return EMPTY
    return next((row for row in ANSWERS if outcome.status in row.statuses), ANSWERS[-1])


def judge(outcome: Outcome, request: Request, intent: Intent, quota_moves_on: bool = False) -> Verdict:
    """Whether `|` is done with this outcome, moves on, or stops."""
    if isinstance(outcome, Unreached) and outcome.queued:
        # What this write stands behind waits for this site and for no other.
        return STOP
    row = row_for(outcome, request, intent, quota_moves_on)
    return row.writes if intent.writes else row.reads


def is_empty(reply: Reply, intent: Intent) -> bool:
    """Whether this is a filtered list without an item."""
    if intent.kind is not Kind.LIST or not intent.filtered or not reply.ok:
        return False
    lists = _lists(contents(reply))
    return bool(lists) and not any(lists)


def _lists(value: Any) -> list[list[Any]]:
    if isinstance(value, list):
        return [value]
    if isinstance(value, dict):
        # A link to a next page is a list too, but not of items.
        return [item for key, item in value.items() if isinstance(item, list) and not key.endswith("links")]
    return []


def _is_quota(reply: Reply) -> bool:
    return b"quota" in reply.body.lower()


def give_up(
    attempts: Sequence[Outcome], request: Request, intent: Intent, strict: bool
) -> tuple[Reply, tuple[str, ...]]:
    """The answer when everything fell through, and the sites whose part is missing from it.

    Never a bare 404 while a site could not be asked: a client that trusts a wrong 404 creates the thing again.
    """
    replies = [outcome for outcome in attempts if isinstance(outcome, Reply)]
    missing = [outcome for outcome in attempts if isinstance(outcome, Unreached)]
    found = _most_telling(replies, intent)
    if found is None:
        raise SiteFailure(_nobody(request, missing), 504 if any(outcome.sent for outcome in missing) else 502)
    if missing and (found.status == 404 or found.ok):
        may_be_told = found.ok or intent.by_name
        if strict or intent.writes or not may_be_told:
            raise SiteFailure(_cannot_tell(request, missing), 503)
    return found, tuple(outcome.site for outcome in missing)


def _most_telling(replies: Sequence[Reply], intent: Intent) -> Reply | None:
    nothing_here: tuple[Callable[[Reply], bool], ...] = (
        lambda reply: reply.status != 404 and not is_empty(reply, intent),
        lambda reply: is_empty(reply, intent),
        lambda reply: True,
    )
    return next((reply for is_it in nothing_here for reply in replies if is_it(reply)), None)


def _nobody(request: Request, missing: Sequence[Unreached]) -> str:
    return f"no site answered {request.method} {request.path}: {told(missing)}"


def _cannot_tell(request: Request, missing: Sequence[Unreached]) -> str:
    return (
        f"{request.method} {request.path} was not found where it could be asked for, "
        f"but not every site could be asked: {told(missing)}"
    )


def told(outcomes: Sequence[Outcome]) -> str:
    """Each attempt in words, for an error's text."""
    return "; ".join(
        f"{outcome.site}: {outcome.why}" if isinstance(outcome, Unreached) else f"{outcome.site}: HTTP {outcome.status}"
        for outcome in outcomes
    )
