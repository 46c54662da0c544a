"""What a create made, as its answer tells it: whether it is new, its id, and the call that deletes it again.

Whoever deletes the wrong thing has done worse than leaving one behind, so what is not certain is None.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote, urlencode

from scopeproxy.model.messages import NOTHING, Reply, Request
from scopeproxy.planning.intent import Intent

# Creates that are answered by a plain 200.  Elsewhere that may be what was there before, or what a search found.
PLAIN = {
    "compute": frozenset({"os-keypairs", "flavors", "os-aggregates", "os-server-groups"}),
    "block-storage": frozenset({"types", "qos-specs"}),
    "shared-file-system": frozenset({"shares"}),
    "placement": frozenset({"resource_providers"}),
}

# Where what was made stands, when not below the path that made it; None: it was there before, and is only known now.
ELSEWHERE: dict[tuple[str, str], str | None] = {
    ("compute", "os-volumes_boot"): "servers",
    **dict.fromkeys((("block-storage", f"os-{what}-manage") for what in ("volume", "snapshot")), None),
    **dict.fromkeys((("block-storage", f"manageable_{what}s") for what in ("volume", "snapshot")), None),
}

# What told of the body of a create, and on what condition it was made: no part of deleting again what came of it.
_OF_THE_CREATE = ("Content-Type", "Content-Length", "Transfer-Encoding", "Expect", "If-Match", "If-None-Match")
_LINKS = re.compile(r"(.+_)?links\Z")


def is_new(reply: Reply, request: Request, intent: Intent) -> bool:
    """Whether the answer says that something came to be by this call."""
    return reply.status in (201, 202) or (reply.status == 200 and intent.collection in PLAIN.get(request.service, ()))


def created_id(reply: Reply, request: Request, intent: Intent) -> str | None:
    """The id that a create was given; None where the answer tells none, or more than one thing could be meant."""
    location = unquote(_below(reply.header("Location") or "", _collection(request, intent) or ""))
    candidates = (location, *_ids(reply.json, intent))
    return next((id_ for id_ in candidates if id_.isprintable() and id_ not in ("", ".", "..")), None)


def made_in(request: Request, intent: Intent) -> str | None:
    """The collection in which the thing that a create made now is; None where it was there before."""
    return ELSEWHERE.get((request.service, intent.collection), intent.collection)


def _collection(request: Request, intent: Intent) -> str | None:
    """The path of the collection in which the thing now is."""
    path = request.path.rstrip("/")
    name = made_in(request, intent)
    return path if name == intent.collection else name and f"{path.rpartition('/')[0]}/{name}"


def _below(location: str, collection: str) -> str:
    """The last part of a location directly under a collection, whatever root both are below."""
    above, _, last = location.partition("?")[0].rstrip("/").rpartition("/")
    return last if above.rpartition("/")[2] == collection.rpartition("/")[2] else ""


def _ids(document: Any, intent: Intent) -> list[str]:
    if not isinstance(document, dict):
        return []
    # A keypair has no id but its name.
    keys = ("name",) if intent.collection == "os-keypairs" else ("id", "uuid")
    inside = [value for key, value in document.items() if not _LINKS.match(key)]
    envelope = inside[0] if len(inside) == 1 and isinstance(inside[0], dict) else {}
    values = [resource.get(key) for resource in (document, envelope) for key in keys]
    return [str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool)]


def undo_of(request: Request, intent: Intent, id_: str) -> Request | None:
    """The call that deletes again what this create made; None where deleting would not be the opposite of it."""
    collection = _collection(request, intent)
    if collection is None:
        return None
    target = f"{collection}/{quote(id_, safe='')}{_of_whom(request, intent)}"
    return Request(request.service, "DELETE", target, request.without(*_OF_THE_CREATE).headers, NOTHING)


def _of_whom(request: Request, intent: Intent) -> str:
    """An administrator makes and deletes key pairs of others, whose names are each user's own."""
    made = (
        request.json.get("keypair") if intent.collection == "os-keypairs" and isinstance(request.json, dict) else None
    )
    user = made.get("user_id") if isinstance(made, dict) else None
    return f"?{urlencode({'user_id': user}, errors='replace')}" if isinstance(user, str) else ""
