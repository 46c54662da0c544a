"""Scopes that come as a mapping of service to location text: a JSON object, or a mapping in clouds.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from scopeproxy.lang.source import BLANKS, Source, Word, check_size

Pair = tuple[Word, Source]

_STRING = r'"(?:[^"\\]|\\.)*+"'
_B = f"[{BLANKS}]*"
_PAIR = f"({_STRING}){_B}:{_B}({_STRING})"
_OBJECT = re.compile(rf"{_B}\{{{_B}{_PAIR}{_B}(?:,{_B}{_PAIR}{_B})*+,?{_B}\}}{_B}", re.DOTALL)
_PAIRS = re.compile(_PAIR, re.DOTALL)
# One character of a JSON string as it is written; two escapes may make one character.
_CHARACTER = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)


def json_pairs(source: Source) -> list[Pair] | None:
    """The pairs of a JSON object that holds texts and nothing else; None when the text is not one."""
    if _OBJECT.fullmatch(source.text) is None:
        return None
    return [(_key(source, found), _decoded(source, found, 2)) for found in _PAIRS.finditer(source.text)]


def _key(source: Source, found: re.Match[str]) -> Word:
    return Word(_decoded(source, found, 1).text, source, found.start(1))


def _decoded(source: Source, found: re.Match[str], group: int) -> Source:
    """The text that a JSON string stands for, which knows its place in the whole."""
    start = found.start(group)
    try:
        text = json.loads(found[group], strict=False)
    except ValueError as mistake:
        raise source.error(f"not a JSON string: {str(mistake).partition(':')[0]}", start) from mistake
    within = range(start + 1, found.end(group) - 1)
    places = [character.start() for character in _CHARACTER.finditer(source.text, within.start, within.stop)]
    return Source(text, source.shown, [source.places[place] for place in (*places, within.stop)])


def mapping_pairs(mapping: Mapping[str, object]) -> Iterator[Pair]:
    """The pairs of a mapping, each shown as the line it would be in the file."""
    check_size(", ".join(f"{key}: {value}" for key, value in mapping.items()))
    for key, value in mapping.items():
        line = Source.of(f"{key}: {value}")
        if not isinstance(value, str):
            raise line.error(f"the location of {str(key)!r} is not a text such as 'Paris' or 'Paris&Corte'", 0)
        yield Word(str(key), line, 0), Source.of(value, f"{key}: ")
