"""Who called whom: every request that a service received, in order of arrival.

Tests assert on it and the demo draws it.  It never holds a token: only whether one was there, and whether it carried a
tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Record:
    """One request as a service received it.

    `caller` is the emulated service that made it (`nova-api`, `nova-scheduler`, …) or `client`; `user` the name of the
    user whose token it carried, once that was validated; `tagged` whether a token of it was longer than the site's
    tokens are; `headers` the names (lower case) of all headers; `status` the answer, 0 while there is none.
    """

    site: str
    service: str
    method: str
    target: str
    caller: str
    agent: str
    request_id: str | None
    tagged: bool
    scope: str | None
    headers: frozenset[str]
    user: str | None = None
    status: int = 0

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{self.caller} → {self.service}@{self.site} {self.method} {self.target} {self.status or '…'}"


class Recorder:
    """All records of a cloud, oldest first."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def __iter__(self) -> Iterator[Record]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def arrived(self, record: Record) -> int:
        """Note a request; the number is what `learned` wants."""
        self._records.append(record)
        return len(self._records) - 1

    def learned(self, number: int, **facts: str | int | None) -> None:
        """Add what became known of a request later: its user, its status."""
        if number < len(self._records):
            self._records[number] = replace(self._records[number], **facts)  # type: ignore[arg-type]

    def since(self, mark: int) -> tuple[Record, ...]:
        """The records from a mark on; the mark is `len(recorder)` at some time."""
        return tuple(self._records[mark:])

    def calls(
        self, *, site: str | None = None, service: str | None = None, caller: str | None = None
    ) -> tuple[Record, ...]:
        """The records that fit all that is given."""
        return tuple(
            record
            for record in self._records
            if site in (None, record.site) and service in (None, record.service) and caller in (None, record.caller)
        )
