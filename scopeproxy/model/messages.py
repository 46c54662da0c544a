"""What travels: requests, and the outcomes that sites give.

A body is bytes already held, followed by what is still to come.  No socket and no HTTP library is known here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import parse_qsl

from scopeproxy.model.documents import parsed, written

Header = tuple[str, str]
Headers = tuple[Header, ...]


class Stream(Protocol):
    """Bytes still to come.  Reading may raise ConnectionError or TimeoutError: the sender was lost."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Give up what was not read; safe to call more than once."""


class Body(Protocol):
    """The body of a request, as often as it can be had."""

    @property
    def length(self) -> int | None:
        """Bytes in all; None where the sender did not say (chunked)."""

    @property
    def replayable(self) -> bool:
        """Whether `open` would still give the body from its first byte."""

    def open(self) -> AsyncIterator[bytes]:
        """The body from its first byte."""


@dataclass(frozen=True, slots=True)
class Held:
    """A body in memory."""

    data: bytes = b""

    @property
    def length(self) -> int:
        return len(self.data)

    @property
    def replayable(self) -> bool:
        return True

    async def open(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data


NOTHING = Held()


def header(headers: Headers, name: str) -> str | None:
    """The first value of a header, its name in any case; None when there is none."""
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None


def without(headers: Headers, *names: str) -> Headers:
    """The headers less those of these names."""
    dropped = {name.lower() for name in names}
    return tuple(pair for pair in headers if pair[0].lower() not in dropped)


def with_header(headers: Headers, name: str, value: str) -> Headers:
    """The headers with exactly one of that name: in the place of the first, or at the end."""
    wanted, placed, result = name.lower(), False, []
    for key, old in headers:
        if key.lower() != wanted:
            result.append((key, old))
        elif not placed:
            result.append((key, value))
            placed = True
    if not placed:
        result.append((name, value))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class Request:
    """A call to a service: `target` is the raw path and query below the service's root, just as it was sent."""

    service: str
    method: str
    target: str
    # Tokens are in headers and bodies: neither is shown.
    headers: Headers = field(default=(), repr=False)
    body: Body = field(default=NOTHING, repr=False)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The query's pairs, decoded, in order; repeated keys are kept."""
        _, _, query = self.target.partition("?")
        return tuple(parse_qsl(query, keep_blank_values=True)) if query else ()

    @property
    def json(self) -> Any:
        """The held body as JSON; None when it is not held, or is not JSON."""
        return parsed(self.body.data) if isinstance(self.body, Held) else None

    def header(self, name: str) -> str | None:
        return header(self.headers, name)

    def with_header(self, name: str, value: str) -> Request:
        return replace(self, headers=with_header(self.headers, name, value))

    def without(self, *names: str) -> Request:
        return replace(self, headers=without(self.headers, *names))


@dataclass(frozen=True, slots=True)
class Reply:
    """A site's HTTP answer: the part of the body that is held, and the rest of it, if any is still to come."""

    site: str
    status: int
    headers: Headers = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    rest: Stream | None = field(default=None, repr=False)
    reason: str = ""
    # What its body was found to be: to unpack and parse it again at every look would hold up all other calls.
    found: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def json(self) -> Any:
        """The body as JSON; None when it is not all here, or is not JSON."""
        return None if self.rest is not None else parsed(self.body)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        return header(self.headers, name)


@dataclass(frozen=True, slots=True)
class Unreached:
    """No HTTP answer: the call was never sent, or (`sent`) it was and may have been carried out.

    `queued`: whether the journal has it, so that the site gets it later.  `asked`: whether it was tried at all; not so
    where what the call needs could not be found out, or is not there any more.
    """

    site: str
    sent: bool
    why: str
    queued: bool = False
    asked: bool = True


Outcome = Reply | Unreached


def json_reply(site: str, status: int, value: Mapping[str, Any] | list[Any], headers: Headers = ()) -> Reply:
    """A reply that we make ourselves."""
    return Reply(site, status, (("Content-Type", "application/json"), *headers), written(value))
