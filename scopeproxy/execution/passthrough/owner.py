"""Whose call is on a connection to a service: what `back.Back` tells it, and asks of it."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scopeproxy.execution.passthrough.back import Back
    from scopeproxy.execution.passthrough.head import ReplyHead
    from scopeproxy.execution.passthrough.states import AtService


class Owner(Protocol):
    """Who has sent a call and waits for its answer: a client's exchange, or an errand of the proxy's own.

    For each call comes any number of `provisional`, then once `answer`; then `ended` at once, or `answer_goes_on`, any
    number of `answer_body`, and `ended`.  At any time it may be `broken` instead, and nothing comes after that.
    """

    @property
    def method(self) -> bytes:
        """The call's."""

    @property
    def sent(self) -> bool:
        """Whether the service was given all of the call."""

    @property
    def tunnel(self) -> Tunnel | None:
        """Who takes the connection when the service changes to another protocol; None: nobody asked for one."""

    def service_full(self) -> None:
        """The service takes no more of the body for now."""

    def service_ready(self) -> None:
        """The service takes more of the body again."""

    def provisional(self, head: bytes) -> None:
        """A 1xx, whole."""

    def answer(self, head: ReplyHead, framing: int, options: Set[bytes], body: bytes) -> None:
        """The head of the answer, whose Connection says `options`, and what has come of its body."""

    def answer_goes_on(self) -> None:
        """More of the body is to come."""

    def answer_body(self, data: bytes) -> None:
        """More of the body, as it was framed."""

    def ended(self) -> None:
        """The answer is whole, and the connection is somebody else's."""

    def broken(self, back: Back, state: AtService, why: str) -> None:
        """The connection was lost, in this state."""


class Tunnel(Protocol):
    """Who speaks another protocol over the connection."""

    def switched(self, head: ReplyHead, data: bytes) -> None:
        """The service has agreed to it, and this is what it said in it."""

    def from_service(self, data: bytes) -> None:
        """More that it says."""

    def service_ended(self) -> bool:
        """The service says no more.  Whether it still listens to somebody."""
