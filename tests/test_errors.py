"""Whose mistake an error is decides its status; an error in a scope's text shows the place."""

from __future__ import annotations

import pytest

from scopeproxy.errors import (
    BadCollaboration,
    BodyBrokenOff,
    BodyTooSlow,
    CallerError,
    ConfigurationError,
    Forbidden,
    LoopDetected,
    NotYet,
    Outdated,
    ScopeError,
    ScopeProxyError,
    SiteFailure,
    TooLarge,
    Unauthorized,
)

STATUSES = [
    (ScopeProxyError("why"), 500),
    (CallerError("why"), 400),
    (BodyBrokenOff("why"), BodyBrokenOff.status),
    (BodyTooSlow("why"), 408),
    (ScopeError("why"), 400),
    (BadCollaboration("why"), 400),
    (Outdated("why"), 412),
    (TooLarge("why"), 413),
    (Unauthorized("why"), 401),
    (Forbidden("why"), 403),
    (LoopDetected("why"), 508),
    (NotYet("why"), 501),
    (ConfigurationError(["why"]), 500),
    (SiteFailure("why"), 502),
]


def family(root: type[ScopeProxyError]) -> set[type[ScopeProxyError]]:
    """The errors of errors.py; other files may refine them, and inherit the status."""
    below = set().union(*(family(child) for child in root.__subclasses__()))
    return {error for error in {root} | below if error.__module__ == ScopeProxyError.__module__}


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=[type(error).__name__ for error, _ in STATUSES])
def test_each_error_knows_the_status_it_becomes(error: ScopeProxyError, status: int) -> None:
    assert error.status == status


def test_the_table_above_misses_no_error() -> None:
    assert family(ScopeProxyError) == {type(error) for error, _ in STATUSES}


def test_only_what_the_caller_did_wrong_is_in_the_family_of_the_caller() -> None:
    others = {ScopeProxyError, ConfigurationError, SiteFailure}
    assert family(CallerError) == family(ScopeProxyError) - others


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_site_failure_is_told_its_status(status: int) -> None:
    failure = SiteFailure("Corte: connection refused", status)
    assert (failure.status, str(failure)) == (status, "Corte: connection refused")


def test_a_wrong_topology_tells_every_mistake_on_a_line_of_its_own() -> None:
    error = ConfigurationError(["sites.Paris.region: is missing", "proxy.key: no such file"])
    assert error.mistakes == ["sites.Paris.region: is missing", "proxy.key: no such file"]
    assert str(error) == "sites.Paris.region: is missing\nproxy.key: no such file"


@pytest.mark.parametrize(
    ("text", "line", "column", "shown"),
    [
        ("{nova: Paris&}", 1, 14, ["{nova: Paris&}", "             ^"]),
        ("Paris", 1, 1, ["Paris", "^"]),
        ("{nova:\n Paris&}", 2, 8, [" Paris&}", "       ^"]),
        # Behind the end of the line, where something is missing.
        ("{nova: Paris", 1, 13, ["{nova: Paris", "            ^"]),
        ("{nova:\t", 1, 9, ["{nova:\t", "      \t ^"]),
        # Under a tab's place a tab: the caret moves as far as the line above it.
        ("\t{nova:\tParis&}", 1, 15, ["\t{nova:\tParis&}", "\t      \t      ^"]),
        ("{nova: Paris&}\t", 1, 14, ["{nova: Paris&}\t", "             ^"]),
        ("{\t\n\tnova: &}", 2, 8, ["\tnova: &}", "\t      ^"]),
    ],
)
def test_a_caret_stands_under_the_place(text: str, line: int, column: int, shown: list[str]) -> None:
    error = ScopeError("a site name is missing", text, line, column)
    above, *below = str(error).split("\n")
    assert above == f"scope: line {line}, column {column}: a site name is missing"
    assert below == [f"    {part}" for part in shown]


@pytest.mark.parametrize("width", [1, 4, 8])
def test_the_caret_is_under_its_place_however_wide_tabs_are(width: int) -> None:
    text = "{nova:\tParis, \tglance:\t&}"
    column = text.index("&") + 1
    line, caret = str(ScopeError("wrong", text, 1, column)).expandtabs(width).splitlines()[1:]
    assert line.index("&") == caret.index("^")


@pytest.mark.parametrize(("text", "line"), [("", 1), ("{nova: Paris}", 2)])
def test_an_error_that_has_no_line_to_show_is_its_message(text: str, line: int) -> None:
    error = ScopeError("the scope is empty", text, line)
    assert (str(error), error.message) == ("scope: the scope is empty", "the scope is empty")
