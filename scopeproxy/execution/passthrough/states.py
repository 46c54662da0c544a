"""Where the two ends of an exchange stand, and which moves are legal: all that changes a state is in these tables.

client's end    READY → SENDING → ANSWERING → READY …     a body on its way, then an answer
service's end   IDLE → HEAD → BODY → IDLE …               in the pool, then an answer
"""

from __future__ import annotations

import enum
from typing import TypeVar


class AtClient(enum.IntEnum):
    """Where a client's connection stands."""

    READY = 0  # the head of a request comes next
    SENDING = 1  # the body of a request is on its way; its answer may be, too
    ANSWERING = 2  # the request is whole, its answer is not
    LENT = 3  # a request is in the hands of the journey, which answers it
    TUNNEL = 4  # another protocol: bytes both ways
    LINGERING = 5  # the last answer is out, and what the client still sends is thrown away
    CLOSED = 6  # no more


class AtService(enum.IntEnum):
    """Where a connection to a service stands."""

    IDLE = 0  # in the pool
    HEAD = 1  # a request was sent, and the head of its answer comes next
    BODY = 2  # the body of the answer is on its way
    TUNNEL = 3  # another protocol: bytes both ways
    CLOSED = 4  # no more


CLIENT_MOVES: dict[AtClient, frozenset[AtClient]] = {
    # Whatever comes first: a request that passes, with or without more of its body to come, or one that is looked at.
    AtClient.READY: frozenset(
        {AtClient.SENDING, AtClient.ANSWERING, AtClient.LENT, AtClient.LINGERING, AtClient.CLOSED}
    ),
    # An answer that ends before its request does ends the connection (RFC 9112, 9.6: nobody knows how much will come).
    AtClient.SENDING: frozenset({AtClient.ANSWERING, AtClient.LINGERING, AtClient.CLOSED}),
    # A scoped read of which another site has made nothing plain is lent after all.
    AtClient.ANSWERING: frozenset(
        {AtClient.READY, AtClient.LENT, AtClient.TUNNEL, AtClient.LINGERING, AtClient.CLOSED}
    ),
    AtClient.LENT: frozenset({AtClient.READY, AtClient.LINGERING, AtClient.CLOSED}),
    AtClient.TUNNEL: frozenset({AtClient.CLOSED}),
    AtClient.LINGERING: frozenset({AtClient.CLOSED}),
    AtClient.CLOSED: frozenset(),
}

SERVICE_MOVES: dict[AtService, frozenset[AtService]] = {
    AtService.IDLE: frozenset({AtService.HEAD, AtService.CLOSED}),
    # An answer without a body is whole with its head.
    AtService.HEAD: frozenset({AtService.BODY, AtService.IDLE, AtService.TUNNEL, AtService.CLOSED}),
    AtService.BODY: frozenset({AtService.IDLE, AtService.CLOSED}),
    AtService.TUNNEL: frozenset({AtService.CLOSED}),
    AtService.CLOSED: frozenset(),
}

State = TypeVar("State", AtClient, AtService)


def illegal(at: State, to: State) -> AssertionError:
    """A move which is not in its table is a bug of ours, and told as such."""
    return AssertionError(f"no move leads from {at!r} to {to!r}")
