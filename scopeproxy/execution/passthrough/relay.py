"""How a scoped read goes to the one other site that answers it, as was decided for one before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from scopeproxy.execution.passthrough.ways import Way
from scopeproxy.model.messages import Reply, Unreached


class Read(NamedTuple):
    """A read, by all that the decision goes by: whose it is, and its head, byte for byte."""

    client: str
    method: bytes
    target: bytes
    fields: bytes


@dataclass(frozen=True, slots=True)
class Relay:
    """Where such a read goes, and what is told of it.

    `way`: to the service's front at the other site; `unsigned`: its head, but for the signature and the end;
    `signature`: the line of one, new for each call; `patience`: seconds after which the answer is late; `holds`:
    whether whoever calls is still known to be let in; `reaches`: whether the site can be reached; `answered`: logs an
    answer by its status and seconds, and gives the header lines for the client; `failed`: the same for a site that has
    not answered, and gives the answer in its stead.
    """

    way: Way
    unsigned: bytes
    signature: Callable[[], bytes]
    patience: float
    holds: Callable[[], bool]
    reaches: Callable[[], Awaitable[bool]]
    answered: Callable[[int, float], bytes]
    failed: Callable[[Unreached, float], Reply]

    @property
    def head(self) -> bytes:
        """The head of one call."""
        return b"%b%b\r\n" % (self.unsigned, self.signature())
