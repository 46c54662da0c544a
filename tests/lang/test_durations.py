import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.lang.durations import YEAR, format_duration, human_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("15ms", 0.015),
        ("500us", 0.0005),
        ("2m", 120.0),
        ("24h", 86400.0),
        ("1.5s", 1.5),
        ("0ms", 0.0),
        (" 20ms ", 0.02),
    ],
)
def test_durations_are_seconds_inside(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "'' is not a duration: write a number and a unit (us, ms, s, m or h) without a blank"),
        ("30", "'30' is not a duration"),
        ("ms", "'ms' is not a duration"),
        ("20 ms", "'20 ms' is not a duration"),
        ("-5s", "'-5s' is not a duration"),
        ("1e3s", "'1e3s' is not a duration"),
        (".5s", "'.5s' is not a duration"),
        ("٣s", "'٣s' is not a duration"),
        ("3 parsecs", "'3 parsecs' is not a duration"),
        ("3d", "'d' is not a unit of time"),
        ("3MS", "'MS' is not a unit of time"),
        ("9" * 400 + "s", "is longer than a year"),
        ("8785h", "'8785h' is longer than a year"),
    ],
)
def test_a_wrong_duration_tells_what_would_be_right(text, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (30, "30s"),
        (0.015, "15ms"),
        (0.0005, "500us"),
        (120, "120s"),
        (1.25, "1.25s"),
        (0, "0s"),
        (0.1234567, "123.4567ms"),
    ],
)
def test_a_duration_is_written_in_the_unit_that_suits_it(seconds, text):
    assert format_duration(seconds) == text


@given(st.floats(min_value=0, max_value=YEAR))
def test_a_written_duration_is_read_back_exactly(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0012345, "1.23ms"),
        (0.00099999, "1ms"),
        (0.99999, "1s"),
        (12.345, "12.3s"),
        (59.96, "1m 0s"),
        (125, "2m 5s"),
        (12000, "3h 20m"),
        (0, "0s"),
    ],
)
def test_people_get_three_digits(seconds, text):
    assert human_duration(seconds) == text
