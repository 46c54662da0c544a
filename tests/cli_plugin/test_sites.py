"""What a session remembers of sites."""

from scopeproxy.osc.sites import Sites


def test_the_items_of_a_merged_list_are_told_apart() -> None:
    sites = Sites()
    sites.note(
        {"servers": [{"id": "a", "scope_site": "Paris"}, {"id": "b", "scope_site": "Corte"}]}, ["Paris", "Corte"]
    )
    assert [sites.of(["servers"], [id_]) for id_ in "abc"] == ["Paris", "Corte", None]
    assert sites.of(["volumes"], ["a"]) is None


def test_a_list_of_one_site_is_that_sites() -> None:
    sites = Sites()
    sites.note({"servers": [{"id": "a"}]}, ["Corte"])
    sites.note({"flavors": [{"id": "1"}]}, ["Paris", "Corte"])
    assert (sites.of(["servers"], ["a"]), sites.of(["flavors"], ["1"])) == ("Corte", None)


def test_a_single_resource_is_of_the_first_site_that_has_it_and_the_last_word_counts() -> None:
    sites = Sites()
    sites.note({"server": {"id": "a"}}, ["Paris", "Corte"])
    assert sites.of(["servers", "server"], ["a"]) == "Paris"
    sites.note({"server": {"id": "a"}}, ["Corte"])
    assert sites.of(["servers", "server"], ["a"]) == "Corte"


def test_two_of_one_id_are_nobodys() -> None:
    sites = Sites()
    both = [{"id": 1, "scope_site": "Paris"}, {"id": 1, "scope_site": "Corte"}, {"id": 1, "scope_site": "Corte"}]
    sites.note({"aggregates": both}, ["Paris", "Corte"])
    assert sites.of(["aggregates"], ["1"]) is None


def test_the_oldest_are_forgotten() -> None:
    sites = Sites(remembered=2)
    for id_ in ("a", "b", "a", "c"):
        sites.note({"servers": [{"id": id_}]}, ["Paris"])
    assert [sites.of(["servers"], [id_]) for id_ in "abc"] == ["Paris", None, "Paris"]


def test_what_holds_no_resources_is_passed_over() -> None:
    sites = Sites()
    sites.note([1, 2], ["Paris"])
    sites.note({"version": {"status": "CURRENT"}, "links": [{"href": "x"}]}, ["Paris"])
    sites.note("text", ["Paris"])
    assert sites.of(["version", ""], [""]) is None
