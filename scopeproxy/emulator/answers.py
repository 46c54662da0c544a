"""What handlers of emulated services have in hand: the request's facts, JSON answers, and refusals."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from scopeproxy.emulator.access import Access

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
    access: Access = request["access"]
    return access


def request_id_of(request: web.Request) -> str:
    """The request id that is passed on: the caller's when it is well formed, else the one made here."""
    passed_on: str = request["global_id"]
    return passed_on


async def json_of(request: web.Request, key: str | None = None) -> dict[str, Any]:
    """The body as a JSON object, or the object under its one key."""
    try:
        body = json.loads(await request.read())
        body = body if key is None else body[key]
    except (ValueError, KeyError, TypeError):
        raise Fault(400, f"Expecting to find {key or 'valid JSON'} in request body.") from None
    if not isinstance(body, dict):
        raise Fault(400, "Malformed request body")
    return body
