"""What a write over several sites came to, told site by site: which did it, which did not, which may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.planning.created import created_id
from scopeproxy.planning.faults import fault
from scopeproxy.planning.intent import Intent, Kind

_LONGEST = 500


def done(outcome: Outcome) -> bool:
    """Whether the site has done it."""
    return isinstance(outcome, Reply) and outcome.status < 400


def absent(outcome: Outcome) -> bool:
    """Whether the site said that it has no such thing."""
    return isinstance(outcome, Reply) and outcome.status == 404


def failed(outcome: Outcome, intent: Intent) -> bool:
    """Whether the site left the write undone, or may have, and does not get it later either.  What is at other sites
    only need not be changed here."""
    if isinstance(outcome, Unreached) and outcome.queued:
        return False
    return not done(outcome) and not (absent(outcome) and intent.kind is not Kind.CREATE)


def partial_write(
    request: Request,
    intent: Intent,
    outcomes: Sequence[Outcome],
    undone: Mapping[str, str] | None = None,
    shape: str | None = None,
) -> Reply:
    """The answer to a write which some sites did and others did not, telling what happened at each.

    `undone`: site to what became of the attempt to delete again what was created there; None: all was kept.
    `shape`: that of the faults of a service of the deployment's own.
    """
    failures = [outcome for outcome in outcomes if failed(outcome, intent)] or list(outcomes)
    status = next((outcome.status for outcome in failures if isinstance(outcome, Reply)), None)
    if status is None:
        status = 504 if any(not isinstance(outcome, Reply) and outcome.sent for outcome in failures) else 502
    told = "; ".join(_story(outcome, request, intent, undone) for outcome in outcomes)
    message = f"scope: {request.method} {request.path} was not done everywhere: {told}"
    headers, body = fault(request.service, status, message, request.header("X-OpenStack-Request-ID"), shape)
    return Reply(failures[0].site, status, headers, body)


def _story(outcome: Outcome, request: Request, intent: Intent, undone: Mapping[str, str] | None) -> str:
    return f"{outcome.site}: {' '.join(_words(outcome, request, intent, undone))}"


def _words(outcome: Outcome, request: Request, intent: Intent, undone: Mapping[str, str] | None) -> Iterator[str]:
    yield what_happened(outcome)
    if not done(outcome) or not isinstance(outcome, Reply):
        return
    if intent.kind is Kind.CREATE and (id_ := created_id(outcome, request, intent)):
        yield f"with id {id_}"
    if undone is not None:
        yield f"({undone.get(outcome.site, 'kept')})"


def what_happened(outcome: Outcome) -> str:
    """One outcome in words."""
    if isinstance(outcome, Reply):
        message = "" if done(outcome) else fault_message(outcome)
        return f"{'done' if done(outcome) else 'answered'} {outcome.status}{f' ({message})' if message else ''}"
    if not outcome.asked:
        return f"not asked ({outcome.why})"
    return f"no answer ({outcome.why}), it may have happened" if outcome.sent else f"not reached ({outcome.why})"


def fault_message(reply: Reply) -> str:
    """The message in an error body, whichever shape it has; "" when none is found."""
    text = next((text for text in _messages(reply.json, 0) if text), "")
    return " ".join(text.split())[:_LONGEST]


def _messages(value: Any, depth: int) -> Iterator[str]:
    if depth > 4:
        return
    if isinstance(value, dict):
        yield from (value[key] for key in ("message", "faultstring", "detail") if isinstance(value.get(key), str))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _messages(one, depth + 1)
