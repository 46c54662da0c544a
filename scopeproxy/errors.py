"""The one family of errors, grouped by whose mistake it is.

Each class knows the HTTP status it becomes; the shape of the answer depends on the service that was called and is
made in planning/faults.py.  A message says what was seen, where, and what would have been right; never a secret.
"""

from __future__ import annotations


class ScopeProxyError(Exception):
    """Root of everything that scopeproxy raises on purpose."""

    status = 500


# ---- the caller's mistake: refused before anything was sent


class CallerError(ScopeProxyError):
    """The request, or its scope, cannot be honoured as it is."""

    status = 400


class ScopeError(CallerError):
    """The text of a scope is wrong.

    `line` and `column` count from 1 and point at the place; `message` is one line; `str()` adds the line with a caret.
    """

    def __init__(self, message: str, text: str = "", line: int = 1, column: int = 1) -> None:
        self.message, self.text, self.line, self.column = message, text, line, column
        super().__init__(message)

    def __str__(self) -> str:
        lines = self.text.splitlines()
        if not lines or self.line > len(lines):
            return f"scope: {self.message}"
        line = lines[self.line - 1]
        # A tab is as wide as the terminal makes it: the caret is under its place only behind the same tabs.
        before = "".join("\t" if character == "\t" else " " for character in line[: self.column - 1])
        return (
            f"scope: line {self.line}, column {self.column}: {self.message}\n"
            f"    {line}\n"
            f"    {before.ljust(self.column - 1)}^"
        )


class BadCollaboration(CallerError):
    """Two services of different sites were asked to work together in a way that cannot work."""


class Outdated(CallerError):
    """A condition of the request does not hold: what it was made by is not what the sites have (If-Match)."""

    status = 412


class TooLarge(CallerError):
    """A body or header is over its limit."""

    status = 413


class Unauthorized(CallerError):
    """No token that the site could accept; clients answer a 401 by logging in again."""

    status = 401


class Forbidden(CallerError):
    """A call that claims to come from a peer and does not prove it, or a site that we do not trust."""

    status = 403


class BodyBrokenOff(CallerError):
    """The client did not send the body that its head announced."""


class BodyTooSlow(BodyBrokenOff):
    """The client took too long to send the body."""

    status = 408


class LoopDetected(CallerError):
    """The call has been here before, or has travelled too far (RFC 5842, section 7.2)."""

    status = 508


class NotYet(CallerError):
    """Well formed and meaningful, but not built yet: we never half-do it."""

    status = 501


# ---- the operator's mistake: told before the first socket opens


class ConfigurationError(ScopeProxyError):
    """The topology file is wrong; `mistakes` holds every one of them, each with its path."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


# ---- a remote site's failure, once no other candidate is left


class SiteFailure(ScopeProxyError):
    """No site could give an answer.  502: never sent; 503: could not be asked; 504: may have happened."""

    def __init__(self, message: str, status: int = 502) -> None:
        self.status = status
        super().__init__(message)
