"""What services tell of data that they have taken in, and whether several of them have taken in the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scopeproxy.model.messages import NOTHING, Reply, Request
from scopeproxy.planning.intent import Intent, Kind

# What concerns the data, and not the question about them.
_OF_THE_DATA = (
    *("Content-Type", "Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-MD5", "Expect", "TE"),
    *("X-OpenStack-Image-Size", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Range"),
)
_SHOWN = 16

Figures = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A service that tells of the data it has: where it is asked, when it is not told at once, and how it tells.

    `beneath`: what the upload's path ends with; the resource itself is asked.  None: the answer to the upload tells.
    """

    service: str
    beneath: str | None
    figures: Callable[[Reply], Figures]


def _image(reply: Reply) -> Figures:
    image: Any = reply.json
    if not isinstance(image, dict):
        return {}
    algorithm = image.get("os_hash_algo")
    told = {"size": image.get("size"), "md5": image.get("checksum")}
    if isinstance(algorithm, str):
        told[algorithm] = image.get("os_hash_value")
    return {name: str(value) for name, value in told.items() if value is not None}


def _object(reply: Reply) -> Figures:
    tag = (reply.header("ETag") or "").strip('"')
    return {"md5": tag} if tag else {}


ROWS = (Row("image", "file", _image), Row("object-store", None, _object))


def row_for(request: Request, intent: Intent) -> Row | None:
    """How the service that a request uploads to tells what it has taken in; None: it does not."""
    if intent.kind is not Kind.UPLOAD:
        return None
    rows = (row for row in ROWS if row.service == request.service)
    return next((row for row in rows if row.beneath in (None, intent.beneath)), None)


def question(row: Row, upload: Request) -> Request | None:
    """The request that asks a site for its figures after an upload; None: the upload's answer has them."""
    if row.beneath is None:
        return None
    target = upload.path.removesuffix(f"/{row.beneath}")
    return replace(upload.without(*_OF_THE_DATA), method="GET", target=target, body=NOTHING)


def difference(told: Mapping[str, Figures]) -> str:
    """In which figure the sites differ, and what each says of it; "" where all that can be compared is the same."""
    names = dict.fromkeys(name for figures in told.values() for name in figures)
    for name in names:
        values = {site: figures[name] for site, figures in told.items() if name in figures}
        if len(set(values.values())) > 1:
            return f"their {name}s differ: " + ", ".join(f"{site} {_short(value)}" for site, value in values.items())
    return ""


def _short(value: str) -> str:
    return value if len(value) <= 2 * _SHOWN else f"{value[:_SHOWN]}…"
