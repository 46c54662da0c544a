"""The options of the real `openstack` command, and what real shells make of them."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from scopeproxy.osc import plugin

SHELLS = [shell for shell in ("bash", "zsh") if shutil.which(shell)]
CARET = """\
scope: line 1, column 14: a site name is missing after '&'
    {nova: Paris&}
                 ^
"""


def test_importing_it_costs_an_unscoped_command_nothing() -> None:
    heavy = ("aiohttp", "sqlalchemy", "lark", "yaml", "os_service_types", "openstack", "scopeproxy.model")
    code = f"import sys, scopeproxy.osc.plugin; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def parsed(monkeypatch: pytest.MonkeyPatch, line: str) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["openstack", *line.split()])
    parser = plugin.build_option_parser(argparse.ArgumentParser())
    return parser.parse_known_args(sys.argv[1:])[0]


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("server list", None),
        ("--scope nova:Paris server list", ["nova:Paris"]),
        ("server list --scope=nova:Paris --os-scope glance:Corte", ["nova:Paris", "glance:Corte"]),
        ("tsigkey create --scope POOL", None),  # designate's
        ("optimize audittemplate create --scope file", None),  # watcher's
        ("--os-scope nova:Paris tsigkey list --scope POOL", ["nova:Paris"]),
    ],
)
def test_where_the_option_may_stand(monkeypatch: pytest.MonkeyPatch, line: str, scope: Any) -> None:
    assert parsed(monkeypatch, line).scope == scope


def test_the_environment_is_replaced_by_the_command_line_and_hidden_from_the_sdk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OS_SCOPE", "nova:Marseille")
    assert parsed(monkeypatch, "server list").scope == ["nova:Marseille"]
    assert "OS_SCOPE" not in plugin.os.environ
    monkeypatch.setenv("OS_SCOPE", "nova:Marseille")
    assert parsed(monkeypatch, "--scope nova:Paris server list").scope == ["nova:Paris"]


def test_every_request_carries_the_scope(cloud: Any, openstack: Any, side_by_side: Callable[..., Any]) -> None:
    canonical = "{compute: Paris&Corte, image: Corte}"
    lines = [
        ("--scope", "{nova: Paris&Corte, glance: Corte}", "server", "list"),
        ("server", "list", "--os-scope=nova:Paris+Corte", "--scope", "glance:Corte"),
        ("token", "issue", "--scope", '{"nova": "Paris&Corte", "glance": "Corte"}'),
        ("image", "list", "--scope", "<nova: Paris & Corte, glance: Corte>", "--scope-strict", "--scope-timeout=30"),
    ]
    runs = side_by_side([partial(openstack, *line, "-f", "json") for line in lines])
    assert [(run.returncode, run.stderr) for run in runs] == [(0, "")] * 4
    assert [row["Name"] for row in json.loads(runs[0].stdout)] == ["vm1"]
    assert cloud.scopes == {canonical}
    assert len(cloud.asked) > 10
    assert {asked.headers.get("x-scope-options") for asked in cloud.asked} == {None, "strict, timeout=30s"}


def test_a_mistake_is_told_in_one_place_and_nothing_is_sent(
    cloud: Any, openstack: Any, side_by_side: Callable[..., Any]
) -> None:
    runs = side_by_side(
        [
            partial(openstack, "server", "list", "--scope", "{nova: Paris&}"),
            partial(openstack, "--scope", "nova:Paris", "--scope", "compute:Corte", "server", "list"),
            partial(openstack, "--scope", "nova:Paris", "--scope-on-partial", "ignore", "server", "list"),
            partial(openstack, "--scope", "", "server", "list"),
        ]
    )
    assert [run.returncode for run in runs] == [2] * 4
    assert runs[0].stderr == CARET
    assert runs[2].stderr.splitlines() == ["scope: 'ignore' is no policy for partial failures; write undo, keep, queue"]
    for run in runs:
        assert run.stdout == ""
        assert run.stderr.startswith("scope: ")
        assert len(run.stderr.splitlines()) <= 3
    assert cloud.asked == []


@pytest.mark.parametrize("shell", SHELLS)
def test_unquoted_scopes_in_a_real_shell(
    cloud: Any, openstack: Any, side_by_side: Callable[..., Any], shell: str
) -> None:
    whole = "scope: not closed: quote the whole scope: --scope '{nova: Paris, glance: Corte}'"
    whole = {"bash": whole, "zsh": "zsh:1: parse error near `}'"}[shell]
    traps = {
        "openstack server list --scope {nova: Paris, glance: Corte}": whole,
        "openstack server delete vm1 --scope {nova:Paris,glance:Corte}": "scope: your shell expanded the braces "
        "('glance:Corte' stands alone): quote the whole scope: --scope '{nova:Paris, glance:Corte}'",
        "openstack server list --scope {nova:Paris|cat": "scope: not closed: quote the whole scope, as in "
        "--scope '{nova: Paris, glance: Corte}'",
        "openstack server list --scope {nova: Paris& wait": "scope: not closed: quote the whole scope, as in "
        "--scope '{nova: Paris, glance: Corte}'",
    }
    runs = side_by_side([partial(openstack.shell, shell, line) for line in traps])
    assert [run.stderr for run in runs] == [f"{message}\n" for message in traps.values()]
    assert runs[1].returncode == 2  # the status of others may belong to `cat` or `wait`
    assert cloud.asked == []


@pytest.mark.parametrize("shell", [*SHELLS, "sh"])
def test_scopes_that_need_no_quotes_and_a_quoted_one(
    cloud: Any, openstack: Any, side_by_side: Callable[..., Any], shell: str
) -> None:
    lines = [
        "openstack token issue --scope nova:Paris+Marseille,glance:Corte",
        "openstack token issue --scope='{nova: Paris&Marseille, glance: Corte}'",
        "openstack token issue --scope={nova:Paris+Marseille,glance:Corte}",  # bash and zsh repeat the option
    ]
    runs = side_by_side([partial(openstack.shell, shell, line) for line in lines])
    assert [(run.returncode, run.stderr) for run in runs] == [(0, "")] * 3
    assert cloud.scopes == {"{compute: Paris&Marseille, image: Corte}"}


def test_a_wrong_variable_stops_requests_but_not_help(
    cloud: Any, openstack: Any, side_by_side: Callable[..., Any]
) -> None:
    ask, listing, configuration, replaced = side_by_side(
        [
            partial(openstack, "--help", OS_SCOPE="{nova: Paris&}"),
            partial(openstack, "server", "list", OS_SCOPE="{nova: Paris&}"),
            partial(openstack, "configuration", "show", "-f", "json", OS_SCOPE="{nova: Paris}"),
            partial(openstack, "scope", "show", "--scope", "glance: Corte", "-f", "json", OS_SCOPE="{nova: Paris&}"),
        ]
    )
    assert (ask.returncode, ask.stderr) == (0, "")
    # Python 3.13 shows the value of an option once, behind its last name.
    assert "--os-scope <scope>" in ask.stdout
    assert (listing.returncode, listing.stdout, listing.stderr) == (1, "", CARET)
    assert json.loads(configuration.stdout)["scope"] == ["{nova: Paris}"]
    assert configuration.returncode == 0
    assert json.loads(replaced.stdout) == {"scope": "{image: Corte}", "options": None}
    assert cloud.scopes <= {"{compute: Paris}"}


def test_the_variable_is_a_scope(cloud: Any, openstack: Any) -> None:
    assert openstack("token", "issue", OS_SCOPE="{nova: Paris}").returncode == 0
    assert cloud.scopes == {"{compute: Paris}"}


def test_an_unscoped_command_carries_nothing_of_ours(cloud: Any, openstack: Any) -> None:
    assert openstack("token", "issue").returncode == 0
    assert cloud.scopes == {None}
