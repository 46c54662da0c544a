"""What handlers of emulated services have in hand: the request's facts, JSON answers, and refusals."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from scopeproxy.emulator.access import Access

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Facts:
    """What was found out about a request: the id that is passed on, its number with the recorder, who calls."""

    global_id: str
    record: int
    access: Access | None = None
    microversion: tuple[int, int] = (2, 1)


_FACTS: dict[int, Facts] = {}


@contextmanager
def remembered(request: web.Request, facts: Facts) -> Iterator[Facts]:
    """Keep the facts of a request while it is handled.  Beside it: what may be stored in a request of aiohttp changed
    between the versions that we support."""
    _FACTS[id(request)] = facts
    try:
        yield facts
    finally:
        del _FACTS[id(request)]


def facts_of(request: web.Request) -> Facts:
    return _FACTS[id(request)]


class Fault(Exception):
    """A refusal; `kind` is what a service adds to name it (neutron's type, keystone's title)."""

    def __init__(self, status: int, message: str, kind: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.headers = status, message, kind, dict(headers or {})


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(status=status, headers=headers, body=json.dumps(body).encode(), content_type="application/json")


def empty(status: int = 204, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers=headers)


def access_of(request: web.Request) -> Access:
    """Who calls; only behind a validated token."""
    access = facts_of(request).access
    assert access is not None, "this path needs no token"
    return access


def request_id_of(request: web.Request) -> str:
    """The request id that is passed on: the caller's when it is well formed, else the one made here."""
    return facts_of(request).global_id


async def json_of(request: web.Request, key: str | None = None, *required: str) -> dict[str, Any]:
    """The body as a JSON object, or the object under its one key; it has the required properties."""
    try:
        body = json.loads(await request.read())
        body = body if key is None else body[key]
    except (ValueError, KeyError, TypeError):
        raise Fault(400, f"Expecting to find {key or 'valid JSON'} in request body.") from None
    if not isinstance(body, dict):
        raise Fault(400, "Malformed request body")
    for name in required:
        if name not in body:
            raise Fault(400, f"Invalid input for field/attribute {key or 'body'}. '{name}' is a required property")
    return body
