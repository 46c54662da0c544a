"""Plans are values: printed, compared, looked through."""

from __future__ import annotations

import pytest

from scopeproxy.errors import CallerError
from scopeproxy.model.messages import Request
from scopeproxy.planning.plan import (
    AllOf,
    Call,
    FirstOf,
    Plan,
    Refuse,
    always_in,
    calls_of,
    choices,
    goes_everywhere,
    sites_in,
    spreads,
)

REQUEST = Request("image", "GET", "/v2/images")
A, B, C = (Call(site, REQUEST) for site in ("Paris", "Corte", "Lyon"))


def test_a_plan_reads_as_what_will_be_done() -> None:
    assert str(AllOf((A, FirstOf((B, C))))) == "all of (Paris, first of (Corte, Lyon))"
    assert str(Refuse(CallerError("no"))) == "refuse: no"


def test_the_calls_of_a_plan_are_those_it_could_make_in_written_order() -> None:
    plan = FirstOf((C, AllOf((A, B)), A))
    assert calls_of(plan) == (C, A, B, A)
    assert sites_in(plan) == {"Paris", "Corte", "Lyon"}


def test_a_refusal_calls_nobody() -> None:
    assert calls_of(Refuse(CallerError("no"))) == ()


def test_equal_plans_are_equal() -> None:
    assert AllOf((A, B)) == AllOf((Call("Paris", REQUEST), Call("Corte", REQUEST)))


@pytest.mark.parametrize(
    ("plan", "several", "everywhere"),
    [
        (A, False, False),
        (AllOf((A, B)), True, True),
        (AllOf((A, AllOf((B, C)))), True, True),
        (AllOf((A, FirstOf((B, C)))), True, False),
        (FirstOf((A, AllOf((B, C)))), True, False),
        (FirstOf((A, B)), False, False),
        (Refuse(CallerError("no")), False, False),
    ],
)
def test_a_plan_tells_whether_several_sites_are_asked_at_once_and_whether_all_are(
    plan: Plan, several: bool, everywhere: bool
) -> None:
    assert (spreads(plan), goes_everywhere(plan)) == (several, everywhere)


def test_alternatives_are_not_always_called() -> None:
    assert always_in(AllOf((A, FirstOf((B, C)), AllOf((C, A))))) == ("Paris", "Lyon")
    assert always_in(Refuse(CallerError("no"))) == always_in(FirstOf((A, B))) == ()


def test_of_what_is_done_at_several_sites_each_part_has_its_choices() -> None:
    assert choices(AllOf((A, FirstOf((B, C))))) == ((A,), (B, C))
    assert choices(AllOf((A, B))) == ((A,), (B,))
    for other in (
        A,
        FirstOf((A, B)),
        AllOf((A, FirstOf((B, AllOf((C, A)))))),
        AllOf((FirstOf((A, B)), FirstOf((B, C)))),
    ):
        assert choices(other) is None
