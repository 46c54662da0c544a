"""What the answers say about sites: a warning when a part is missing, or replicas differ, and which site each resource
came from.

A response hook of the session sees every answer; only headers of our own make it look closer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from requests import RequestException, Response
from requests.adapters import BaseAdapter

from .listed import SITE
from .sites import Sites

LOG = logging.getLogger(__name__)

SCOPE_HEADER = "X-Scope"
PARTIAL_HEADER = "X-Scope-Partial"
SITES_HEADER = "X-Scope-Sites"
REPLICAS_HEADER = "X-Scope-Replicas"
_PREFIX = "scopeproxy://"

# Missing sites that a warning names.
_NAMED = 8
_COUNT = re.compile(r"(\d+) sites\Z")

# Behind what a site said: in what its replicas are not like those that are shown, `200 (3 differ: name min_ram +2)`.
_DIFFERS = re.compile(r" \((?:differs|(\d+) differ): ([^)]*)\)\Z")

# Of the statuses by which a site stays out, those that users can do something about.
_HINTS = {"401": "HTTP 401: no login there; a call to it alone tells why"}


class Results(BaseAdapter):
    """Told of every answer of one session.

    It sits among the session's transport adapters, under a prefix that no URL has: `openstack` closes them all after
    every command, also in its interactive shell, and so tells us when to warn afresh.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sites = Sites()
        self._warned: set[object] = set()
        self._answers: list[Response] | None = None

    def keep_answers(self) -> None:
        """Keep what is answered until the command is done, for `documents`; of no use to what runs for longer."""
        if self._answers is None:
            self._answers = []

    @property
    def has_merged(self) -> bool:
        """Whether answers are kept, and one of them was put together from those of several sites."""
        return any(len(_said(_sites(response))) > 1 for response in self._answers or ())

    @property
    def is_last_merged(self) -> bool:
        """Whether the last answer was put together so."""
        return len(_said(_sites(self._answers[-1]))) > 1 if self._answers else False

    def documents(self) -> Iterator[tuple[str, Any]]:
        """The kept answers, in order, each with the URL that was asked for."""
        for response in self._answers or ():
            try:
                yield response.url, response.json()
            except ValueError:
                continue

    def close(self) -> None:
        self._warned.clear()
        if self._answers:
            self._answers = []

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        raise RequestException(f"nothing is served at {request.url}")

    def __call__(self, response: Response, *args: Any, stream: bool = False, **kwargs: Any) -> None:
        _stop_at_refusal(response)
        said = _said(_sites(response))
        self._warn(response.headers.get(PARTIAL_HEADER, ""), said)
        self._tell_later([site for site, what in said.items() if what == "queued"])
        self._tell_apart(response, said)
        if stream or "json" not in response.headers.get("Content-Type", ""):
            return  # a download must not be pulled into memory by looking at it
        if self._answers is None:
            self._note(response, [site for site, what in said.items() if what.startswith("2")])
        elif response.ok and response.request.method == "GET" and SCOPE_HEADER in response.request.headers:
            self._answers.append(response)

    def _note(self, response: Response, answered: list[str]) -> None:
        if answered:
            with suppress(ValueError):
                self.sites.note(response.json(), answered)

    def _tell_later(self, queued: list[str]) -> None:
        if queued and frozenset((*queued, "")) not in self._warned:
            self._warned.add(frozenset((*queued, "")))  # no site is called that: told apart from what is missing
            LOG.warning("scope: not done yet, and queued for when they are back: %s", _some(queued))

    def _tell_apart(self, response: Response, said: dict[str, str]) -> None:
        """Replicas which are not what the answer shows: sites where they are different, and where they are not."""
        for text in _apart(response, said):
            if text not in self._warned:
                self._warned.add(text)
                LOG.warning("scope: %s", text)

    def _warn(self, partial: str, said: dict[str, str]) -> None:
        missing = _names(partial)
        if missing and frozenset(missing) not in self._warned:
            self._warned.add(frozenset(missing))
            # Logged, not printed: stderr under `openstack`, quiet with -q, and a program's own choice elsewhere.
            LOG.warning("scope: the result is partial: nothing came from %s", _told(partial, missing, said))


def watch(session: Any) -> Results:
    """The Results of a keystoneauth1 Session, which are attached the first time."""
    requests_session = session.session
    if _PREFIX not in requests_session.adapters:
        results = Results()
        requests_session.mount(_PREFIX, results)
        requests_session.hooks["response"].append(results)
    found: Results = requests_session.adapters[_PREFIX]
    return found


def results_of(session: Any) -> Results | None:
    """The Results of a keystoneauth1 Session that has had a scope."""
    found: Results | None = session.session.adapters.get(_PREFIX) if session.session else None
    return found


def site_of(resource: Any) -> str | None:
    """The site that a resource of openstacksdk, or of any other client, came from; None where no answer told it.

    It is what the last answer with it said, to a request of the connection under a scope.
    """
    told = resource.get(SITE) if isinstance(resource, Mapping) else None
    more = getattr(resource, "properties", None)  # where images have what is not theirs
    told = told or getattr(resource, SITE, None) or (more.get(SITE) if isinstance(more, Mapping) else None)
    if told:
        return str(told)
    connection = getattr(resource, "_connection", None)
    results = results_of(connection.session) if connection is not None else None
    if results is None:
        return None
    names = [name for name in (getattr(resource, key, None) for key in ("resources_key", "resource_key")) if name]
    ids = [str(id_) for id_ in (getattr(resource, key, None) for key in ("id", "name")) if id_]
    return results.sites.of(names or [""], ids)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _sites(response: Response) -> str:
    found: str = response.headers.get(SITES_HEADER, "")
    return found


def _names(partial: str) -> list[str]:
    """The missing sites; a long header begins with how many, `1000 sites, Corte, ...`, and tells not all."""
    names = [site.strip() for site in partial.split(",") if site.strip()]
    return [unquote(site) for site in (names[1:-1] if names and _COUNT.match(names[0]) else names)]


def _told(partial: str, missing: list[str], said: dict[str, str]) -> str:
    """Some of the missing sites with what they said, and how many others there are."""
    shown = missing[:_NAMED]
    count = _COUNT.match(partial.partition(",")[0].strip())
    others = (int(count[1]) if count else len(missing)) - len(shown)
    told = ", ".join(f"{site} ({_hint(said[site])})" if site in said else site for site in shown)
    return f"{told} and {others} more" if others else told


def _said(sites: str) -> dict[str, str]:
    """What each site said: `Paris=200, Corte=unreached`."""
    return {site: _DIFFERS.sub("", what) for site, what in _pairs(sites)}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """`Paris=1, Corte=2`, as two of our headers are."""
    for pair in text.split(","):
        site, _, what = pair.strip().rpartition("=")
        if site:
            yield unquote(site), what


def _apart(response: Response, said: dict[str, str]) -> Iterator[str]:
    found = [(site, _DIFFERS.search(what)) for site, what in _pairs(_sites(response))]
    differing = [f"{site} ({_in_what(*match.groups())})" for site, match in found if match]
    if differing:
        yield f"replicas are not alike: those of {_some(differing)} differ from what is shown"
    gone = [site for site, _ in _pairs(response.headers.get(REPLICAS_HEADER, "")) if said.get(site) == "404"]
    if gone and response.ok and response.request.method == "GET":
        yield f"replicas are not everywhere: not shown any more (HTTP 404) at {_some(gone)}"


def _in_what(count: str | None, names: str) -> str:
    fields = [f"{name[1:]} more" if name.startswith("+") else unquote(name) for name in names.split()]
    return (f"{count} of them, " if count else "") + "in " + ", ".join(fields)


def _hint(what: str) -> str:
    if what.startswith("2"):
        return f"HTTP {what}, and no part of such an answer"
    return _HINTS.get(what, f"HTTP {what}") if what.isdigit() else what


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
