"""Which scope a cloud's configuration asks for: the command line, then the environment, then clouds.yaml.

The command line arrives in the configuration as a list, since openstacksdk runs str.format over all that is text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scopeproxy.errors import ScopeError
from scopeproxy.lang.durations import parse_duration
from scopeproxy.lang.wire import ON_PARTIAL, Options

from .session import read_scope

if TYPE_CHECKING:
    from scopeproxy.lang.scope import Scope

VARIABLE = "SCOPEPROXY_SCOPE"
_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Choice:
    """The scope in force (None: no scope) and its options."""

    scope: Scope | None
    options: Options


def chosen(config: Mapping[str, Any], environ: Mapping[str, str]) -> Choice:
    """The scope of a cloud's merged configuration; ScopeError when it, or an option, is wrong."""
    options = Options(
        on_partial=_on_partial(config.get("scope_on_partial")),
        strict=str(config.get("scope_strict", "")).lower() in _TRUE,
        timeout=_seconds(config.get("scope_time_limit")),
    )
    return Choice(_scope(config.get("scope"), environ.get(VARIABLE)), options)


def _seconds(value: Any) -> float | None:
    """A number without unit is seconds."""
    if value is None or value == "":
        return None
    try:
        seconds = parse_duration(f"{value}s" if str(value).isdecimal() else str(value))
    except ValueError as error:
        raise ScopeError(str(error)) from error
    if not seconds:
        raise ScopeError("a time limit is more than 0")
    return seconds


def _on_partial(value: Any) -> str | None:
    if value in (None, "", *ON_PARTIAL):
        return value or None
    raise ScopeError(f"'{value}' is no policy for partial failures; write {', '.join(ON_PARTIAL)}")


def _scope(configured: Any, variable: str | None) -> Scope | None:
    if isinstance(configured, list):
        return read_scope([str(text) for text in configured])
    if variable:
        return _read_variable(variable)
    if configured is None or configured == "":
        return None
    return read_scope(configured if isinstance(configured, Mapping) else str(configured))


def _read_variable(text: str) -> Scope:
    """The variable's scope; an error names the variable, since nothing of it stands in the command."""
    try:
        return read_scope(text)
    except ScopeError as error:
        raise ScopeError(f"in {VARIABLE}: {error.message}", error.text, error.line, error.column) from error
