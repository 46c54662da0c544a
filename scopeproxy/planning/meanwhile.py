"""Whether a resource was changed at a site while a write of ours to it waited for that site.

Known is only what the site tells: when somebody last changed the resource, by its own clock.  Of most kinds no service
tells that, or what it tells changes by itself (a server's state, a volume's, a port's), so the table is short.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from scopeproxy.model.messages import NOTHING, Reply, Request
from scopeproxy.planning.intent import Intent, Kind
from scopeproxy.planning.lookups import SKEW, asking_headers

# Service, collection: the key that tells when somebody last changed it.
ROWS: Mapping[tuple[str, str], str] = {
    ("image", "images"): "updated_at",
    ("network", "networks"): "updated_at",
    ("network", "subnets"): "updated_at",
    ("network", "subnetpools"): "updated_at",
    ("network", "address-scopes"): "updated_at",
    ("network", "routers"): "updated_at",
    ("network", "security-groups"): "updated_at",
    ("network", "policies"): "updated_at",
}

# Seconds by which times that are told in whole seconds, by clocks that were compared, may be off.
MARGIN = 3.0


def question(request: Request, intent: Intent) -> Request | None:
    """The call that asks a site for what a write is about to change or delete; None where it would not tell."""
    changes = intent.kind in (Kind.UPDATE, Kind.DELETE) and intent.id is not None and not intent.beneath
    if not changes or (request.service, intent.collection) not in ROWS:
        return None
    return Request(request.service, "GET", request.path, asking_headers(request), NOTHING)


def changed(reply: Reply, request: Request, intent: Intent, since: float, now: float) -> str:
    """When it was changed, where that was after `since`; "" where it was not, or nobody can tell.

    `since`, `now`: by our clock.  Theirs is compared by the Date of the answer; without one, clocks may differ by SKEW.
    """
    told = _item(reply.json).get(ROWS[request.service, intent.collection])
    at = _time(told)
    if not reply.ok or at is None:
        return ""
    date = _date(reply.header("Date"))
    ahead, margin = (0.0, SKEW) if date is None else (date - now, MARGIN)
    return str(told) if at - ahead > since + margin else ""


def _item(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        return {}
    inner = [value for value in document.values() if isinstance(value, dict)]
    return inner[0] if len(inner) == len(document) == 1 else document


def _time(text: object) -> float | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _date(text: str | None) -> float | None:
    try:
        return None if text is None else parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
