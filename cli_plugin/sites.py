"""Which site gave each resource, for programs: openstacksdk drops what its resources do not know, and so the site.

Kept by the name that answers give to lists and resources (`servers`, `server`) and the id, since flavors, key pairs and
zones are called alike in different lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .listed import identity, lists

# Resources that are remembered by one session: about 30 MB.  The oldest are forgotten first.
REMEMBERED = 100_000


class Sites:
    """The sites of the resources that a session was answered last."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._of: dict[tuple[str, str], str | None] = {}

    def note(self, document: Any, answered: Sequence[str]) -> None:
        """Remember what an answer holds; `answered`: the sites that had what was asked for, the first first.

        A merged list tells the site of each item; a single resource is the first site's that has it.
        """
        sole = answered[0] if len(answered) == 1 else None
        for listed in lists(document):
            noted: dict[tuple[str, str], str | None] = {}
            for item in listed.items:
                key, site = (listed.name, identity(item.body) or ""), item.site or sole
                noted[key] = site if noted.get(key, site) == site else None  # two of one id: that is no answer
            self._keep(noted)
        for name, value in document.items() if isinstance(document, dict) else ():
            if isinstance(value, dict) and (id_ := identity(value)):
                self._keep({(str(name), id_): answered[0] if answered else None})

    def of(self, names: Sequence[str], ids: Sequence[str]) -> str | None:
        """The site of the resource that answers call by one of these names."""
        keys = [(name, id_) for name in names for id_ in ids]
        return next((self._of[key] for key in keys if self._of.get(key)), None)

    def _keep(self, noted: dict[tuple[str, str], str | None]) -> None:
        for key, site in noted.items():
            self._of.pop(key, None)
            self._of[key] = site
        while len(self._of) > self._remembered:
            del self._of[next(iter(self._of))]
