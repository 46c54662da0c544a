"""`scopeproxy journal`: the writes that sites have yet to do, for whoever has to look after them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scopeproxy.edges.config import load, own_site
from scopeproxy.edges.keys import spool_of
from scopeproxy.edges.state import State, state_of
from scopeproxy.edges.tables import table
from scopeproxy.execution.journal import Journal
from scopeproxy.execution.ledger_journal import Told

_COLUMNS = ("id", "site", "state", "method", "path", "made", "tries", "answer")


def journal(path: Path, site: str, what: str, ids: Sequence[int], form: str = "table") -> tuple[str, int]:
    """What `scopeproxy journal WHAT` prints, and its exit code: 1 where none of the ids was there to be acted on.

    Raises ConfigurationError where there is no journal to look into.
    """
    settings = own_site(load(path), site).proxy
    return asyncio.run(_journal(state_of(settings, site), spool_of(settings), what, ids, form))


async def _journal(state: State, spool: str | None, what: str, ids: Sequence[int], form: str) -> tuple[str, int]:
    async with state.opened() as ledger:
        entries = Journal(ledger, state.key, spool=spool)
        if what == "retry":
            count = await entries.retry(ids)
            return f"{count} of {len(ids)} will be tried again now", 0 if count else 1
        if what == "drop":
            count = await entries.drop(ids)
            return f"{count} of {len(ids)} dropped", 0 if count else 1
        told = [row_of(one) for one in await entries.told()]
    if what == "show":
        told = [one for one in told if one["id"] in ids]
        return _json(told[0]) if told else f"no entry {ids[0]} in the journal", 0 if told else 1
    return (_json(told) if form == "json" else table(_COLUMNS, told) or "nothing waits"), 0


def row_of(told: Told) -> dict[str, Any]:
    """An entry as it is shown: nothing of what the call said but its path."""
    entry = told.entry
    return {
        "id": entry.id,
        "site": entry.site,
        "state": entry.state.value,
        "service": told.service,
        "kind": entry.kind.value,
        "method": told.method,
        "path": told.path,
        "made": _time(entry.made),
        "tries": entry.tries,
        "next_try": _time(entry.next_try),
        "may_have_happened": entry.unsure,
        "answer": told.answer,
        "known": dict(told.known),
        "bytes": told.size,
        "data_bytes": told.data,
    }


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
