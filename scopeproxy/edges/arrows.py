"""Who called whom, told from both ends: what the services received, and what the proxies handed on.

A service does not see from which site a call came, and nobody receives a call whose site was cut off; the proxies know
both.  Pure functions, from what the emulator recorded and what `/v1/calls` of the proxies say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scopeproxy.emulator.recorder import CLIENT, Record
from scopeproxy.emulator.site import SERVICES

OPENSTACK = "openstack"
NO_ANSWER = 0

_NAMES = {kind.type: kind.name for kind in SERVICES}


class Participant(NamedTuple):
    """A service, or the command, and the site where it is."""

    name: str
    site: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """One call.  `status` is NO_ANSWER where the call did not get through."""

    caller: Participant
    called: Participant
    method: str
    target: str
    status: int

    @property
    def crosses(self) -> bool:
        """Whether the call went from one site to another."""
        return self.caller.site != self.called.site

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Handed:
    """A call as a proxy saw it: from which `peer` it came, and what the `sites` said to which it was handed on."""

    site: str
    service: str
    method: str
    path: str
    peer: str | None
    sites: Mapping[str, str]

    @property
    def failed(self) -> tuple[str, ...]:
        """The sites which were tried and gave no answer."""
        return tuple(site for site, came in self.sites.items() if not came.isdigit())


def handed(row: Mapping[str, Any]) -> Handed:
    """From a row of `/v1/calls`."""
    service = _NAMES.get(row["service"], row["service"])
    return Handed(row["site"], service, row["method"], row["path"], row["peer"], row["sites"])


def arrows(records: Iterable[Record], calls: Sequence[Handed], home: str) -> tuple[Arrow, ...]:
    """The calls in order of arrival, with those that did not get through beside the same call elsewhere.

    `home`: where the command was typed; `calls`: oldest first.
    """
    peers: dict[tuple[str, str, str, str], str] = {}
    for call in calls:
        if call.peer:
            peers[call.site, call.service, call.method, call.path] = call.peer
    lost = [call for call in calls if call.failed]
    drawn: list[Arrow] = []
    for record in records:
        arrow = _arrow(record, peers, home)
        same = [call for call in lost if _stands_for(arrow, call)]
        lost = [call for call in lost if call not in same]
        attempts = [attempt for call in same for attempt in _attempts(call, arrow.caller)]
        # Here and there: the own site came first.  Here or there: the one that answers came after those that did not.
        drawn += attempts if arrow.crosses else []
        drawn.append(arrow)
        drawn += [] if arrow.crosses else attempts
    for call in lost:
        drawn += _attempts(call, Participant(OPENSTACK, call.site))
    return tuple(drawn)


def _arrow(record: Record, peers: Mapping[tuple[str, str, str, str], str], home: str) -> Arrow:
    origin = peers.get((record.site, record.service, record.method, record.path), record.site)
    if record.caller == CLIENT:
        caller = Participant(OPENSTACK, home)
    else:
        caller = Participant(record.caller.partition("-")[0], origin)
    return Arrow(caller, Participant(record.service, record.site), record.method, record.target, record.status)


def _stands_for(arrow: Arrow, call: Handed) -> bool:
    """Whether the arrow is the same call where it did get through."""
    same = (call.service, call.method, call.path) == (arrow.called.name, arrow.method, arrow.path)
    return same and arrow.called.site in call.sites and arrow.caller.site == call.site


def _attempts(call: Handed, caller: Participant) -> list[Arrow]:
    there = [Participant(call.service, site) for site in call.failed]
    return [Arrow(caller, called, call.method, call.path, NO_ANSWER) for called in there]
