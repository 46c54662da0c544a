import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeproxy.errors import ScopeError
from scopeproxy.lang.parser import parse, parse_command_line, parse_mapping
from scopeproxy.lang.scope import (
    EVERY_SERVICE,
    At,
    Pool,
    Scope,
    Selector,
    all_of,
    any_of,
    explained,
    quoted_service,
)
from scopeproxy.lang.vocabulary import OPENSTACK, Vocabulary

A, B, C = map(At, "ABC")

KNOWN = Vocabulary(
    own=frozenset({"our app", "my-shop"}),
    sites=frozenset({"Paris", "Corte", "Nice", "Lyon", "New York"}),
    groups=frozenset({"France", "Lyon"}),
)


def mistake(text, vocabulary=KNOWN, read=parse):
    with pytest.raises(ScopeError) as error:
        read(text, vocabulary)
    return error.value


# ---- what is read


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("{nova: Paris, glance: Corte}", "{compute: Paris, image: Corte}"),
        ("<nova: Paris, glance: Corte>", "{compute: Paris, image: Corte}"),
        ("nova: Paris, glance: Corte", "{compute: Paris, image: Corte}"),
        ("nova=Paris,glance=Corte,", "{compute: Paris, image: Corte}"),
        ("  {\n nova :\tParis ,\r\n}  ", "{compute: Paris}"),
        ("{}", "{}"),
        ("<>", "{}"),
        ("{ }", "{}"),
        ("*: Corte", "{*: Corte}"),
        ("{CINDER: Corte}", "{block-storage: Corte}"),
        ("{nova: A&B&C}", "{compute: A&B&C}"),
        ("{nova: A||B|C}", "{compute: A|B|C}"),
        ("{nova: A|B&C}", "{compute: A|B&C}"),
        ("{nova: (A|B)&C}", "{compute: (A|B)&C}"),
        ("{nova: (A|(B|C))}", "{compute: A|B|C}"),
        ("{nova: ((A))}", "{compute: A}"),
        ("{nova: A&A}", "{compute: A}"),
        ("{nova: A|B|A}", "{compute: A|B}"),
        ('{nova: "New York"}', '{compute: "New York"}'),
        ('{nova: "Corte"}', "{compute: Corte}"),
        (r'{nova: "a \"b\" \\c"}', r'{compute: "a \"b\" \\c"}'),
        ('{"nova": Paris}', "{compute: Paris}"),
        ("{nova: any(*)}", "{compute: any(*)}"),
        ("{nova: all( France - Corte-Nice - Nice)}", "{compute: all(France - Corte-Nice - Nice)}"),
        ("{nova: all(France - Corte - Corte)}", "{compute: all(France - Corte)}"),
        ("{nova: any(*, 0.020s)}", "{compute: any(*, 20ms)}"),
        ("{nova: any(*, 500us)}", "{compute: any(*, 500us)}"),
        ("{nova: all(France, 20ms of Paris)|A}", "{compute: all(France, 20ms of Paris)|A}"),
        ('{nova: all("New York" - "a b", 2s of "c d")}', '{compute: all("New York" - "a b", 2s of "c d")}'),
        ("{nova: anything&allday&of&20ms}", "{compute: anything&allday&of&20ms}"),
        ("{nova: any(any-1 - all-2)}", "{compute: any(any-1 - all-2)}"),
    ],
)
def test_a_text_is_read(text, printed):
    assert str(parse(text)) == printed


def test_expressions_become_values():
    scope = parse("{nova: A&(B|C), glance: all(France - A, 20ms of B)}")
    assert scope["compute"] == all_of([A, any_of([B, C])])
    assert scope["image"] == Selector("all", Pool("France", ("A",)), 0.02, "B")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ('{"nova": "Paris&Corte"}', "{compute: Paris&Corte}"),
        ('{"nova": "Paris & (Corte|Nice)", "*": "Corte",}', "{compute: Paris&(Corte|Nice), *: Corte}"),
        (r'{"nova": "Pa\u0072is"}', "{compute: Paris}"),
        (r'{"nova": "\"New York\""}', '{compute: "New York"}'),
        (r'{"nova": "\"\ud83d\ude00\""}', '{compute: "😀"}'),
        # not JSON: `=`, or one value without quotes
        ('{"nova" = "Paris&Corte"}', '{compute: "Paris&Corte"}'),
        ('{"nova": "New York", glance: Corte}', '{compute: "New York", image: Corte}'),
        ('{"nova": "New York"|Corte}', '{compute: "New York"|Corte}'),
        ('"nova": "New York"', '{compute: "New York"}'),
    ],
)
def test_a_json_object_of_texts_holds_expressions(text, printed):
    assert str(parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        (r'{"nova": "Pa\u0072is&"}', 22, "a site name is missing after '&'"),
        (r'{"nova": "\ud83d"}', 11, "U+D83D cannot be part"),
        (r'{"nova": "\u0000"}', 11, "U+0000 cannot be part"),
        (r'{"nova": "\x"}', 10, "not a JSON string"),
        ('{"nova": ""}', 11, "the location is empty"),
        ('{"nova": "Corte", "nvoa": "Corte"}', 19, "did you mean 'nova'?"),
        ('{"nova": "Corte", "compute": "Paris"}', 19, "nova and compute are the same service"),
        ('{"nova": "Paris|Cotre"}', 17, "did you mean 'Corte'?"),
        ('{"nova": "New York"}', 15, "a name with a blank in it is quoted"),
        ('{"nova": "Paris+Corte"}', 16, "on the command line only"),
        ('{"nova": ["Paris"]}', 10, "a list of sites is joined with & or |"),
    ],
)
def test_an_error_in_json_points_into_the_whole_text(text, column, told):
    error = mistake(text)
    assert told in error.message
    assert (error.line, error.column, error.text) == (1, column, text)


# ---- names


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("{nvoa: Paris}", 2, "unknown service 'nvoa'; did you mean 'nova'?"),
        ("{Paris: nova}", 2, "'Paris' is a site; the service comes first, as in nova: Paris"),
        ("{nova: Paris, nova: Corte}", 15, "nova is bound twice; sites are joined with & or |"),
        ("{nova: Paris, compute: Paris}", 15, "nova and compute are the same service, and it is bound twice"),
        ("{*: Paris, *: Corte}", 12, "* is bound twice; sites are joined with & or |"),
        ("{nova: corte}", 8, "unknown site 'corte'; did you mean 'Corte'?"),
        ("{nova: Paris&Xyz}", 14, "unknown site 'Xyz'; choose from Corte, Lyon, New York, Nice, Paris"),
        ('{nova: "Paris&Corte"}', 8, "unknown site 'Paris&Corte': the quotes make one name of it; leave them out"),
        ("{nova: any(Frence)}", 12, "unknown site or group 'Frence'; did you mean 'France'?"),
        ("{nova: any(France-Corte)}", 12, "unknown name 'France-Corte': '-' needs blanks around it: France - Corte"),
        ("{nova: any(* - Cotre)}", 16, "unknown site 'Cotre'; did you mean 'Corte'?"),
        ("{nova: any(*, 1s of Cotre)}", 21, "unknown site 'Cotre'; did you mean 'Corte'?"),
        (
            "{nova: France}",
            8,
            "'France' is a group of sites: "
            "write all(France) for every site of it, or any(France) for the nearest that serves",
        ),
        (
            "{nova: any(* - France)}",
            16,
            "'France' is a group of sites: only sites can be taken away, one by one: any(* - Corte - Paris)",
        ),
        (
            "{nova: any(*, 1s of France)}",
            21,
            "'France' is a group of sites: a distance is measured from one site",
        ),
        ('{nova: ""}', 8, "a name is missing: the quotes are empty"),
        ('{"": Paris}', 2, "a name is missing: the quotes are empty"),
        ('{nova: "*"}', 8, "'*' is not the name of a site; every site is all(*) or any(*), without quotes"),
        ('{nova: any("*")}', 12, "'*' is not the name of a site; every site is all(*) or any(*), without quotes"),
        ('{nova: "a\tb"}', 8, "a tab cannot be part of a name"),
        (r'{nova: "a\nb"}', 10, r"\n means nothing in quotes; there are \" and \\"),
        ("{nova: any(*, 31622401s)}", 15, "'31622401s' is longer than a year"),
        ("{nova: any(*, " + "9" * 400 + "s)}", 15, f"'{'9' * 40}' is longer than a year"),
        ("{nova: Paris+Corte}", 13, "'+' stands for '&' on the command line only"),
    ],
)
def test_a_wrong_name_is_told_at_its_place(text, column, told):
    error = mistake(text)
    assert error.message == told
    assert (error.line, error.column) == (1, column)


def test_a_site_wins_over_a_group_of_the_same_name():
    assert parse("{nova: Lyon|all(Lyon)}", KNOWN)["compute"] == any_of([At("Lyon"), Selector("all", Pool("Lyon"))])


def test_where_sites_are_not_known_any_name_is_taken():
    assert str(parse("{nova: France|all(Nowhere)}")) == "{compute: France|all(Nowhere)}"


def test_an_own_service_is_bound_by_its_name():
    assert str(parse('{"our app": Paris, MY-SHOP: Corte}', KNOWN)) == '{"our app" = Paris, my-shop: Corte}'


def test_the_place_counts_lines():
    error = mistake("{nova: Paris,\r\n glance: Cotre}")
    assert (error.line, error.column) == (2, 10)
    assert str(error).splitlines()[1:] == ["     glance: Cotre}", "             ^"]


def test_what_is_missing_at_the_end_is_told_after_the_last_word():
    error = mistake("{nova:\n Paris &\n\n ")
    assert (error.line, error.column) == (2, 9)


# ---- limits


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ud800", "\x0b"])
def test_control_characters_are_refused_and_not_echoed(character):
    error = mistake(f'{{nova: "a{character}"}}')
    assert error.message == f"the character U+{ord(character):04X} cannot be part of a scope"
    assert error.column == 10
    assert character not in str(error)


def test_a_text_has_4096_bytes_at_most():
    name = "é" * ((4096 - len('{nova: ""}')) // 2)
    assert parse(f'{{nova: "{name}"}}')
    assert mistake(f'{{nova: "{name}x"}}').message == "the text has 4,097 bytes; at most 4,096 are read"


def test_parentheses_are_16_levels_deep_at_most():
    assert parse("{nova: " + "(" * 16 + "A" + ")" * 16 + "}")
    assert parse("{nova: " + "&".join(["(A|B)"] * 17) + "}")
    assert parse('{nova: "' + "(" * 17 + '"}')
    error = mistake("{nova: " + "(" * 17 + "A" + ")" * 17 + "}")
    assert (error.message, error.column) == ("more than 16 levels of parentheses", 24)


def test_1024_sites_are_named_at_most():
    names = [
        f"{first}{second}"
        for first in "abcdefghijklmnopqrstuvwxyzABCDEFGHI"
        for second in "0123456789ABCDEFGHIJKLMNOPQRST"
    ]
    assert parse(f"nova:{'&'.join(names[:1024])}")
    error = mistake(f"nova:{'&'.join(names[:1025])}", OPENSTACK)
    assert (error.message, error.column) == ("more than 1,024 sites are named", 6 + 1024 * 3)
    assert parse(f"nova:{'&'.join(names[:600])},glance:{'|'.join(names[:600])}")


# ---- the command line


@pytest.mark.parametrize(
    ("texts", "printed"),
    [
        (["Corte"], "{*: Corte}"),
        (["Paris&Corte"], "{*: Paris&Corte}"),
        (["Paris+Corte+Nice"], "{*: Paris&Corte&Nice}"),
        (["all(France)|Corte"], "{*: all(France)|Corte}"),
        (['"New York"'], '{*: "New York"}'),
        (["(Paris)"], "{*: Paris}"),
        (["nova:Paris+(Corte|Nice)", "glance:Corte"], "{compute: Paris&(Corte|Nice), image: Corte}"),
        (["nova:Paris,glance:Corte", "Nice"], "{compute: Paris, image: Corte, *: Nice}"),
        (["{nova: Paris}", "<glance: Corte>"], "{compute: Paris, image: Corte}"),
        (['{"nova": "Paris+Corte"}'], "{compute: Paris&Corte}"),
        (["{}"], "{}"),
        ([], "{}"),
    ],
)
def test_a_command_line_is_read(texts, printed):
    assert str(parse_command_line(texts, KNOWN)) == printed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{nova:", "'{nova: …}'"),
        ("{nova:Paris,", "'{nova:Paris}'"),
        ("{nova: Paris", "'{nova: Paris}'"),
        ("<nova: Paris", "'<nova: Paris>'"),
        ("{", "'{}'"),
        ("glance:Corte}", "'{… glance:Corte}'"),
    ],
)
def test_a_scope_that_the_shell_tore_is_to_be_quoted(text, told):
    error = mistake([text], read=parse_command_line)
    assert error.message == (f"not closed: quote the whole scope, so that the shell leaves it alone: --scope {told}")
    assert error.column == 1


@pytest.mark.parametrize(
    ("texts", "text", "column", "told"),
    [
        (["nova:Paris", " compute:Nice"], " compute:Nice", 2, "nova and compute are the same service"),
        (["Paris", "Corte"], "Corte", 1, "* is bound twice"),
        (["nova:Paris", "glance:Cotre"], "glance:Cotre", 8, "did you mean 'Corte'?"),
        (["Paris", ""], "", 1, "the text is empty"),
        (["Paris%Corte"], "Paris%Corte", 6, "is reserved"),
        (["nova:Paris," * 400], "", 1, "at most 4,096 are read"),
        (["nova:" + "Paris|" * 340, "glance:" + "Corte|" * 345], "", 1, "at most 4,096 are read"),
    ],
)
def test_an_error_on_the_command_line_points_into_its_text(texts, text, column, told):
    error = mistake(texts, read=parse_command_line)
    assert told in error.message
    assert (error.text, error.line, error.column) == (text, 1, column)


# ---- clouds.yaml


@pytest.mark.parametrize(
    ("mapping", "printed"),
    [
        ({"nova": "Paris&Corte", "glance": "Corte"}, "{compute: Paris&Corte, image: Corte}"),
        (
            {"block_storage": "Paris", "my_shop": "Corte", "*": "Nice"},
            "{block-storage: Paris, my-shop: Corte, *: Nice}",
        ),
        ({}, "{}"),
    ],
)
def test_a_mapping_is_read(mapping, printed):
    assert str(parse_mapping(mapping, KNOWN)) == printed


@pytest.mark.parametrize(
    ("mapping", "text", "column", "told"),
    [
        ({"nova": "Paris&"}, "nova: Paris&", 13, "a site name is missing after '&'"),
        ({"nova": "Cotre"}, "nova: Cotre", 7, "did you mean 'Corte'?"),
        ({"nvoa": "Corte"}, "nvoa: Corte", 1, "did you mean 'nova'?"),
        ({"nova": ""}, "nova: ", 7, "the location is empty"),
        ({"nova": 5}, "nova: 5", 1, "the location of 'nova' is not a text"),
        ({"nova": None}, "nova: None", 1, "the location of 'nova' is not a text"),
        ({True: "Corte"}, "True: Corte", 1, "unknown service 'True'"),
        ({"nova": "Paris, glance: Corte"}, "nova: Paris, glance: Corte", 12, "a location alone is due"),
        ({"block_storage": "Paris", "cinder": "Nice"}, "cinder: Nice", 1, "the same service"),
        ({"nova": "A\x1b"}, "nova: A\ufffd", 8, "U+001B"),
        ({"nova": "A" * 5000}, "", 1, "at most 4,096 are read"),
    ],
)
def test_an_error_in_a_mapping_is_shown_as_its_line(mapping, text, column, told):
    error = mistake(mapping, read=parse_mapping)
    assert told in error.message
    assert (error.text, error.line, error.column) == (text, 1, column)


# ---- laws

names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=8
).filter(lambda name: name != "*") | st.sampled_from(
    ["Paris", "any", "all", "of", "20ms", "New York", "a-b", '"', "\\", "A&B", "%", "-"]
)
seconds = st.floats(min_value=0, max_value=1e6)
selectors = st.one_of(
    st.builds(Selector, st.sampled_from(["any", "all"]), pools, near, of)
    for pools in [st.builds(Pool, names | st.just("*"), st.lists(names, max_size=3, unique=True).map(tuple))]
    for near, of in [(st.none(), st.none()), (seconds, st.none() | names)]
)
locations = st.recursive(
    st.builds(At, names) | selectors,
    lambda inner: st.lists(inner, min_size=1, max_size=4).flatmap(
        lambda parts: st.sampled_from([all_of(parts), any_of(parts)])
    ),
    max_leaves=10,
)
services = st.sampled_from(["compute", "image", "network", "our app", "my-shop", EVERY_SERVICE])
scopes = st.dictionaries(services, locations, max_size=4).map(lambda bound: Scope(tuple(bound.items())))
OWN = Vocabulary(own=KNOWN.own)


@given(scopes)
def test_what_is_printed_is_read_back(scope):
    assert parse(str(scope), OWN) == scope
    assert parse_command_line([str(scope)], OWN) == scope


@given(scopes)
def test_reading_and_printing_come_to_rest(scope):
    once = str(parse(str(scope), OWN))
    assert str(parse(once, OWN)) == once


@given(scopes)
def test_an_explanation_means_the_same(scope):
    assert parse(explained(scope), OWN) == scope


@given(scopes)
def test_json_and_mappings_mean_the_same(scope):
    mapping = {service: str(location) for service, location in scope.items()}
    assert parse_mapping(mapping, OWN) == scope
    assert parse(json.dumps(mapping), OWN) == scope
    assert parse(json.dumps(mapping, ensure_ascii=False), OWN) == scope


@given(locations)
def test_a_location_alone_is_for_every_service(location):
    assert parse_command_line([str(location)]) == Scope(((EVERY_SERVICE, location),))


@given(services, locations)
def test_brackets_do_not_matter(service, location):
    inside = f"{quoted_service(service)} = {location}"
    assert parse(inside, OWN) == parse(f"{{{inside}}}", OWN) == parse(f"<{inside},>", OWN)


WORDS = ["nova", "Paris", "France", ":", "=", "&", "|", "||", "+", "(", ")", "{", "}", "<", ">", ",", "*", "-", " "]
WORDS += ["any(", "all(", "20ms", "of", '"', "\\", '"a b"', "%", "\n", "\x00", "é", '{"nova": "', '"}', "\\u0041"]
texts = st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=30).map("".join)


def refusal(read, what, vocabulary):
    try:
        read(what, vocabulary)
    except ScopeError as error:
        return error
    return None


def reads_or_refuses(read, what, vocabulary):
    error = refusal(read, what, vocabulary)
    if error is not None:
        lines = error.text.splitlines() or [""]
        assert str(error).startswith("scope: ")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@settings(max_examples=500)
@given(texts, st.sampled_from([OPENSTACK, KNOWN]))
def test_any_text_is_read_or_refused(text, vocabulary):
    reads_or_refuses(parse, text, vocabulary)
    reads_or_refuses(parse_command_line, [text], vocabulary)
    reads_or_refuses(parse_mapping, {"nova": text, text: "Paris"}, vocabulary)
    reads_or_refuses(parse, json.dumps({"nova": text}), vocabulary)


LONGEST = [
    ("(", 1),
    ("&", 1),
    ("A&", 2),
    ("A|B&", 4),
    ('"', 1),
    ('\\"', 2),
    ('"\\', 2),
    ('{"a":"b",', 9),
    (" ", 1),
    ("\n", 1),
    ("(A)|", 4),
    ("any(*)&", 7),
    ("x", 1),
    ("x-", 2),
    ("9", 1),
    ('"a":"b",', 8),
]


@pytest.mark.parametrize("before", ["", "{nova: ", '{nova: "', '{"nova": "', "{nova: any("])
@pytest.mark.parametrize(("piece", "size"), LONGEST)
def test_the_longest_texts_take_no_time(before, piece, size):
    text = before + piece * ((4096 - len(before)) // size)
    parse("{}")
    start = time.process_time()
    reads_or_refuses(parse, text, KNOWN)
    reads_or_refuses(parse_command_line, [text], KNOWN)
    assert time.process_time() - start < 1


# ---- how fast, and at what price


def test_a_known_text_is_not_parsed_again():
    text = "{nova: Paris & (Corte | Nice)}"
    assert parse(text) is parse(text)
    assert parse(text, KNOWN) == parse(text)


def test_importing_the_parser_does_not_build_it():
    code = "import scopeproxy.lang.parser as p, sys; sys.exit(p._lark.cache_info().currsize)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd="/").returncode == 0
