"""What shells leave of a scope without quotes, and what we say about it."""

import pytest
from scopeproxy.osc.words import shell_mistake, whole_texts

OPTIONS = ("--scope", "--os-scope")

TORN = [
    (
        "server list --scope {nova: Paris, glance: Corte} -f json",
        "{nova:",
        "scope: not closed: quote the whole scope: --scope '{nova: Paris, glance: Corte}'",
    ),
    (
        "--os-scope nova: Paris server list",
        "nova:",
        "scope: not closed: quote the whole scope: --scope 'nova: Paris'",
    ),
    (
        "server list --scope nova:Paris, glance:Corte",
        "nova:Paris,",
        "scope: not closed: quote the whole scope: --scope 'nova:Paris, glance:Corte'",
    ),
    # What came after & or | is lost to us: it went to the shell.
    (
        "server list --scope {nova: Paris",
        "{nova:",
        "scope: not closed: quote the whole scope, as in --scope '{nova: Paris, glance: Corte}'",
    ),
    (
        "server delete vm1 --scope nova:Paris glance:Corte *:Marseille",
        "nova:Paris",
        "scope: your shell expanded the braces ('glance:Corte' stands alone): "
        "quote the whole scope: --scope '{nova:Paris, glance:Corte, *:Marseille}'",
    ),
    (
        "server list --scope=nova:Paris glance=Corte",
        "nova:Paris",
        "scope: your shell expanded the braces ('glance=Corte' stands alone): "
        "quote the whole scope: --scope '{nova:Paris, glance=Corte}'",
    ),
]


@pytest.mark.parametrize(("line", "text", "message"), TORN)
def test_a_torn_scope_is_told_with_its_quoted_form(line: str, text: str, message: str) -> None:
    assert shell_mistake(text, OPTIONS, line.split()) == message


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--scope nova:Paris server list", "nova:Paris"),
        ("--scope nova:Paris, server list", "nova:Paris,"),
        ("--scope nova:Paris --os-scope glance:Corte server list", "glance:Corte"),
        ("server show --scope Corte vm:1", "Corte"),  # no service is called vm
        ("server list --scope {nova:Paris}", "{nova:Paris}"),
        ("server list", "nova:Paris"),
    ],
)
def test_what_is_whole_is_left_alone(words: str, text: str) -> None:
    assert shell_mistake(text, OPTIONS, words.split()) is None


def test_a_quoted_scope_with_a_mistake_is_not_the_shells_doing() -> None:
    assert shell_mistake("{nova: Paris", OPTIONS, ["--scope", "{nova: Paris", "server", "list"]) is None


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["nova:Paris", "glance:Corte"], ["nova:Paris", "glance:Corte"]),
        (["{nova:", "Paris,", "glance:", "Corte", "|", "Marseille}"], ["{nova: Paris, glance: Corte | Marseille}"]),
        (["nova:", "any(France", "-", "Corte,", "20ms", "of", "Paris)"], ["nova: any(France - Corte, 20ms of Paris)"]),
        (["nova:", "Paris", "&", "Corte,", "glance=Corte"], ["nova: Paris & Corte, glance=Corte"]),
        (["nova: Paris&Corte", "glance: Corte"], ["nova: Paris&Corte", "glance: Corte"]),
    ],
)
def test_words_that_lost_their_quotes_are_put_together(words: list[str], texts: list[str]) -> None:
    assert whole_texts(words) == texts
