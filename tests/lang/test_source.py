from scopeproxy.lang.source import Source


def test_an_offset_is_told_as_line_and_column():
    source = Source.of("one\n two\r\nthree")
    places = [(0, 1, 1), (3, 1, 4), (4, 2, 1), (5, 2, 2), (10, 3, 1), (15, 3, 6)]
    for offset, line, column in places:
        error = source.error("wrong", offset)
        assert (error.line, error.column) == (line, column)


def test_what_is_shown_before_a_text_moves_its_places():
    error = Source.of("Paris&", before="nova: ").error("wrong", 6)
    assert str(error) == "scope: line 1, column 13: wrong\n    nova: Paris&\n                ^"


def test_a_text_within_a_text_points_into_the_outer_one():
    inner = Source("ab", '"\\u0061b"', [1, 7, 8])
    assert [inner.error("wrong", offset).column for offset in (0, 1, 2)] == [2, 8, 9]


def test_the_first_and_the_last_word_bound_a_text():
    source = Source.of(" \t nova: Paris \n")
    assert (source.start, source.end) == (3, 14)
    assert not source.is_blank
    assert Source.of(" \r\n\t").is_blank


def test_an_error_shows_no_control_characters():
    error = Source.of("a\x1b[31m\x85b").error("wrong", 7)
    assert error.text == "a\ufffd[31m\ufffdb"
    assert (error.line, error.column) == (1, 8)
