"""Whether a site serves the version of an API that a call asks for, as far as its version document tells.

What is not known is not refused: the site itself will say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scopeproxy.errors import BadCollaboration
from scopeproxy.lang.scope import And, At, Location, Or, Scope, sites_of
from scopeproxy.lang.vocabulary import OPENSTACK
from scopeproxy.model.messages import Reply, Request, without
from scopeproxy.model.services import row
from scopeproxy.planning.discovery import Document, entries, intersect, number
from scopeproxy.planning.faults import fault
from scopeproxy.planning.intent import Intent
from scopeproxy.planning.writes import fault_message

Known = Callable[[str, str], Document | None]

_NUMBER = re.compile(r"\d+\.\d+")
_OLD_HEADER = re.compile(r"X-OpenStack-([A-Za-z]+)-API-Version", re.IGNORECASE)
_PATH = re.compile(r"/*(v\d+(?:\.\d+)?)(?:/|\Z)")
_TOLD = re.compile(r"[Mm]inimum is (\d+\.\d+) and maximum is (\d+\.\d+)")


def nothing_known(_site: str, _service: str) -> Document | None:
    """Where no site has told its versions yet."""
    return None


def microversion(request: Request) -> str | None:
    """The microversion that a request asks of its service; None for none, and for `latest`."""
    for name, value in request.headers:
        old = _OLD_HEADER.fullmatch(name)
        parts = [f"{old[1]} {value}"] if old else value.split(",") if name.lower() == "openstack-api-version" else []
        for part in parts:
            service, _, asked = part.strip().partition(" ")
            if OPENSTACK.service(service.lower()) == request.service and _NUMBER.fullmatch(asked.strip()):
                return asked.strip()
    return None


def refuse_unserved(request: Request, location: Location, known: Mapping[str, Document]) -> None:
    """Raise BadCollaboration, its status 406, for a microversion which a site that must serve it is known not to have.

    An alternative of `|` need not serve it: the next one may.
    """
    asked = microversion(request)
    if asked is None:
        return
    ranges = {site: range_ for site, document in known.items() if (range_ := _range(document, request.path))}
    missing = {site for site, (low, high) in ranges.items() if not number(low) <= number(asked) <= number(high)}
    if not _fails(location, missing.__contains__):
        return
    told = ", ".join(f"{site} has {low} to {high}" for site, (low, high) in ranges.items())
    error = BadCollaboration(
        f"scope: not every site serves {request.service} {asked}, and nothing was sent: {told}; "
        f"ask for a microversion that all have, or leave {', '.join(sorted(missing))} out of the scope"
    )
    error.status = 406
    raise error


def refuse_strangers(request: Request, intent: Intent, scope: Scope, entry: str, known: Known) -> None:
    """Raise BadCollaboration where a write makes the service call a partner elsewhere, and the partner's API is known
    to have no version in common with that of the partner at the service's own site, which is the one it works with."""
    calls = row(request.service).calls
    if not intent.writes or not calls:
        return
    for site in sites_of(scope.location(request.service) or At(entry)):
        for partner in sorted(calls):
            location, ours = scope.location(partner), known(site, partner)
            if location is not None and ours is not None:
                _check_partner(request.service, site, partner, location, ours, known)


def _check_partner(service: str, site: str, partner: str, location: Location, ours: Document, known: Known) -> None:
    why: dict[str, str] = {}
    for other in sites_of(location):
        theirs = known(other, partner)
        if other != site and theirs is not None and not _overlap(site, ours, other, theirs):
            why[other] = f"{partner} is {_told(theirs)} at {other}"
    if _fails(location, why.__contains__):
        raise BadCollaboration(
            f"scope: {service} at {site} cannot work with {partner} at {location}: no version of the API is in common: "
            f"{', '.join(why.values())}, and {_told(ours)} at {site}; bind {partner} to a site of a release like "
            f"{site}'s, or leave it out"
        )


def _overlap(site: str, ours: Document, other: str, theirs: Document) -> bool:
    try:
        intersect([(site, ours), (other, theirs)])
    except BadCollaboration:
        return False
    return True


def _fails(location: Location, lacks: Callable[[str], bool]) -> bool:
    """Whether the location cannot do without a site that lacks something."""
    match location:
        case At(site):
            return lacks(site)
        case And(parts):
            return any(_fails(part, lacks) for part in parts)
        case Or(parts):
            return all(_fails(part, lacks) for part in parts)
    return False


def may_need_explaining(reply: Reply, request: Request, document: Document | None) -> bool:
    """Whether the answer may refuse a version of the API: those are explained, after their body was read."""
    if request.method == "HEAD":
        return False
    if reply.status == 406:
        return microversion(request) is not None
    return reply.status in (300, 404) and document is not None and _unserved_path(request, document) is not None


def explained(reply: Reply, request: Request, document: Document | None) -> Reply:
    """The refusal of a version, with a message that names the site, what it has, and what to do; status and headers
    stay."""
    if reply.status == 406:
        range_ = _told_range(reply) or (_range(document, request.path) if document else None)
        asked, has = microversion(request), f"{range_[0]} to {range_[1]}" if range_ else ""
    else:
        asked, has = _unserved_path(request, document or {}), _told(document or {})
    theirs = f"it has {has}" if has else f"it says: {fault_message(reply) or reply.status}"
    message = (
        f"scope: {reply.site} does not serve {request.service} {asked}: {theirs}; ask for what it has, "
        f"or bind {request.service} to a site that serves it"
    )
    told, found = _retold(reply.json if reply.status >= 400 else None, message)
    headers, body = fault(request.service, reply.status, message)
    if found:
        # What it tells beside the message stays: placement's range, say.
        body = json.dumps(told).encode()
        headers = (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
    kept = without(reply.headers, "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "ETag")
    return replace(reply, headers=(*headers, *kept), body=body, rest=None)


def _range(document: Document, path: str) -> tuple[str, str] | None:
    """The microversions at a path, of the version that the path names."""
    named = _PATH.match(path)
    entry = next((one for one in entries(document) if named is None or _is_served(named[1], one)), {})
    low, high = entry.get("min_version"), entry.get("max_version") or entry.get("version")
    return (str(low), str(high)) if low and high else None


def _told_range(reply: Reply) -> tuple[str, str] | None:
    """As the refusal itself tells it: in words (nova, cinder) or in keys of its own (placement)."""
    text = reply.body.decode(errors="replace")
    if found := _TOLD.search(text):
        return found[1], found[2]
    document = reply.json
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    low, high = first.get("min_version"), first.get("max_version")
    return (str(low), str(high)) if low and high else None


def _unserved_path(request: Request, document: Document) -> str | None:
    """The version that the path begins with, when the document has others, and not this one."""
    named, found = _PATH.match(request.path), [entry for entry in entries(document) if entry.get("id")]
    if named is None or not found or any(_is_served(named[1], entry) for entry in found):
        return None
    return named[1]


def _is_served(version: str, entry: Mapping[str, Any]) -> bool:
    """`/v3` serves keystone's v3.14, `/v2` glance's v2.0 to v2.17; `/v2.1` is nova's v2.1 alone."""
    asked, has = number(version), number(str(entry.get("id", "")))
    return asked == has or (asked[:1] == has[:1] and asked[1:] in ((), (0,)))


def _told(document: Document) -> str:
    ids = [str(entry["id"]) for entry in entries(document) if entry.get("id")]
    return ", ".join(sorted(ids, key=number)) or "nothing"


def _retold(value: Any, message: str) -> tuple[Any, bool]:
    """The document with the first message in it replaced, and whether there was one."""
    if isinstance(value, dict):
        for key in ("message", "faultstring", "detail"):
            if isinstance(value.get(key), str):
                return {**value, key: message}, True
        for key, inner in value.items():
            told, found = _retold(inner, message)
            if found:
                return {**value, key: told}, True
    if isinstance(value, list) and value:
        told, found = _retold(value[0], message)
        return [told, *value[1:]], found
    return value, False
