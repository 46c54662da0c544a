from __future__ import annotations

import io

import pytest

from scopeproxy.edges.arrows import Arrow, Participant
from scopeproxy.edges.paper import WIDTH, Paper, typed
from scopeproxy.edges.programs import Finished

CROSSING = Arrow(Participant("openstack", "Paris"), Participant("nova", "Corte"), "GET", "/v2.1/servers", 200)
TABLE = "+----+\n| vm |\n+----+\n"


class File(io.StringIO):
    encoding = "utf-8"


class Terminal(File):
    def isatty(self) -> bool:
        return True


class Old(io.StringIO):
    encoding = "ascii"


def shown(results: io.StringIO, as_expected: bool = True, **environment: str) -> str:
    paper = Paper(results, io.StringIO(), environment)
    finished = Finished(0 if as_expected else 1, TABLE, "scope: the result is partial: nothing came from Corte\n")
    paper.begin(1, 6, "Why.", ["server", "list"])
    paper.end(finished, [CROSSING], "Paris", "all is well", as_expected)
    return results.getvalue()


def test_a_step_is_its_title_command_table_drawing_and_verdict() -> None:
    text = shown(File())
    order = ["[1/6] Why.", "$ openstack server list", "partial", "| vm |", "├═", "GET /servers 200", "As expected: all"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "\x1b" not in text


def test_a_step_that_failed_says_so() -> None:
    assert "NOT AS EXPECTED (exit code 1). Expected: all is well." in shown(io.StringIO(), as_expected=False)


def test_colours_are_for_terminals_whose_owner_wants_them() -> None:
    assert "\x1b[35m" in shown(Terminal())
    assert "\x1b" not in shown(Terminal(), NO_COLOR="1")
    assert "\x1b" not in shown(Terminal(), TERM="dumb")


def test_an_old_terminal_gets_ascii() -> None:
    assert shown(Old()).isascii()


def test_long_errors_are_folded_and_tables_are_not() -> None:
    results = io.StringIO()
    table = "| " + "x" * 120 + " |"
    Paper(results, io.StringIO(), {}).end(Finished(1, table, "why " * 60), [], "Paris", "an error", True)
    assert all(len(line) <= WIDTH or line == table for line in results.getvalue().splitlines())
    assert table in results.getvalue()
    assert "no call reached any service" in results.getvalue()


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["server", "list"], "$ openstack server list"),
        (["server", "list", "--scope", "{nova: Paris}"], "$ openstack server list --scope '{nova: Paris}'"),
        (
            ["server", "create", "x" * 70, "--scope", "{nova: Paris}"],
            f"$ openstack server create {'x' * 70} \\\n    --scope '{{nova: Paris}}'",
        ),
    ],
)
def test_commands_can_be_copied(command: list[str], text: str) -> None:
    assert typed(command) == text


def test_progress_and_results_are_apart() -> None:
    results, progress = io.StringIO(), io.StringIO()
    paper = Paper(results, progress, {})
    paper.say("starting")
    paper.summary([("One.", True), ("Two.", False)], 8.7)
    assert progress.getvalue() == "... starting\n"
    assert "took 9 s" in results.getvalue()
    assert "2. NOT AS EXPECTED  Two." in results.getvalue()


def test_what_is_left_running_is_told() -> None:
    results = io.StringIO()
    Paper(results, io.StringIO(), {}).keep({"OS_CLOUD": "Paris-alice"}, {"Paris": "http://127.0.0.1:1"})
    assert "export OS_CLOUD=Paris-alice" in results.getvalue()
    assert "Paris: http://127.0.0.1:1/v1/calls" in results.getvalue()
