"""What was done with each scoped call: one log line at its end, and a report by request id for whoever made it."""

from __future__ import annotations

import json
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass, field, fields, replace

logger = logging.getLogger("scopeproxy.calls")

_REMEMBERED = 2_000

# Old keystones and nova's consoles have tokens in paths: /v2.0/tokens/<id>, /os-console-auth-tokens/<token>.  Elsewhere
# a Fernet token is told by its beginning.
_TOKEN = re.compile(r"(?<=tokens/)[^/\s]+|\bgAAAA[\w=~.-]{40,}")
_LONGEST_PATH, _LONGEST_ERROR = 500, 8000


@dataclass(frozen=True, slots=True)
class Record:
    """One call.  No header, no query and no body is in it, so no secret either.

    `seconds`: from the head of the call to the head of the answer; `plan`: as it was made; `sites`: what each said;
    `differs`: by site, the fields in which its replicas are not like those that were shown; `carriers`: what of
    planning/carriers.py was on the call; `source`: which of them gave the scope.
    """

    id: str
    at: float
    site: str
    service: str
    method: str
    path: str
    status: int
    seconds: float
    scope: str | None = None
    source: str = ""
    client_id: str | None = None
    peer: str | None = None
    intent: str = ""
    plan: str = ""
    sites: dict[str, str] = field(default_factory=dict)
    partial: tuple[str, ...] = ()
    differs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    error: str | None = None
    project: str | None = None
    carriers: tuple[str, ...] = ()


_FIELDS = tuple(one.name for one in fields(Record))


class Records:
    """The last calls of one proxy with a scope or a carrier of one, and every `sample`-th other one in the log."""

    def __init__(self, sample: int = 100, remembered: int = _REMEMBERED) -> None:
        self._sample, self._remembered, self._unscoped = sample, remembered, 0
        self._last: OrderedDict[str, Record] = OrderedDict()

    def note(self, record: Record) -> None:
        """Log the call; keep it when it was scoped, or came with a carrier: a validation that scoped work causes."""
        if record.scope is None and not record.carriers:
            if self.is_due():
                self.log(record)
            return
        record = _shown(record)
        self._last[record.id] = record
        while len(self._last) > self._remembered:
            self._last.popitem(last=False)
        _write(record)

    def is_due(self) -> bool:
        """Whether this call, which has no scope and no carrier, is one that the log tells of."""
        self._unscoped += 1
        return self._sample <= 1 or self._unscoped % self._sample == 1

    def log(self, record: Record) -> None:
        """Log the call."""
        _write(_shown(record))

    def get(self, id_: str) -> Record | None:
        """The call of this id, while it is remembered."""
        return self._last.get(id_)

    def last(self, count: int = 50) -> list[Record]:
        """The latest calls, the newest first."""
        return list(reversed(self._last.values()))[:count]


def _write(record: Record) -> None:
    told = {key: getattr(record, key) for key in _FIELDS}
    logger.info(json.dumps({key: value for key, value in told.items() if value not in (None, "", {}, ())}))


def _shown(record: Record) -> Record:
    return replace(record, path=shown(record.path), error=record.error and shown(record.error, _LONGEST_ERROR))


def shown(text: str, longest: int = _LONGEST_PATH) -> str:
    """A path, or an error that may name one, as it may be told: without tokens, and not for ever."""
    text = _TOKEN.sub("…", text)
    return text if len(text) <= longest else f"{text[:longest]}…"
