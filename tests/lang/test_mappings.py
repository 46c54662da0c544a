import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import ScopeError
from scopeproxy.lang.mappings import json_pairs, mapping_pairs
from scopeproxy.lang.source import Source


def pairs(text):
    found = json_pairs(Source.of(text))
    return found and [(word.name, value.text) for word, value in found]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"a": 1}',
        '{"a": b}',
        '{"a" = "b"}',
        '"a": "b"',
        '{"a": "b"',
        '{"a": "b" "c": "d"}',
        '{"a": "b",,}',
    ],
)
def test_only_an_object_of_texts_is_json(text):
    assert pairs(text) is None


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.booleans(), st.sampled_from([None, 1]))
def test_json_is_decoded_as_python_does(mapping, ascii_only, indent):
    assert pairs(json.dumps(mapping, ensure_ascii=ascii_only, indent=indent)) == list(mapping.items())


@given(st.text(st.characters(codec="utf-8")), st.booleans())
def test_every_character_of_a_value_knows_where_it_was_written(text, ascii_only):
    whole = json.dumps({"nova": text}, ensure_ascii=ascii_only)
    ((_, value),) = json_pairs(Source.of(whole)) or ()
    assert len(value.places) == len(text) + 1
    assert whole[value.places[-1]] == '"'
    for place, character in zip(value.places, text, strict=False):
        assert whole[place] in (character, "\\")


def test_a_pair_of_a_mapping_is_shown_as_its_line():
    ((word, value),) = mapping_pairs({"nova": "Paris"})
    assert (word.name, value.text, value.shown) == ("nova", "Paris", "nova: Paris")


def test_a_mapping_holds_texts():
    with pytest.raises(ScopeError, match="the location of 'nova' is not a text"):
        list(mapping_pairs({"nova": ["Paris"]}))
