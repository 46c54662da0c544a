"""Own ids change; nothing else does, byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.planning.addresses import translate_body, translate_target

OLD, NEW = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
IDS = {OLD: NEW}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"/v3/{OLD}/volumes/detail?limit=1", f"/v3/{NEW}/volumes/detail?limit=1"),
        (f"/v1/AUTH_{OLD}/box/a%2Fb", f"/v1/AUTH_{NEW}/box/a%2Fb"),
        (f"/v2.0/networks?tenant_id={OLD}&name=a+b&name=%20", f"/v2.0/networks?tenant_id={NEW}&name=a+b&name=%20"),
        (f"/v3/{OLD}x/y{OLD}?q=x{OLD}", f"/v3/{OLD}x/y{OLD}?q=x{OLD}"),
        ("//a//b/?&&=&x", "//a//b/?&&=&x"),
        ("/a?", "/a?"),
    ],
)
def test_own_ids_in_paths_and_queries_become_the_other_sites(target: str, expected: str) -> None:
    assert translate_target(target, IDS) == expected


@given(st.text(alphabet="ab/?&=%_AUTH+.;:é", max_size=40))
def test_a_target_without_own_ids_stays_as_it_was_sent(path: str) -> None:
    assert translate_target("/" + path, IDS) == "/" + path


def test_bodies_change_in_whole_strings_only() -> None:
    body = json.dumps({"a": OLD, "b": [OLD + "x", f'say "{OLD}"'], OLD: 1}, indent=3).encode()
    expected = json.dumps({"a": NEW, "b": [OLD + "x", f'say "{OLD}"'], NEW: 1}, indent=3).encode()
    assert translate_body(body, IDS) == expected


def test_ids_that_trade_places_are_not_translated_twice() -> None:
    assert translate_body(b'["one", "two"]', {"one": "two", "two": "one"}) == b'["two", "one"]'


@given(st.binary(max_size=60))
def test_bodies_without_own_ids_stay_byte_for_byte(data: bytes) -> None:
    assert translate_body(data, IDS) == data
    assert translate_body(data, {}) is data
