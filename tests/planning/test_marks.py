"""Response headers stay printable, bounded, and put failures first when cut short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.planning.divergence import Divergence
from scopeproxy.planning.marks import BOUND, partial_header, replicas_header, sites_header


def test_what_was_asked_and_what_came_in_scope_order() -> None:
    outcomes = [Reply("Paris", 201), Unreached("Corte", False, "refused"), Reply("Saint-Étienne", 404)]
    assert sites_header(outcomes) == "Paris=201, Corte=unreached, Saint-%C3%89tienne=404"
    assert sites_header([Unreached("Corte", False, "it is not known there", asked=False)]) == "Corte=not-asked"
    assert replicas_header({"New York": "1", "Corte": "a,b"}) == "New%20York=1, Corte=a%2Cb"
    assert partial_header(["Corte", "New York"]) == "Corte, New%20York"


def test_replicas_that_differ_are_told_behind_what_came() -> None:
    came = [Reply("Paris", 200), Reply("Corte", 200), Reply("New York", 200)]
    one, several = Divergence(("name", "os:x")), Divergence(("a", "b=,", *map(str, range(8))), 3)
    told = sites_header(came, {"Corte": one, "New York": several})
    assert told == "Paris=200, Corte=200 (differs: name os:x), New%20York=200 (3 differ: a b%3D%2C 0 1 2 3 4 5 +2)"


def test_beyond_the_bound_those_that_differ_come_before_the_others() -> None:
    outcomes: list[Outcome] = [Reply(f"site-{number}", 200) for number in range(998)]
    told = sites_header([*outcomes, Reply("Corte", 200), Reply("Lyon", 503)], {"Corte": Divergence(("name",))})
    assert told.startswith("999 x 200, 1 x 503, Lyon=503, Corte=200 (differs: name), site-0=200, ")
    assert len(told) <= BOUND


def test_an_id_that_no_text_can_hold_breaks_no_header() -> None:
    assert replicas_header({"Paris": "a\ud800"}) == "Paris=a%3F"


def test_pages_of_one_site_are_one_mention() -> None:
    assert sites_header([Reply("Paris", 200), Reply("Paris", 503)]) == "Paris=503"


def test_beyond_the_bound_counts_come_first_and_then_the_failed_sites() -> None:
    outcomes: list[Outcome] = [Reply(f"site-{number}", 200) for number in range(998)]
    told = sites_header([*outcomes, Unreached("Corte", True, "reset"), Reply("Lyon", 503)])
    assert told.startswith("998 x 200, 1 x 503, 1 x unreached, Corte=unreached, Lyon=503, site-0=200, ")
    assert told.endswith(", ...")
    assert len(told) <= BOUND
    assert partial_header([f"site-{number}" for number in range(1000)]).startswith("1000 sites, site-0, ")
    assert replicas_header({f"site-{number}": "x" * 36 for number in range(1000)}).startswith("1000 replicas, ")


@given(st.lists(st.tuples(st.text(min_size=1), st.sampled_from([200, 404, 503]))), st.lists(st.text(min_size=1)))
def test_headers_are_printable_ascii_whatever_sites_and_fields_are_called(
    sites: list[tuple[str, int]], fields: list[str]
) -> None:
    for text in (
        sites_header([Reply(*one) for one in sites], {site: Divergence(tuple(fields)) for site, _ in sites}),
        sites_header([Reply(site, status) for site, status in sites]),
        replicas_header({site: site for site, _ in sites}),
        partial_header([site for site, _ in sites]),
    ):
        assert len(text) <= BOUND
        assert text.isascii()
        assert text.isprintable()
