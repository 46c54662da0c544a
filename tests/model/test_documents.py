"""JSON is read whole or not at all, and nothing in it is changed on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.documents import parsed, written

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read_again_and_by_others_too(value: Any) -> None:
    assert parsed(written(value)) == json.loads(written(value)) == value


@given(values)
def test_what_others_write_is_read(value: Any) -> None:
    assert parsed(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "number",
    ["18446744073709551616", "-9223372036854775809", "1234567890123456789012345678901234567890", "9223372036854775807"],
)
def test_an_integer_of_any_size_stays_the_one_that_it_is(number: str) -> None:
    assert parsed(f'{{"n": {number}}}'.encode()) == {"n": int(number)}
    assert written({"n": int(number)}) == f'{{"n":{number}}}'.encode()


def test_half_a_surrogate_pair_is_passed_on() -> None:
    assert parsed(rb'{"id": "\ud800"}') == {"id": "\ud800"}
    assert written({"id": "\ud800"}) == rb'{"id":"\ud800"}'


@pytest.mark.parametrize(
    "text", [b"", b"{", b"NaN", b"[Infinity]", b"[-Infinity]", b"{} {}", b"\xff", b"[" * 100_000, b'"a\x00b"']
)
def test_what_is_no_json_is_none(text: bytes) -> None:
    assert parsed(text) is None
