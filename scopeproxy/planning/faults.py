"""Error bodies in the shape of the service that was called, so that every client shows the message."""

from __future__ import annotations

from scopeproxy.model.messages import Headers


def fault(
    service: str, status: int, message: str, request_id: str | None = None, shape: str | None = None
) -> tuple[Headers, bytes]:
    """The headers and the body of an error of ours.  `shape`: a key of FAULTS, instead of the service's own."""
    raise NotImplementedError
