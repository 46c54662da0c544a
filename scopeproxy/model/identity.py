"""Tokens, and what a login under a scope left behind.

A token never appears in a repr, a log line or on disk in the clear: `Token` shows its fingerprint only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A bearer token, untagged.  `value` is the secret."""

    value: str

    @property
    def fingerprint(self) -> str:
        """What stands for the token wherever the token itself must not be: SHA-256, in hex."""
        return hashlib.sha256(self.value.encode()).hexdigest()

    def __repr__(self) -> str:
        return f"Token({self.fingerprint[:8]}…)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for at the site that issued it.  `expires`: seconds since the epoch.

    `user`, `project`: their names, where they are of the default domain: elsewhere a name alone tells nobody.
    `system`: whether it is for the system as a whole, and no project.  `limited`: whether it is good only for the calls
    that an application credential's access rules name.
    """

    user_id: str
    project_id: str | None
    expires: float
    roles: frozenset[str] = frozenset()
    user: str = ""
    project: str = ""
    system: bool = False
    limited: bool = False

    @property
    def owner(self) -> str:
        """Whose calls and things are meant: the project's, or else the user's."""
        return self.project_id or self.user_id

    def written(self) -> list[object]:
        """It as JSON has it, to be read again."""
        named = [self.user, self.project, self.system, self.limited]
        return [self.user_id, self.project_id, self.expires, sorted(self.roles), *named]

    @classmethod
    def read(cls, written: list[Any]) -> Identity:
        """What was written; what a release of old did not know is as it was then."""
        user_id, project_id, expires, roles, *named = written
        return cls(user_id, project_id, expires, frozenset(roles), *named)


@dataclass(frozen=True, slots=True)
class SiteToken:
    """A token that a site issued for the same person, by a login that the proxy made; `account`: or for an account of
    the operator's, which stands for that person."""

    site: str
    token: Token
    identity: Identity
    account: bool = False


@dataclass(frozen=True, slots=True)
class FailedLogin:
    """Why there is no token for a site.  `status` None: the site was not reached.  `at`: seconds since the epoch."""

    site: str
    status: int | None
    why: str
    at: float


@dataclass(frozen=True, slots=True)
class Login:
    """A login under a scope, kept under the fingerprint of the token which the client was given.

    `issuer` is the site that issued the client's token and `identity` what it means there; `validated` is when the
    issuer last vouched for it.
    """

    fingerprint: str
    issuer: str
    identity: Identity
    validated: float
    sites: Mapping[str, SiteToken | FailedLogin] = field(default_factory=dict)
