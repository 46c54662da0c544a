"""Which scope a configuration asks for."""

import re
from typing import Any

import pytest
from scopeproxy.osc.choice import VARIABLE, chosen

from scopeproxy.errors import ScopeError

FORMS = [
    (["{nova: Paris}", "glance:Corte+Marseille"], "{compute: Paris, image: Corte&Marseille}"),  # the command line
    ({"nova": "Paris&Corte", "block_storage": "Corte"}, "{compute: Paris&Corte, block-storage: Corte}"),  # clouds.yaml
    ("nova: Paris, glance: Corte", "{compute: Paris, image: Corte}"),
    ("Corte", "{*: Corte}"),
    (["{}"], "{}"),
]


@pytest.mark.parametrize(("configured", "scope"), FORMS)
def test_every_way_to_write_a_scope(configured: Any, scope: str) -> None:
    assert str(chosen({"scope": configured}, {}).scope) == scope


def test_the_command_line_beats_the_variable_which_beats_the_file() -> None:
    environ = {VARIABLE: "nova: Corte"}
    assert str(chosen({"scope": ["nova:Paris"]}, environ).scope) == "{compute: Paris}"
    assert str(chosen({"scope": "nova: Paris"}, environ).scope) == "{compute: Corte}"
    assert chosen({}, {}).scope is None
    assert chosen({"scope": ""}, {VARIABLE: ""}).scope is None


def test_options_are_read_from_any_of_their_forms() -> None:
    config = {"scope_on_partial": "keep", "scope_strict": "true", "scope_time_limit": "30"}
    assert str(chosen(config, {}).options) == "on-partial=keep, strict, timeout=30s"
    assert str(chosen({"scope_strict": False}, {}).options) == ""


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"scope_on_partial": "ignore"},
            "^scope: 'ignore' is no policy for partial failures; write undo, keep, queue$",
        ),
        ({"scope_time_limit": "soon"}, "^scope: 'soon' is not a duration: write "),
        ({"scope_time_limit": 0}, "^scope: a time limit is more than 0$"),
    ],
)
def test_a_wrong_option_is_told(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ScopeError) as error:
        chosen(config, {})
    assert re.match(message, str(error.value))


def test_a_wrong_scope_of_the_variable_names_the_variable() -> None:
    with pytest.raises(ScopeError) as error:
        chosen({}, {VARIABLE: "{nova: Paris&}"})
    assert str(error.value).splitlines() == [
        "scope: line 1, column 14: in SCOPEPROXY_SCOPE: a site name is missing after '&'",
        "    {nova: Paris&}",
        "                 ^",
    ]


def test_a_location_that_yaml_takes_for_something_else_is_told() -> None:
    with pytest.raises(ScopeError, match="nova"):
        chosen({"scope": {"nova": False}}, {})  # nova: No


@pytest.mark.parametrize(("written", "seconds"), [("30", 30), (30, 30), ("500ms", 0.5), ("2m", 120), ("", None)])
def test_timeouts(written: Any, seconds: float | None) -> None:
    assert chosen({"scope_time_limit": written}, {}).options.timeout == seconds
