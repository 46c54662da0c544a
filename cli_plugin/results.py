"""What the answers say about sites: a warning when a part is missing, and which site each item came from.

A response hook of the session sees every answer; only headers of our own make it look closer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from requests import RequestException, Response
from requests.adapters import BaseAdapter

LOG = logging.getLogger(__name__)

PARTIAL_HEADER = "X-Scope-Partial"
SITES_HEADER = "X-Scope-Sites"
_PREFIX = "scopeproxy://"

# Of the statuses by which a site stays out, those that users can do something about.
_HINTS = {"401": "HTTP 401: no login there; a call to it alone tells why"}


class Results(BaseAdapter):
    """Told of every answer of one session.

    It sits among the session's transport adapters, under a prefix that no URL has: `openstack` closes them all after
    every command, also in its interactive shell, and so tells us when to warn afresh.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sites: str | None = None
        self.site_of: dict[str, str] = {}
        self._warned: set[frozenset[str]] = set()

    def close(self) -> None:
        self._warned.clear()

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        raise RequestException(f"nothing is served at {request.url}")

    def __call__(self, response: Response, *args: Any, **kwargs: Any) -> None:
        _stop_at_refusal(response)
        self.sites = response.headers.get(SITES_HEADER, self.sites)
        self._warn(_names(response.headers.get(PARTIAL_HEADER, "")), _said(response.headers.get(SITES_HEADER, "")))
        if SITES_HEADER in response.headers and "json" in response.headers.get("Content-Type", ""):
            self.site_of.update(_sited_items(response))

    def _warn(self, missing: list[str], said: dict[str, str]) -> None:
        if missing and frozenset(missing) not in self._warned:
            self._warned.add(frozenset(missing))
            # Logged, not printed: stderr under `openstack`, quiet with -q, and a program's own choice elsewhere.
            told = ", ".join(f"{site} ({said[site]})" if site in said else site for site in missing)
            LOG.warning("scope: the result is partial: nothing came from %s", told)


def watch(session: Any) -> Results:
    """The Results of a keystoneauth1 Session, which are attached the first time."""
    requests_session = session.session
    if _PREFIX not in requests_session.adapters:
        results = Results()
        requests_session.mount(_PREFIX, results)
        requests_session.hooks["response"].append(results)
    found: Results = requests_session.adapters[_PREFIX]
    return found


def _names(partial: str) -> list[str]:
    return [unquote(site.strip()) for site in partial.split(",") if site.strip()]


def _said(sites: str) -> dict[str, str]:
    """What each site said: `Paris=200, Corte=unreached`, a status as `HTTP 200`."""
    pairs = (pair.strip().rpartition("=") for pair in sites.split(","))
    return {
        unquote(site): _HINTS.get(what, f"HTTP {what}") if what.isdigit() else what for site, _, what in pairs if site
    }


def _stop_at_refusal(response: Response) -> None:
    """A scope that is refused is refused at the first request already, the look at versions, and a site that cannot be
    reached is missed there first.  The session would warn of it, or say that the service has no supported version."""
    unreached = response.status_code in (502, 503, 504) and response.request.method == "GET"
    if not (response.status_code == 400 or unreached) or "X-Auth-Token" in response.request.headers:
        return
    message = next((text for text in _messages(response) if text.startswith("scope:")), None)
    if message is not None:
        from openstack import exceptions

        raise exceptions.SDKException(message)


def _messages(response: Response) -> Iterator[str]:
    try:
        body = response.json()
    except ValueError:
        return
    for value in body.values() if isinstance(body, dict) else ():
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            yield value["message"]


def _sited_items(response: Response) -> Iterator[tuple[str, str]]:
    try:
        body = response.json()
    except ValueError:
        return
    for value in body.values() if isinstance(body, dict) else ():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and "scope_site" in item and "id" in item:
                yield str(item["id"]), str(item["scope_site"])
