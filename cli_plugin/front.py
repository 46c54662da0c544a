"""What the proxy in front of a cloud's keystone can tell: its sites, and what it would do with a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from osc_lib import exceptions

_VERSION = re.compile(r"/v\d[\d.]*/*\Z")


# What an answer of ours holds: a keystone may answer anything with 200.
_PROOF = {"sites": "sites", "explain": "plan"}


class Front:
    """The front of the keystone that a session logs in to."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.root = root_of(getattr(session.auth, "auth_url", None))

    def sites(self) -> list[Mapping[str, Any]]:
        """Every site that the proxy knows."""
        sites: list[Mapping[str, Any]] = self._ask("sites", {})["sites"]
        return sites

    def explain(self, scope: str, method: str | None = None, url: str | None = None) -> Mapping[str, Any]:
        """What the proxy would do with this scope; with a request, what it would do with that."""
        request = {"scope": scope, "method": method, "url": url}
        return self._ask("explain", {name: value for name, value in request.items() if value is not None})

    def _ask(self, what: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        response = self._session.get(
            f"{self.root}/.well-known/scopeproxy/{what}",
            params=dict(parameters),
            headers={"Accept": "application/json"},
            raise_exc=False,
        )
        body = _json(response)
        if response.status_code == 200 and body and _PROOF[what] in body:
            return body
        message = _message(body)
        if message is None:
            raise self._is_no_proxy()
        raise exceptions.CommandError(f"{self.root} answered {response.status_code}: {message}")

    def _is_no_proxy(self) -> Exception:
        error: Exception = exceptions.CommandError(
            f"there is no scopeproxy at {self.root}: does auth_url name its front?"
        )
        return error


def root_of(auth_url: str | None) -> str:
    """`http://h:5000/v3` → `http://h:5000`, `http://h/identity/v3` → `http://h/identity`."""
    if not auth_url:
        raise exceptions.CommandError("no auth_url is configured, and the proxy is asked at keystone's front")
    parts = urlsplit(auth_url)
    return f"{parts.scheme}://{parts.netloc}{_VERSION.sub('', parts.path).rstrip('/')}"


def _json(response: Any) -> Mapping[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _message(body: Mapping[str, Any] | None) -> str | None:
    """What a refusal of the proxy says: the proxy's own, or one in keystone's shape other than its plain 404."""
    fault = (body or {}).get("error")
    if not isinstance(fault, dict) or fault.get("code") == 404:
        return None
    message = fault.get("message")
    return str(message) if message else None
