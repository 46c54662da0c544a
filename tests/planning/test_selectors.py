"""Selectors draw sites from the topology, once."""

from __future__ import annotations

import pytest

from scopeproxy.errors import ScopeError
from scopeproxy.lang.scope import At, Location, Pool, Scope, Selector, all_of, any_of
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.selectors import expand


def site(name: str, country: str, *services: str) -> Site:
    endpoint = Endpoint(Url("http", Address(name, 80)))
    return Site(name, name, dict.fromkeys(services or ("compute", "image"), endpoint), {"country": country})


TOPOLOGY = Topology(
    {
        one.name: one
        for one in (
            site("Lyon", "France"),
            site("Paris", "France"),
            site("Corte", "France", "compute"),
            site("Rome", "Italy"),
            site("Bonn", "Germany"),
        )
    },
    {("Lyon", "Paris"): 0.008, ("Corte", "Paris"): 0.015, ("Paris", "Rome"): 0.005},
)


def draw(selector: Location, service: str = "compute", fan_out: int | None = None) -> Location:
    measured = {("Paris", "Bonn"): 0.012}
    expanded = expand(Scope(((service, selector),)), TOPOLOGY, "Paris", lambda *pair: measured.get(pair), fan_out)
    return expanded[service]


def pick(kind: str, name: str, *minus: str, within: float | None = None, of: str | None = None) -> Selector:
    return Selector(kind, Pool(name, minus), within, of)


def sites(*names: str) -> list[At]:
    return [At(name) for name in names]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (pick("all", "*"), all_of(sites("Lyon", "Paris", "Corte", "Rome", "Bonn"))),
        (pick("any", "*"), any_of(sites("Paris", "Rome", "Lyon", "Bonn", "Corte"))),
        (pick("all", "France"), all_of(sites("Lyon", "Paris", "Corte"))),
        (pick("all", "France", "Corte"), all_of(sites("Lyon", "Paris"))),
        (pick("any", "*", "France", "Rome"), At("Bonn")),
        (pick("all", "Rome"), At("Rome")),
        (pick("any", "*", within=0.012), any_of(sites("Paris", "Rome", "Lyon", "Bonn"))),
        (pick("all", "*", within=0.010), all_of(sites("Lyon", "Paris", "Rome"))),
        (pick("all", "France", within=0.015, of="Corte"), all_of(sites("Paris", "Corte"))),
        # Unknown round trips are the furthest, in the file's order.
        (pick("any", "*", of="Bonn"), any_of(sites("Bonn", "Lyon", "Paris", "Corte", "Rome"))),
    ],
)
def test_any_is_by_nearness_and_all_in_the_files_order(selector: Selector, expected: Location) -> None:
    assert draw(selector) == expected


def test_sites_without_the_service_are_left_out() -> None:
    assert draw(pick("all", "France"), "image") == all_of(sites("Lyon", "Paris"))


def test_selectors_within_expressions_are_flattened_into_them() -> None:
    assert draw(all_of([At("Rome"), pick("all", "France")])) == all_of(sites("Rome", "Lyon", "Paris", "Corte"))
    assert draw(any_of([At("Bonn"), all_of([At("Rome"), pick("any", "France")])])) == any_of(
        [At("Bonn"), all_of([At("Rome"), any_of(sites("Paris", "Lyon", "Corte"))])]
    )


def test_where_every_service_is_selected_those_which_some_sites_lack_are_bound_by_themselves() -> None:
    scope = Scope((("*", pick("all", "France")),))
    expanded = expand(scope, TOPOLOGY, "Paris", lambda *_: None)
    assert expanded == Scope(
        (("*", all_of(sites("Lyon", "Paris", "Corte"))), ("image", all_of(sites("Lyon", "Paris"))))
    )
    alone = expand(Scope((("*", pick("any", "Corte")),)), TOPOLOGY, "Paris", lambda *_: None)
    assert alone == Scope((("*", At("Corte")),))


def test_a_scope_without_selectors_is_itself() -> None:
    scope = Scope((("compute", all_of(sites("Paris", "Corte"))),))
    assert expand(scope, TOPOLOGY, "Paris", lambda *_: None) is scope


@pytest.mark.parametrize(
    ("selector", "service", "why"),
    [
        (pick("any", "France", "*"), "compute", "the pool is empty"),
        (pick("any", "Corte"), "image", "none of Corte has it"),
        (pick("any", "Rome", within=0.001), "compute", "known to be that near"),
        (pick("any", "Frnce"), "compute", "did you mean France"),
        (pick("any", "*", "Pariss"), "compute", "did you mean Paris"),
        (pick("any", "*", within=1.0, of="Nowhere"), "compute", "Nowhere is not a site"),
    ],
)
def test_a_selector_that_selects_nothing_says_why(selector: Selector, service: str, why: str) -> None:
    with pytest.raises(ScopeError, match=why):
        draw(selector, service)


def test_more_sites_than_one_call_may_have_are_refused() -> None:
    with pytest.raises(ScopeError, match="5 sites; at most 4"):
        draw(pick("all", "*"), fan_out=4)
    with pytest.raises(ScopeError, match="at most 1"):
        draw(all_of(sites("Paris", "Rome")), fan_out=1)
