"""A text that is being read: where its words are, how large it may be, and errors that point into it.

What is read is not always what is shown: an error inside a JSON value points into the whole JSON text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scopeproxy.errors import ScopeError

MOST_BYTES = 4096
MOST_LEVELS = 16

# What may stand between words: str.strip() alone would take more.
BLANKS = " \t\r\n"

# Control characters but for tab and line ends, the line ends of Unicode, and halves of surrogate pairs.
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# A quote that is never closed takes the rest of the text, so that this is linear whatever comes.
_PARENTHESIS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[()]', re.DOTALL)
_STEPS = {"(": 1, ")": -1}


@dataclass(frozen=True, slots=True)
class Source:
    """`text` is read, and `shown` is what an error shows; `places`: where in `shown` each character of `text` is, and
    its end."""

    text: str
    shown: str
    places: Sequence[int]

    @classmethod
    def of(cls, text: str, before: str = "") -> Source:
        """A text, shown with something in front of it."""
        return cls(text, before + text, range(len(before), len(before) + len(text) + 1))

    def error(self, message: str, offset: int) -> ScopeError:
        """An error at that offset of `text`; never echoes what a terminal or a log would take for a command."""
        shown = _REFUSED.sub("\ufffd", self.shown)
        lines = (shown[: self.places[offset]] + "x").splitlines()
        return ScopeError(message, shown, len(lines), len(lines[-1]))

    @property
    def end(self) -> int:
        """Where something is missing at the end: just after the last word."""
        return len(self.text.rstrip(BLANKS))

    @property
    def start(self) -> int:
        """Where the first word begins."""
        return len(self.text) - len(self.text.lstrip(BLANKS))

    @property
    def is_blank(self) -> bool:
        return not self.end


class Word(NamedTuple):
    """A name, unquoted, and where it stands."""

    name: str
    source: Source
    offset: int

    def error(self, message: str) -> ScopeError:
        return self.source.error(message, self.offset)


def check(source: Source) -> None:
    """Refuse what no scope may hold, before a grammar sees it."""
    check_size(source.text)
    _check_characters(source)
    _check_depth(source)


def check_size(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise ScopeError(f"the text has {size:,} bytes; at most {MOST_BYTES:,} are read")


def _check_characters(source: Source) -> None:
    refused = _REFUSED.search(source.text)
    if refused is not None:
        raise source.error(f"the character U+{ord(refused[0]):04X} cannot be part of a scope", refused.start())


def _check_depth(source: Source) -> None:
    if source.text.count("(") <= MOST_LEVELS:
        return
    depth = 0
    for found in _PARENTHESIS.finditer(source.text):
        depth += _STEPS.get(found[0], 0)
        if depth > MOST_LEVELS:
            raise source.error(f"more than {MOST_LEVELS} levels of parentheses", found.start())
