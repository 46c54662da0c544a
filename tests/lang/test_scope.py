import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.lang.scope import (
    And,
    At,
    Or,
    Pool,
    Scope,
    Selector,
    all_of,
    any_of,
    explained,
    quoted,
    sites_of,
)

A, B, C, D = map(At, "ABCD")

locations = st.recursive(
    st.sampled_from([A, B, C, D]),
    lambda inner: st.builds(all_of, st.lists(inner, min_size=1)) | st.builds(any_of, st.lists(inner, min_size=1)),
    max_leaves=12,
)


def nodes(location):
    yield location
    for part in getattr(location, "parts", ()):
        yield from nodes(part)


@given(locations)
def test_and_and_or_are_flat_and_hold_no_repetition(location):
    for node in nodes(location):
        if isinstance(node, And | Or):
            assert len(node.parts) > 1
            assert len(set(node.parts)) == len(node.parts)
            assert not any(isinstance(part, type(node)) for part in node.parts)


@given(locations)
def test_a_location_with_itself_is_that_location(location):
    assert all_of([location, location]) == location
    assert any_of([location, location]) == location


@given(locations, locations, locations)
def test_grouping_does_not_matter(one, two, three):
    for join in (all_of, any_of):
        assert join([join([one, two]), three]) == join([one, join([two, three])]) == join([one, two, three])


@given(locations)
def test_a_location_names_each_site_once(location):
    sites = sites_of(location)
    assert len(set(sites)) == len(sites)
    assert set(sites) == {node.site for node in nodes(location) if isinstance(node, At)}


def test_written_order_is_kept():
    assert sites_of(any_of([C, all_of([B, A])])) == ("C", "B", "A")


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (A, "A"),
        (At("New York"), '"New York"'),
        (At("any"), '"any"'),
        (At('a"b\\'), r'"a\"b\\"'),
        (all_of([A, any_of([B, C])]), "A&(B|C)"),
        (any_of([A, all_of([B, C])]), "A|B&C"),
        (Selector("any", Pool("*")), "any(*)"),
        (Selector("all", Pool("France", ("Corte", "New York"))), 'all(France - Corte - "New York")'),
        (Selector("any", Pool("*"), 0.02), "any(*, 20ms)"),
        (Selector("all", Pool("*"), 1.5, "Paris"), "all(*, 1.5s of Paris)"),
    ],
)
def test_a_location_prints_as_it_is_written(location, text):
    assert str(location) == text


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (A, "A"),
        (all_of([A, any_of([B, C])]), "A & (B | C)"),
        (any_of([A, all_of([B, C]), D]), "A | (B & C) | D"),
        (any_of([all_of([A, any_of([B, all_of([C, D])])]), D]), "(A & (B | (C & D))) | D"),
        (Scope((("compute", all_of([A, any_of([B, C])])), ("*", D))), "{compute: A & (B | C), *: D}"),
        (Scope(), "{}"),
    ],
)
def test_explained_shows_what_belongs_together(what, text):
    assert explained(what) == text


def test_a_plain_name_needs_no_quotes():
    assert [quoted(name) for name in ("Paris", "RegionOne", "eu-1.b", "_x", "9")] == [
        "Paris",
        "RegionOne",
        "eu-1.b",
        "_x",
        "9",
    ]
    assert [quoted(name) for name in ("a b", "-a", "é", "all", "")] == ['"a b"', '"-a"', '"é"', '"all"', '""']


def test_a_scope_is_a_mapping_whose_order_is_kept_but_does_not_count():
    scope, turned = Scope((("compute", A), ("image", B))), Scope((("image", B), ("compute", A)))
    assert list(scope) == ["compute", "image"]
    assert scope["image"] == B
    assert len(scope) == 2
    assert scope == turned
    assert hash(scope) == hash(turned)
    assert scope != Scope((("compute", A),))
    with pytest.raises(KeyError):
        scope["network"]


def test_a_service_is_bound_by_its_name_before_the_star():
    scope = Scope((("*", A), ("image", B)))
    assert (scope.location("image"), scope.location("compute")) == (B, A)
    assert Scope((("image", B),)).location("compute") is None


def test_narrowing_binds_one_service_and_keeps_what_it_can_need():
    scope = Scope((("compute", all_of([A, B])), ("image", C), ("volume", D), ("*", D)))
    assert str(scope.having("compute", A)) == "{compute: A, image: C, volume: D, *: D}"
    assert str(scope.only(["compute", "image"])) == "{compute: A&B, image: C, *: D}"


def test_a_quoted_service_is_printed_so_that_it_is_not_json():
    assert str(Scope((("our app", At("New York")),))) == '{"our app" = "New York"}'


def test_the_values_can_be_had_without_the_parser():
    code = "import sys, scopeproxy.lang.scope, scopeproxy.lang.wire; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd="/").returncode == 0
