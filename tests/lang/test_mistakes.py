"""Every row of the table is a test: the example gives its advice, at its place."""

import pytest

from scopeproxy.errors import ScopeError
from scopeproxy.lang.mistakes import CHARACTERS, EMPTY, MISTAKES, about_character
from scopeproxy.lang.parser import parse, parse_command_line, parse_mapping

READ = {
    "scope": parse,
    "command_line": lambda text: parse_command_line([text]),
    "location": lambda text: parse_mapping({"nova": text}),
}
SHOWN_BEFORE = {"scope": "", "command_line": "", "location": "nova: "}

ROWS = [
    pytest.param(mistake.start, text, column, mistake.advice, id=f"{mistake.start}-{text}")
    for mistake in MISTAKES
    for text, column in mistake.examples
]


@pytest.mark.parametrize(("start", "text", "column", "advice"), ROWS)
def test_a_wrong_example_gets_its_advice_at_its_place(start, text, column, advice):
    with pytest.raises(ScopeError) as error:
        READ[start](text)
    before = SHOWN_BEFORE[start]
    assert error.value.message == advice
    assert (error.value.line, error.value.column) == (1, column + len(before))
    caret = " " * (column + len(before) - 1) + "^"
    assert (
        str(error.value) == f"scope: line 1, column {column + len(before)}: {advice}\n    {before + text}\n    {caret}"
    )


def test_no_example_stands_in_two_rows():
    examples = [(mistake.start, text) for mistake in MISTAKES for text, _ in mistake.examples]
    assert len(set(examples)) == len(examples)


@pytest.mark.parametrize("character", [*CHARACTERS, "é", "東", "½", "~", "@", "\u202e"])
@pytest.mark.parametrize("text", ["{nova: Paris%s}", "%s", "nova: %s", "{nova: any(%s)}"])
def test_a_character_of_no_word_is_told_at_its_place(text, character):
    whole = text.replace("%s", character)
    with pytest.raises(ScopeError) as error:
        parse(whole)
    assert error.value.message == about_character(character)
    assert (error.value.line, error.value.column) == (1, text.index("%s") + 1)


@pytest.mark.parametrize("character", "%^!")
def test_reserved_operators_say_so(character):
    with pytest.raises(ScopeError, match="is reserved for a later version"):
        parse(f"{{nova: Paris {character} Corte}}")


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
@pytest.mark.parametrize("start", sorted(READ))
def test_an_empty_text_says_so(start, text):
    with pytest.raises(ScopeError) as error:
        READ[start](text)
    assert error.value.message == EMPTY[start]
