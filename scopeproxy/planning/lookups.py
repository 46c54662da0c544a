"""Whether a create, or an upload, that may have happened did: how to ask the site, and what its answer tells.

Who repeats a create that happened leaves two servers and one bill; who takes another's for ours changes what is not
ours.  So what is not certain is Told.UNCERTAIN, and a person looks.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from scopeproxy.model.messages import NOTHING, Headers, Reply, Request
from scopeproxy.planning.created import ELSEWHERE
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.lists import next_page

# Services, collection: the key in the body of the id that clients may choose.
CHOSEN: Mapping[tuple[str, str], str] = {
    ("image", "images"): "id",
    ("compute", "flavors"): "id",
    ("compute", "os-keypairs"): "name",
    ("placement", "resource_providers"): "uuid",
}

# Lists whose items tell more than id and name only at this path below the collection.
DETAILED = frozenset(
    {
        ("compute", "servers"), ("compute", "flavors"), ("block-storage", "volumes"), ("block-storage", "snapshots"),
        ("block-storage", "backups"), ("shared-file-system", "shares"),
    }
)  # fmt: skip

# What told of the body of the create, and on what condition it was to be made.
_BODY_HEADERS = (
    *("Content-Type", "Content-Length", "Content-MD5", "Content-Encoding", "Transfer-Encoding", "Expect"),
    *("If-Match", "If-None-Match", "X-OpenStack-Image-Size"),
)

# Seconds by which the clocks of two sites may differ: as signatures allow.
SKEW = 180.0


class Told(enum.Enum):
    """What the answer to a look-up tells."""

    THERE = "there"
    MISSING = "missing"
    UNCERTAIN = "uncertain"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found: `id` where it is there, `why` where that is uncertain."""

    told: Told
    id: str = ""
    why: str = ""


def question(request: Request, intent: Intent) -> Request | None:
    """The call that asks a site for what a create makes; None where nothing in the create would tell it again."""
    wanted = _wanted(request)
    if (request.service, intent.collection) in ELSEWHERE or wanted is None:
        return None
    path, chosen = request.path.rstrip("/"), CHOSEN.get((request.service, intent.collection), "")
    if _text(wanted.get(chosen)):
        target = f"{path}/{quote(_text(wanted[chosen]), safe='')}"
    elif _text(wanted.get("name")):
        below = "/detail" if (request.service, intent.collection) in DETAILED else ""
        target = f"{path}{below}?{urlencode({'name': wanted['name']}, errors='replace')}"
    else:
        return None
    return Request(request.service, "GET", target, asking_headers(request), NOTHING)


def ids_in(reply: Reply) -> tuple[str, ...]:
    """The ids of what an answer lists."""
    return tuple(_text(item["id"]) for item in _items(reply.json) if _text(item.get("id")))


def reading(
    reply: Reply,
    asked: Request,
    request: Request,
    intent: Intent,
    made: float,
    others: Collection[str] = (),
) -> Seen:
    """What the answer tells.  `made`: when the create was first sent, in seconds since the epoch; `others`: ids of what
    other writes have made there."""
    wanted = _wanted(request) or {}
    chosen = _text(wanted.get(CHOSEN.get((request.service, intent.collection), "")))
    if chosen and "?" not in asked.target:
        return _one(reply, chosen, wanted)
    document = reply.json
    items = [one for one in _items(document) if one.get("name") == wanted.get("name")]
    if not reply.ok or not isinstance(document, dict):
        return Seen(Told.NOTHING)
    if next_page(reply, asked) is not None:
        return Seen(Told.UNCERTAIN, why="too many there have a name like this")
    ours = [one for one in items if _text(one.get("id")) not in others]
    alike = [one for one in ours if _alike(one, wanted) and not _older(one, made)]
    if not alike:
        return Seen(Told.MISSING)
    if len(alike) > 1 or not _text(alike[0].get("id")):
        return Seen(Told.UNCERTAIN, why=f"{len(alike)} there are as it would be")
    return Seen(Told.THERE, _text(alike[0]["id"]))


# What the state of an image tells of data that may have been sent to it.
_STATES = {
    "queued": Seen(Told.MISSING),
    "active": Seen(Told.THERE),
    "deactivated": Seen(Told.THERE),
    "saving": Seen(Told.NOTHING),
    "importing": Seen(Told.NOTHING),
}


def asking_headers(request: Request) -> Headers:
    """The headers of a write that concern neither its body nor a condition, for a question about what it writes."""
    return request.without(*_BODY_HEADERS).headers


def data_question(upload: Request) -> Request | None:
    """The call that asks a site what it has of data; None where nobody could tell."""
    path, _, beneath = upload.path.rstrip("/").rpartition("/")
    if upload.service != "image" or beneath not in ("file", "stage"):
        return None
    return Request(upload.service, "GET", path, asking_headers(upload), NOTHING)


def data_reading(reply: Reply) -> Seen:
    """What the answer tells.  Of an image that is not there, the upload itself will say so."""
    if reply.status == 404:
        return Seen(Told.MISSING)
    image = reply.json
    if not reply.ok or not isinstance(image, dict):
        return Seen(Told.NOTHING)
    state = str(image.get("status"))
    return _STATES.get(state) or Seen(Told.UNCERTAIN, why=f"the image is {state} there")


def _one(reply: Reply, id_: str, wanted: Mapping[str, Any]) -> Seen:
    if reply.status == 404:
        return Seen(Told.MISSING)
    document = reply.json
    if not reply.ok or not isinstance(document, dict):
        return Seen(Told.NOTHING)
    inner = [value for value in document.values() if isinstance(value, dict)]
    item = document if "id" in document or not inner else inner[0]
    return Seen(Told.THERE, id_) if _alike(item, wanted) else Seen(Told.UNCERTAIN, why=f"{id_} is there, and differs")


def _wanted(request: Request) -> Mapping[str, Any] | None:
    """What the body of a create asks for, out of its envelope."""
    document = request.json
    if not isinstance(document, dict):
        return None
    inner = [value for value in document.values() if isinstance(value, dict)]
    if len(inner) == 1 and "name" not in document:
        return inner[0]
    # `os:scheduler_hints` and the like stand beside what is made.
    beside = [value for key, value in document.items() if isinstance(value, dict) and ":" not in key]
    return beside[0] if len(beside) == 1 and "name" not in document else document


def _items(document: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, dict):
        lists = [value for key, value in document.items() if isinstance(value, list) and not key.endswith("links")]
        for one in lists:
            yield from (item for item in one if isinstance(item, dict))


def _alike(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether every plain value that was asked for is as it was, ids apart: those differ from site to site."""
    return all(
        item[key] == value
        for key, value in wanted.items()
        if key in item and isinstance(value, str | int | bool) and key != "id" and not key.endswith("_id")
    )


def _older(item: Mapping[str, Any], made: float) -> bool:
    for key in ("created_at", "created"):
        text = item.get(key)
        if isinstance(text, str):
            try:
                at = datetime.fromisoformat(text)
            except ValueError:
                continue
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() < made - SKEW
    return False


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
