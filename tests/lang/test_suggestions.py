from scopeproxy.lang.suggestions import did_you_mean, nearest, shortened, suggestion


def test_the_nearest_name_is_found_in_any_case():
    assert nearest("corte", ["Paris", "Corte"]) == "Corte"
    assert nearest("NVOA", ["glance", "nova"]) == "nova"


def test_nothing_near_means_no_suggestion():
    assert nearest("zzz", ["Paris", "Corte"]) is None
    assert did_you_mean("zzz", ["Paris"]) == ""


def test_a_suggestion_ends_a_message():
    assert did_you_mean("Pariss", ["Paris"]) == "; did you mean 'Paris'?"


def test_a_very_long_name_is_neither_compared_nor_shown_whole():
    assert nearest("Paris" * 100, ["Paris" * 100]) is None
    assert len(shortened("Paris" * 100)) < 70


def test_what_a_terminal_would_obey_is_shown_escaped():
    assert shortened("a\x1b[31m") == r"'a\x1b[31m'"


def test_where_nothing_is_near_a_few_names_are_told_and_many_are_not() -> None:
    assert suggestion("Nice", ["Paris", "Corte"]) == "; choose from Corte, Paris"
    assert suggestion("Pari", ["Paris", "Corte"]) == "; did you mean 'Paris'?"
    assert suggestion("Nice", [f"site{number}" for number in range(21)]) == ""
    assert suggestion("Nice", []) == ""
    assert suggestion("Nice", ["two\nlines"]) == ""
