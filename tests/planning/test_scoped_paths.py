"""A scope in a path: taken apart, read, and put together again."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import ScopeError
from scopeproxy.lang.parser import parse
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.messages import Headers
from scopeproxy.model.topology import Address, Url
from scopeproxy.planning.scoped_paths import (
    Prefix,
    ScopedPath,
    as_at_front,
    authority_of,
    path_of,
    scope_of,
    scoped_path,
    text_of,
)

WORDS = Vocabulary(sites=frozenset({"Paris", "Corte", "New York"}), groups=frozenset({"France"}))
NAMED = {"everywhere": "nova: Paris&Corte", "far away": "{glance: Corte}"}
FRONT = Url("https", Address("paris", 8774), "/compute")


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/scope/a/nova/v2.1?x=/y", ScopedPath("a", "nova", "/v2.1?x=/y")),
        ("/scope/a/nova", ScopedPath("a", "nova", "/")),
        ("/scope/a", ScopedPath("a", "", "/")),
        ("/scope", ScopedPath("", "", "/")),
        ("/scope/%7Ba%7d/my%20app/%2F", ScopedPath("%7Ba%7d", "my app", "/%2F")),
        ('/scope/a|b"/nova', ScopedPath('a|b"', "nova", "/")),
        ("/scoped/a/nova", None),
        ("/x/scope/a/nova", None),
        ("/?/scope/a/nova", None),
    ],
)
def test_a_target_is_taken_apart(target: str, parts: ScopedPath | None) -> None:
    assert scoped_path(target) == parts


@pytest.mark.parametrize(
    ("segment", "scope"),
    [
        ("everywhere", "{nova: Paris&Corte}"),
        ("far%20away", "{glance: Corte}"),
        ("Corte", "{*: Corte}"),
        ("%22New%20York%22", '{*: "New York"}'),
        ("nova:Paris+Corte,glance:Corte", "{nova: Paris&Corte, glance: Corte}"),
        ("%7Bnova%3A%20Paris%26Corte%7D", "{nova: Paris&Corte}"),
        ("nova:all(*)", "{nova: all(*)}"),
        ("~436f727465", "{*: Corte}"),
        ("%7E66617220617761" + "79", "{glance: Corte}"),
    ],
)
def test_a_segment_is_a_name_or_an_expression(segment: str, scope: str) -> None:
    assert scope_of(text_of(segment), NAMED, WORDS) == parse(scope)


@pytest.mark.parametrize(
    ("segment", "told"),
    [
        ("everywere", "no scope and no site is named 'everywere'; did you mean 'everywhere'?"),
        ("Cort", "no scope and no site is named 'Cort'; did you mean 'Corte'?"),
        ("nova:Cort", "unknown site 'Cort'; did you mean 'Corte'?"),
        ("nova%3AParis%26", "a site name is missing"),
        ("%zz", "'%' begins a percent-encoded byte"),
        ("%ff", "not UTF-8"),
        ("\udcff", "not UTF-8"),
        ("x" * 20_000, "a scope has at most 4,096 bytes"),
        ("", "empty"),
        ("~xyz", "hexadecimal"),
        ("~ff", "hexadecimal"),
    ],
)
def test_what_is_wrong_with_a_segment_is_told(segment: str, told: str) -> None:
    with pytest.raises(ScopeError) as error:
        scope_of(text_of(segment), NAMED, WORDS)
    assert told in error.value.message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("everywhere", "/scope/everywhere"),
        ("Corte", "/scope/Corte"),
        ("nova:Paris+Corte", "/scope/nova:Paris+Corte"),
        ("{nova: Paris & Corte, glance: Corte}", "/scope/compute:Paris&Corte,image:Corte"),
        ("nova: all(*)", "/scope/compute:all(*)"),
        ("far away", "/scope/~6661722061776179"),
        ("prov1", "/scope/~70726f7631"),
        ("dev.a", "/scope/~6465762e61"),
        ("nova:Paris|Corte", "/scope/~6e6f76613a50617269737c436f727465"),
        ("..", "/scope/~2e2e"),
        ("~", "/scope/~7e"),
        ("", "/scope/~"),
    ],
)
def test_links_have_a_path_that_no_client_stumbles_over(text: str, path: str) -> None:
    assert path_of(text, WORDS) == path


@given(st.text(max_size=60))
def test_a_path_says_what_it_was_made_of(text: str) -> None:
    path = path_of(text, WORDS)
    found = scoped_path(f"{path}/nova/x")
    assert found is not None
    assert "%" not in path
    assert not re.search(r"v[0-9.]", path)
    again = text_of(found.scope)
    try:
        assert scope_of(again, NAMED, WORDS) == scope_of(text, NAMED, WORDS)
    except ScopeError:
        assert again == text


@given(st.text(max_size=60))
def test_any_segment_is_read_or_refused(text: str) -> None:
    with suppress(ScopeError):
        scope_of(text_of(quote(text, safe="")), NAMED, WORDS)
    with suppress(ScopeError):
        text_of(text)


def test_a_prefix_has_a_root_for_each_service() -> None:
    prefix = Prefix("http://paris:5000", "/scope/a")
    assert prefix.root("identity") == "http://paris:5000/scope/a/identity"
    assert prefix.root("my app/1") == "http://paris:5000/scope/a/my%20app%2F1"


@pytest.mark.parametrize("said", ["cloud.example", "cloud:5000", "10.0.0.1:80", "[::1]:5000", "[fe80::1]"])
def test_links_name_the_host_that_the_client_has_called(said: str) -> None:
    assert authority_of(said, FRONT) == said


@pytest.mark.parametrize("said", [None, "", 'a"b', "a/b", "a b", "user@host", "h:port", "h:123456", "[::1", "a,b"])
def test_what_is_no_host_gives_way_to_the_front(said: str | None) -> None:
    assert authority_of(said, FRONT) == "paris:8774"


def test_a_service_is_called_as_if_at_its_front() -> None:
    headers: Headers = (("host", "other:5000"), ("Accept", "x"), ("X-Forwarded-Host", "o"), ("x-forwarded-proto", "p"))
    headers += (("Forwarded", "host=o"), ("X-Forwarded-Prefix", "/o"), ("X-Forwarded-For", "192.0.2.1"))
    assert as_at_front(headers, FRONT) == (
        ("host", "paris:8774"),
        ("Accept", "x"),
        ("X-Forwarded-Host", "paris:8774"),
        ("x-forwarded-proto", "https"),
        ("X-Forwarded-For", "192.0.2.1"),
    )
    assert as_at_front((), FRONT) == (("Host", "paris:8774"),)
