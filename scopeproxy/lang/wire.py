"""How a scope and its options travel: in `X-Scope` and `X-Scope-Options`, both printable ASCII, and in paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from scopeproxy.errors import ScopeError
from scopeproxy.lang.durations import format_duration, parse_duration
from scopeproxy.lang.scope import Scope
from scopeproxy.lang.source import MOST_BYTES, Source
from scopeproxy.lang.suggestions import did_you_mean, shortened

# ---- X-Scope

# `%` is not part of a plain scope, so it is free to be the escape; inside of a name it is escaped itself.
_ENCODED = re.compile(r"[^ -$&-~]")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_PRINTABLE = re.compile(r"[^\t -~]")


def to_header(scope: Scope) -> str:
    """The scope as a header's value: percent-encoded UTF-8 where it is not printable ASCII."""
    return _ENCODED.sub(_percent, str(scope))


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def from_header(value: str) -> str:
    """The text of a scope from a header's value, to be parsed; ScopeError where the encoding is wrong."""
    if len(value) > 3 * MOST_BYTES:
        raise ScopeError(f"the header has {len(value):,} characters; a scope has at most {MOST_BYTES:,} bytes")
    if (strange := _NOT_PRINTABLE.search(value)) is not None:
        raise _at(value, strange.start(), "a header holds plain ASCII: percent-encode the UTF-8 of anything else")
    return _decoded(value) if "%" in value else value


def from_segment(segment: str) -> str:
    """The text that one segment of a raw path stands for; ScopeError where the encoding is wrong."""
    if len(segment) > 3 * MOST_BYTES:
        raise ScopeError(f"the path holds {len(segment):,} characters; a scope has at most {MOST_BYTES:,} bytes")
    return _decoded(segment)


def _decoded(value: str) -> str:
    if (bad := _BAD_PERCENT.search(value)) is not None:
        raise _at(value, bad.start(), "'%' begins a percent-encoded byte of two hexadecimal digits; '%' itself is %25")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError as mistake:
        place = max(value.find("%"), 0)
        raise _at(value, place, "the bytes that are percent-encoded are not UTF-8") from mistake


def _at(value: str, offset: int, message: str) -> ScopeError:
    return Source.of(value).error(message, offset)


# ---- X-Scope-Options

ON_PARTIAL = ("undo", "keep", "queue")


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller asked for beside the scope (`X-Scope-Options`); `timeout` in seconds."""

    on_partial: str | None = None
    strict: bool = False
    settle: bool = False
    timeout: float | None = None

    def __str__(self) -> str:
        return ", ".join(self._written())

    def _written(self) -> Iterator[str]:
        if self.on_partial is not None:
            yield f"on-partial={self.on_partial}"
        if self.strict:
            yield "strict"
        if self.settle:
            yield "settle"
        if self.timeout is not None:
            yield f"timeout={format_duration(self.timeout)}"


def parse_options(value: str) -> Options:
    """The options in a header's value, such as `on-partial=keep, strict, timeout=30s`; ScopeError tells a mistake."""
    given: dict[str, str | bool | float] = {}
    for item in _ITEM.finditer(value):
        name, equals, setting = (part.strip() for part in item[0].partition("="))
        try:
            field, read = _option(name)
            _check_once(name, field in given)
            given[field] = read(setting if equals else None)
        except ValueError as mistake:
            raise _at(value, item.start(), f"X-Scope-Options: {mistake}") from mistake
    return Options(**given)  # type: ignore[arg-type]  # _OPTIONS gives each field its type


_ITEM = re.compile(r"[^,\s][^,]*")

_Read = Callable[[str | None], str | bool | float]


def _option(name: str) -> tuple[str, _Read]:
    if name not in _OPTIONS:
        known = ", ".join(_OPTIONS)
        raise ValueError(f"unknown option {shortened(name)}{did_you_mean(name, _OPTIONS)} (there are {known})")
    return _OPTIONS[name]


def _check_once(name: str, again: bool) -> None:
    if again:
        raise ValueError(f"{name} is given twice")


def _policy(setting: str | None) -> str:
    if setting not in ON_PARTIAL:
        seen = "nothing" if setting is None else shortened(setting)
        raise ValueError(f"on-partial is one of {', '.join(ON_PARTIAL)}, not {seen}")
    return setting


def _flag(setting: str | None) -> bool:
    if setting is not None:
        raise ValueError("strict and settle take no value: leave them out, or name them alone")
    return True


def _seconds(setting: str | None) -> float:
    seconds = parse_duration(setting or "")
    if not seconds:
        raise ValueError("timeout is more than 0")
    return seconds


_OPTIONS: dict[str, tuple[str, _Read]] = {
    "on-partial": ("on_partial", _policy),
    "strict": ("strict", _flag),
    "settle": ("settle", _flag),
    "timeout": ("timeout", _seconds),
}
