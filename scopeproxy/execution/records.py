"""What was done with each scoped call: one log line at its end, and a report by request id for whoever made it."""

from __future__ import annotations

import itertools
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass, field, fields, replace

from scopeproxy.model.documents import written

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


_OWN = frozenset({"id", "at", "seconds"})
_FIELDS = tuple(one.name for one in fields(Record) if one.name not in _OWN)
_NOTHING: tuple[object, ...] = (None, "", {}, ())


class Told:
    """A call as it is told: its path and its error without tokens, and not for ever.  `rest`: of its line in the log,
    all but what is its own where a call like it was told before."""

    __slots__ = ("_record", "_rest", "at", "id", "seconds")

    def __init__(self, record: Record) -> None:
        self.id, self.at, self.seconds = record.id, record.at, record.seconds
        error = record.error and shown(record.error, _LONGEST_ERROR)
        self._record = replace(record, path=shown(record.path), error=error)
        told = {key: getattr(self._record, key) for key in _FIELDS}
        self._rest = written({key: value for key, value in told.items() if value not in _NOTHING}).decode()[1:]

    def again(self, id_: str, at: float, seconds: float) -> Told:
        """Another call, of which the same is told but for these."""
        other = Told.__new__(Told)
        other.id, other.at, other.seconds, other._record, other._rest = id_, at, seconds, self._record, self._rest
        return other

    @property
    def record(self) -> Record:
        """The whole of it."""
        return replace(self._record, id=self.id, at=self.at, seconds=self.seconds)

    def line(self) -> str:
        """It as JSON, in one line."""
        return f'{{"id":"{self.id}","at":{self.at!r},"seconds":{self.seconds!r},{self._rest}'


class Records:
    """The last calls of one proxy with a scope or a carrier of one, and every `sample`-th other one in the log."""

    def __init__(self, sample: int = 100, remembered: int = _REMEMBERED) -> None:
        self._sample, self._remembered, self._unscoped = sample, remembered, 0
        self._last: OrderedDict[str, Told] = OrderedDict()

    def note(self, record: Record) -> None:
        """Log the call; keep it when it was scoped, or came with a carrier: a validation that scoped work causes."""
        if record.scope is None and not record.carriers:
            if self.is_due():
                self.log(record)
            return
        self.keep(Told(record))

    def keep(self, told: Told) -> None:
        """Log the call, and keep it for whoever asks for its report."""
        self._last[told.id] = told
        while len(self._last) > self._remembered:
            self._last.popitem(last=False)
        logger.info(told.line())

    def is_due(self) -> bool:
        """Whether this call, which has no scope and no carrier, is one that the log tells of."""
        self._unscoped += 1
        return self._sample <= 1 or self._unscoped % self._sample == 1

    def log(self, record: Record) -> None:
        """Log the call."""
        logger.info(Told(record).line())

    def get(self, id_: str) -> Record | None:
        """The call of this id, while it is remembered."""
        told = self._last.get(id_)
        return None if told is None else told.record

    def last(self, count: int = 50) -> list[Record]:
        """The latest calls, the newest first."""
        return [told.record for told in itertools.islice(reversed(self._last.values()), count)]


def shown(text: str, longest: int = _LONGEST_PATH) -> str:
    """A path, or an error that may name one, as it may be told: without tokens, and not for ever."""
    text = _TOKEN.sub("…", text)
    return text if len(text) <= longest else f"{text[:longest]}…"
