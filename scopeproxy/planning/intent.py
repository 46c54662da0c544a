"""What a request does, read from its service, method and path: the kind, the collection, the id.

A table of rows for the exceptions and one general rule for the rest (pairs of collection and id), which serves a
deployment's own services as well.  Bodies of requests are looked at for actions only.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from scopeproxy.model.messages import Request


class Kind(enum.Enum):
    """The kinds of requests that section 4 of the language tells apart."""

    LIST = "list"
    SHOW = "show"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ACTION = "action"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    DISCOVERY = "discovery"
    TOTALS = "totals"
    LOGIN = "login"
    TOKEN = "token"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a request does.  `collection` is "" where there is none; `id` is the innermost one that is named."""

    kind: Kind
    collection: str = ""
    id: str | None = None
    filtered: bool = False
    paged: bool = False
    beneath: str = ""

    @property
    def writes(self) -> bool:
        """Whether something is different afterwards."""
        raise NotImplementedError

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        raise NotImplementedError


def classify(request: Request) -> Intent:
    """What this request does."""
    raise NotImplementedError
