"""How a table of keys reads a mapping, and how mistakes are gathered on the way.

A reader takes a place in the file and what is written there, and gives a typed value or raises `Wrong`.  Sections,
maps and lists note what is wrong with their parts and go on, so that one run finds every mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scopeproxy.lang.suggestions import shortened, suggestion
from scopeproxy.lang.vocabulary import OPENSTACK, Vocabulary

Part = str | int
Where = tuple[Part, ...]

_PLAIN_PART = re.compile(r'[^\s."\[\]]+\Z')


class Wrong(Exception):
    """What is written in a place cannot be read; the message says why and what would have been fine."""


class Noted(Exception):
    """There is no value here, and why was noted already."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a file: what its readers must know of the whole, and the mistakes found so far."""

    directory: Path = Path()
    sites: frozenset[str] = frozenset()
    vocabulary: Vocabulary = OPENSTACK
    mistakes: list[tuple[Where, str]] = field(default_factory=list)
    written: dict[Where, Where] = field(default_factory=dict)

    def note(self, where: Where, message: str) -> None:
        self.mistakes.append((where, message))

    def as_written(self, where: Where) -> Where:
        """The path as the file has it: a service is known by its type, but may be written under another name."""
        return next(
            (self.written[where[:n]] + where[n:] for n in range(len(where), 0, -1) if where[:n] in self.written), where
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A path into the file being read."""

    reading: Reading
    where: Where = ()

    def at(self, part: Part) -> Place:
        return Place(self.reading, (*self.where, part))

    def wrong(self, message: str) -> None:
        self.reading.note(self.where, message)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Whatever is wrong inside is noted here, and the reading goes on."""
        try:
            yield
        except Wrong as mistake:
            self.wrong(str(mistake))
        except Noted:
            pass


Reader = Callable[[Place, Any], Any]


def section(keys: Mapping[str, Reader], required: Collection[str] = (), nullable: Collection[str] = ()) -> Reader:
    """A mapping whose keys are known: the values that are there, by key; nothing at all when a required one is not.

    An empty value counts as not written, except for the `nullable` keys, where it means "none".
    """

    def read(place: Place, value: Any) -> dict[str, Any]:
        written = mapping({} if value is None else value)
        result = {}
        for key, item in written.items():
            here = place.at(key)
            if key not in keys:
                here.wrong(f"unknown key {shown(key)}{suggestion(key, keys)}")
            elif item is not None or key in nullable:
                with here.noting():
                    result[key] = keys[key](here, item)
        for key in required:
            if written.get(key) is None:
                place.wrong(f"the key '{key}' is missing")
        if not result.keys() >= set(required):
            raise Noted
        return result

    return read


def items(value_reader: Reader, key_reader: Reader | None = None) -> Reader:
    """A mapping whose keys are names: what could be read of it, in the file's order."""

    def read(place: Place, value: Any) -> dict[Any, Any]:
        result = {}
        for key, item in mapping({} if value is None else value).items():
            here = place.at(key)
            with here.noting():
                name = key_reader(here, key) if key_reader else key
                if name in result:
                    raise Wrong(f"{shown(key)} is here twice")
                result[name] = value_reader(here, item)
        return result

    return read


def each(reader: Reader) -> Reader:
    """A list: what could be read of it, in order."""

    def read(place: Place, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Wrong(f"a list is expected, in brackets, not {shown(value)}")
        result = []
        for number, item in enumerate(value):
            here = place.at(number)
            with here.noting():
                result.append(reader(here, item))
        return tuple(result)

    return read


def mapping(value: Any) -> dict[str, Any]:
    """The value as a mapping with text for keys."""
    if not isinstance(value, dict):
        raise Wrong(f"keys with values are expected, not {shown(value)}")
    if not all(isinstance(key, str) for key in value):
        raise Wrong("every key has to be text; put it in quotes")
    return value


def dotted(where: Where) -> str:
    """The path as people write it: `sites.Corte.services.image`, `rtt[0].between`, `sites."New York"`."""
    return "".join(_part(part) for part in where).removeprefix(".")


def _part(part: Part) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if _PLAIN_PART.match(part) and part.isprintable():
        return f".{part}"
    return "." + json.dumps(part, ensure_ascii=not part.isprintable())


def shown(value: Any) -> str:
    """What is written, short enough for a message."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
    return shortened(str(value))
