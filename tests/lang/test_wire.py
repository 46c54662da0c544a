from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import ScopeError
from scopeproxy.lang.parser import parse
from scopeproxy.lang.scope import At, Scope
from scopeproxy.lang.wire import ON_PARTIAL, Options, from_header, parse_options, to_header


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("{nova: Paris&(Corte|Nice)}", "{compute: Paris&(Corte|Nice)}"),
        ('{nova: "Saint-Étienne"}', '{compute: "Saint-%C3%89tienne"}'),
        ('{nova: "50% off"}', '{compute: "50%25 off"}'),
        ('{nova: "%C3"}', '{compute: "%25C3"}'),
        ("{}", "{}"),
    ],
)
def test_a_header_is_plain_ascii(text, header):
    assert to_header(parse(text)) == header
    assert parse(from_header(header)) == parse(text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
def test_a_header_brings_any_name_across(name):
    scope = Scope((("compute", At(name)),))
    header = to_header(scope)
    assert header.isascii()
    assert header.isprintable()
    assert from_header(header) == str(scope)


@pytest.mark.parametrize(
    ("header", "column", "told"),
    [
        ("{nova: Pa%ris}", 10, "'%' begins a percent-encoded byte of two hexadecimal digits; '%' itself is %25"),
        ("{nova: Paris}%", 14, "'%' begins a percent-encoded byte of two hexadecimal digits; '%' itself is %25"),
        ("{nova: %C3}", 8, "the bytes that are percent-encoded are not UTF-8"),
        ("{nova: É}", 8, "a header holds plain ASCII: percent-encode the UTF-8 of anything else"),
        ("{nova: \x00}", 8, "a header holds plain ASCII: percent-encode the UTF-8 of anything else"),
    ],
)
def test_a_badly_encoded_header_tells_where(header, column, told):
    with pytest.raises(ScopeError) as error:
        from_header(header)
    assert (error.value.message, error.value.column) == (told, column)


def test_a_header_is_bounded():
    with pytest.raises(ScopeError, match="12,289 characters"):
        from_header("x" * 12_289)


@given(st.text())
def test_a_header_is_decoded_or_refused(value):
    with suppress(ScopeError):
        from_header(value)


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("", Options()),
        (" , ", Options()),
        ("strict", Options(strict=True)),
        ("settle,strict", Options(strict=True, settle=True)),
        ("on-partial=queue", Options(on_partial="queue")),
        (" on-partial = keep ,timeout=30s,", Options(on_partial="keep", timeout=30.0)),
        ("timeout=1.5s", Options(timeout=1.5)),
    ],
)
def test_options_are_read(value, options):
    assert parse_options(value) == options


@pytest.mark.parametrize(
    ("value", "column", "told"),
    [
        ("strct", 1, "unknown option 'strct'; did you mean 'strict'? (there are on-partial, strict, settle, timeout)"),
        ("settle, on-partial=undone", 9, "on-partial is one of undo, keep, queue, not 'undone'"),
        ("on-partial", 1, "on-partial is one of undo, keep, queue, not nothing"),
        ("strict=1", 1, "strict and settle take no value: leave them out, or name them alone"),
        ("strict, strict", 9, "strict is given twice"),
        ("timeout=0s", 1, "timeout is more than 0"),
        ("strict,  timeout=30", 10, "'30' is not a duration: write a number and a unit"),
    ],
)
def test_wrong_options_tell_where_and_what(value, column, told):
    with pytest.raises(ScopeError) as error:
        parse_options(value)
    assert told in error.value.message
    assert error.value.message.startswith("X-Scope-Options: ")
    assert error.value.column == column


@given(
    st.builds(
        Options,
        st.none() | st.sampled_from(ON_PARTIAL),
        st.booleans(),
        st.booleans(),
        st.none() | st.floats(min_value=1e-6, max_value=1e6),
    )
)
def test_options_print_as_they_are_read(options):
    assert parse_options(str(options)) == options


@given(st.text() | st.lists(st.sampled_from(["strict", "=", ",", "timeout", "9s", " "])).map("".join))
def test_options_are_read_or_refused(value):
    with suppress(ScopeError):
        parse_options(value)
