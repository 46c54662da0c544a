"""What somebody may have meant: the nearest of the words that would have been right."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

# Beyond this no one mistyped a name, and comparing would take its time.
_LONGEST = 64

# So many names can be told in one line.
_FEW = 20


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that is most like this one, in whatever case; None when none is near."""
    if len(name) > _LONGEST:
        return None
    by_lower = {known.lower(): known for known in names}
    near = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of an error message: `; did you mean 'nova'?`, or nothing."""
    near = nearest(name, names)
    return "" if near is None else f"; did you mean {near!r}?"


def suggestion(name: str, names: Collection[str]) -> str:
    """As `did_you_mean`; where nothing is near and there are few names, all of them."""
    near = did_you_mean(name, names)
    plain = 0 < len(names) <= _FEW and all(known.isprintable() and len(known) <= _LONGEST for known in names)
    return near or (f"; choose from {', '.join(sorted(names))}" if plain else "")


def shortened(name: str) -> str:
    """A name in single quotes for an error message, cut where it is too long to be shown."""
    return repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "…")
