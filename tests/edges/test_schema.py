"""How sections, maps and lists read, and how a path is written."""

from __future__ import annotations

from typing import Any

import pytest

from scopeproxy.edges.schema import Noted, Place, Reading, Wrong, dotted, each, items, section, shown


def word(_: Place, value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("a word is expected")
    return value


def test_a_section_notes_every_mistake_and_keeps_what_is_right() -> None:
    reading = Reading()
    read = section({"one": word, "two": word, "three": word})
    assert read(Place(reading), {"one": "a", "two": [], "thre": "b"}) == {"one": "a"}
    assert reading.mistakes == [
        (("two",), "a word is expected"),
        (("thre",), "unknown key 'thre'; did you mean 'three'?"),
    ]


def test_an_empty_value_counts_as_not_written_unless_it_means_none() -> None:
    read = section({"one": word, "two": lambda _, value: value}, nullable=("two",))
    assert read(Place(Reading()), {"one": None, "two": None}) == {"two": None}
    assert read(Place(Reading()), None) == {}


def test_without_a_required_key_there_is_no_value() -> None:
    reading = Reading()
    with pytest.raises(Noted):
        section({"one": word}, required=("one",))(Place(reading, ("x",)), {})
    assert reading.mistakes == [(("x",), "the key 'one' is missing")]


def test_lists_and_maps_go_on_after_a_mistake() -> None:
    reading = Reading()
    assert each(word)(Place(reading), ["a", 1, "b"]) == ("a", "b")
    assert items(word)(Place(reading), {"a": "x", "b": 2}) == {"a": "x"}
    assert [where for where, _ in reading.mistakes] == [(1,), ("b",)]


@pytest.mark.parametrize(
    ("where", "written"),
    [
        ((), ""),
        (("sites", "Corte", "services"), "sites.Corte.services"),
        (("rtt", 0, "between", 1), "rtt[0].between[1]"),
        (("sites", "New York", "region"), 'sites."New York".region'),
        (("sites", "St.Gallen"), 'sites."St.Gallen"'),
        (("sites", "Saint-Étienne"), "sites.Saint-Étienne"),
        (("sites", "a\nb"), 'sites."a\\nb"'),
        (("sites", ""), 'sites.""'),
    ],
)
def test_a_path_is_written_as_people_write_it(where: tuple[str | int, ...], written: str) -> None:
    assert dotted(where) == written


def test_a_path_is_told_as_it_was_written() -> None:
    reading = Reading()
    reading.written["sites", "Corte", "services", "image"] = ("sites", "Corte", "services", "glance")
    assert reading.as_written(("sites", "Corte", "services", "image", "front"))[3:] == ("glance", "front")
    assert reading.as_written(("sites", "Paris")) == ("sites", "Paris")


def test_what_is_shown_is_short() -> None:
    assert shown(None) == "nothing"
    assert (shown({}), shown([])) == ("a mapping", "a list")
    assert len(shown("x" * 1000)) < 100
