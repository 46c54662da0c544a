"""Where calls go: what section 2 of the language says, the refusals, and the laws."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import BadCollaboration, LoopDetected, NotYet, ScopeProxyError
from scopeproxy.lang.scope import And, At, Location, Scope, all_of, any_of, sites_of
from scopeproxy.lang.wire import Options
from scopeproxy.model.messages import Held, Request
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.intent import classify
from scopeproxy.planning.paging import Paging, Position, Turn
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Plan, Refuse, Work, calls_of
from scopeproxy.planning.planner import MAX_HOPS, carried, check_loop, make_plan, narrowed

ALL = ("identity", "compute", "image", "network", "placement", "block-storage", "object-store")
NAMES = ("Paris", "Corte", "Marseille", "Lyon")
P, C, M, L = (At(name) for name in NAMES)
U = "11111111-2222-3333-4444-555555555555"


def site(name: str, *services: str) -> Site:
    return Site(name, name, {service: Endpoint(Url("http", Address(name, 80))) for service in services})


TOPOLOGY = Topology({"Nice": site("Nice", "image"), **{name: site(name, *ALL) for name in NAMES}})


def scope(**bindings: Location) -> Scope:
    names = {"every": "*", "block_storage": "block-storage"}
    return Scope(tuple((names.get(name, name), location) for name, location in bindings.items()))


def plan(bound: Scope, service: str, line: str, body: object = None, policy: str = "undo", options: str = "") -> Plan:
    method, target = line.split(" ")
    request = Request(service, method, target, (), Held(b"" if body is None else json.dumps(body).encode()))
    work = Work(request, classify(request), bound, "Paris", Options(settle=options == "settle"), policy)
    return make_plan(work, TOPOLOGY)


def refusal(answer: Plan) -> ScopeProxyError:
    assert isinstance(answer, Refuse), answer
    return answer.error


# ---- one call as it is


def test_without_a_scope_the_call_proceeds_here() -> None:
    (call,) = calls_of(plan(Scope(), "image", "GET /v2/images"))
    assert (call.site, call.scope) == ("Paris", Scope())


def test_a_service_that_is_not_bound_stays_where_its_caller_runs_and_the_scope_goes_on() -> None:
    (call,) = calls_of(plan(scope(image=any_of([C, M])), "compute", "GET /v2.1/servers"))
    assert (call.site, call.scope) == ("Paris", scope(image=any_of([C, M])))


def test_a_bound_service_is_called_at_its_site() -> None:
    assert str(plan(scope(image=C), "image", "GET /v2/images")) == "Corte"


def test_what_is_bound_to_every_service_binds_those_that_are_not_bound_otherwise() -> None:
    bound = scope(image=M, every=C)
    assert [str(plan(bound, service, "GET /x")) for service in ("image", "compute")] == ["Marseille", "Corte"]


def test_expressions_nest() -> None:
    answer = plan(scope(image=all_of([P, any_of([C, M])])), "image", "GET /v2/images")
    assert str(answer) == "all of (Paris, first of (Corte, Marseille))"
    assert isinstance(answer, AllOf)
    assert isinstance(answer.plans[1], FirstOf)


# ---- what travels on


def test_the_scope_of_a_call_is_narrowed_to_its_site() -> None:
    calls = calls_of(plan(scope(compute=P, image=any_of([C, M])), "image", "GET /v2/images/Debian"))
    assert [str(call.scope) for call in calls] == ["{image: Corte}", "{image: Marseille}"]


def test_the_walkthroughs_boot_sends_each_site_its_own_nova_and_the_images_of_both() -> None:
    answer = plan(scope(compute=all_of([P, C]), image=any_of([C, M])), "compute", "POST /v2.1/servers", {"server": {}})
    assert [str(call.scope) for call in calls_of(answer)] == [
        "{compute: Paris, image: Corte|Marseille}",
        "{compute: Corte, image: Corte|Marseille}",
    ]


def test_nothing_travels_beyond_what_the_callee_can_need() -> None:
    bound = scope(compute=C, orchestration=P, image=M, dns=L)
    assert set(narrowed(bound, "image", "Marseille", TOPOLOGY)) == {"image"}
    assert set(narrowed(bound, "compute", "Corte", TOPOLOGY)) >= {"compute", "image"}
    assert "orchestration" not in narrowed(bound, "compute", "Corte", TOPOLOGY)


def test_a_service_that_may_call_any_other_gets_the_whole_scope() -> None:
    bound = scope(orchestration=all_of([P, C]), image=M, dns=L)
    assert narrowed(bound, "orchestration", "Corte", TOPOLOGY) == bound.having("orchestration", C)


def test_what_a_service_needs_of_its_own_site_is_narrowed_with_it() -> None:
    both = all_of([P, C])
    assert narrowed(scope(compute=both, network=both), "compute", "Corte", TOPOLOGY) == scope(compute=C, network=C)


def test_a_service_that_calls_nobody_or_under_nothing_else_carries_nothing() -> None:
    assert carried(scope(placement=C, image=C), "placement") == Scope()
    assert carried(scope(compute=C), "compute") == Scope()
    assert carried(scope(compute=C, image=M), "compute") == scope(compute=C, image=M)


# ---- refused, and nothing is sent


def test_a_service_absent_at_a_site_is_refused_before_the_first_call() -> None:
    error = refusal(plan(scope(compute=any_of([P, At("Nice")])), "compute", "GET /v2.1/servers"))
    assert isinstance(error, BadCollaboration)
    assert "Nice has no compute service" in str(error)


def test_a_bad_collaboration_is_refused() -> None:
    answer = plan(scope(compute=P, network=C), "compute", "POST /v2.1/servers", {"server": {}})
    assert isinstance(refusal(answer), BadCollaboration)


@pytest.mark.parametrize("location", [any_of([all_of([P, C]), M]), all_of([P, any_of([C, M])])])
def test_data_for_several_sites_beside_an_alternative_is_501(location: Location) -> None:
    upload = f"PUT /v2/images/{U}/file"
    assert isinstance(refusal(plan(scope(image=location), "image", upload)), NotYet)


def test_data_go_to_all_sites_or_to_the_first_of_them() -> None:
    upload = f"PUT /v2/images/{U}/file"
    assert isinstance(plan(scope(image=all_of([P, C])), "image", upload), AllOf)
    assert isinstance(plan(scope(image=any_of([P, C])), "image", upload), FirstOf)


def test_a_page_is_asked_for_at_the_sites_that_have_more_beyond_their_own_markers() -> None:
    request = Request("compute", "GET", "/v2.1/servers?limit=2&marker=b")
    positions = (Position("Paris", done=True), Position("Corte", "b"), Position("Marseille"))
    work = Work(request, classify(request), scope(compute=all_of([P, C, M])), "Paris")
    made = make_plan(replace(work, turn=Turn(Paging(2, "b"), positions)), TOPOLOGY)
    assert [(call.site, call.request.target) for call in calls_of(made)] == [
        ("Corte", "/v2.1/servers?limit=2&marker=b"),
        ("Marseille", "/v2.1/servers?limit=2"),
    ]
    told = tuple(replace(position, done=True) for position in positions)
    ended = make_plan(replace(work, turn=Turn(Paging(2, "b"), told)), TOPOLOGY)
    assert [(call.site, call.request.target) for call in calls_of(ended)] == [
        ("Corte", "/v2.1/servers?limit=2&marker=b")
    ]


def test_of_a_catalogue_every_site_gives_the_whole() -> None:
    request = Request("compute", "GET", "/v2.1/flavors?limit=2&is_public=None")
    work = Work(request, classify(request), scope(compute=all_of([P, C])), "Paris", turn=Turn(Paging(2, None)))
    assert {call.request.target for call in calls_of(make_plan(work, TOPOLOGY))} == {"/v2.1/flavors?is_public=None"}


def test_an_offset_into_the_lists_of_several_sites_is_501() -> None:
    both = scope(block_storage=all_of([P, C]))
    message = str(refusal(plan(both, "block-storage", "GET /v3/volumes?limit=2&offset=2")))
    assert "offset" in message
    assert "marker" in message
    assert isinstance(plan(both, "block-storage", "GET /v3/volumes?limit=2&offset=0"), AllOf)
    assert isinstance(plan(scope(block_storage=C), "block-storage", "GET /v3/volumes?offset=2"), Call)


def test_settle_is_501_also_at_one_site() -> None:
    assert isinstance(refusal(plan(scope(image=C), "image", "GET /v2/images", options="settle")), NotYet)


@pytest.mark.parametrize(
    "line", ["POST /v2/images", f"PATCH /v2/images/{U}", f"DELETE /v2/images/{U}", f"PUT /v2/images/{U}/file"]
)
def test_a_queue_is_for_writes_that_go_to_all_sites_and_never_quietly_something_else(line: str) -> None:
    both, beside = all_of([P, C]), all_of([P, any_of([C, M])])
    assert isinstance(plan(scope(image=both), "image", line, policy="queue"), AllOf)
    assert isinstance(plan(scope(image=beside), "image", line, policy="queue"), AllOf)
    for nobody_could_tell in (
        all_of([P, any_of([C, all_of([M, L])])]),
        all_of([any_of([P, C]), any_of([C, M])]),
        any_of([all_of([P, C]), M]),
    ):
        assert isinstance(refusal(plan(scope(image=nobody_could_tell), "image", line, policy="queue")), NotYet)
    assert isinstance(plan(scope(image=C), "image", line, policy="queue"), Call)
    assert isinstance(plan(scope(image=beside), "image", "GET /v2/images", policy="queue"), AllOf)


def test_data_go_to_alternatives_only_where_they_are_kept() -> None:
    beside, line = all_of([P, any_of([C, M])]), f"PUT /v2/images/{U}/file"
    assert isinstance(refusal(plan(scope(image=beside), "image", line, policy="keep")), NotYet)
    assert isinstance(plan(scope(image=beside), "image", line, policy="queue"), AllOf)


def test_an_id_that_the_site_does_not_know_has_to_be_looked_up_there() -> None:
    boot = {"server": {"imageRef": U}}
    there = plan(scope(compute=C), "compute", "POST /v2.1/servers", boot)
    assert isinstance(there, Call)
    assert [one.field for one in there.missing] == ["server.imageRef"]
    bound = plan(scope(compute=C, image=P), "compute", "POST /v2.1/servers", boot)
    assert isinstance(bound, Call)
    assert bound.missing == ()


def test_each_site_gets_the_ids_that_it_has() -> None:
    request = Request("image", "GET", f"/v2/images/{U}")
    both = scope(image=all_of([P, C]))
    translations = {"Corte": {("image", "images", U): "c1"}}
    work = Work(request, classify(request), both, "Paris", translations=translations)
    made = make_plan(work, TOPOLOGY)
    assert [call.request.target for call in calls_of(made)] == [f"/v2/images/{U}", "/v2/images/c1"]


@pytest.mark.parametrize("visited", [("Paris",), ("Corte", "Paris")])
def test_a_call_that_comes_back_is_a_loop(visited: tuple[str, ...]) -> None:
    with pytest.raises(LoopDetected, match="came back to Paris") as caught:
        check_loop("Paris", 1, visited)
    assert caught.value.status == 508


def test_a_call_may_travel_over_eight_sites_and_no_further() -> None:
    check_loop("Paris", MAX_HOPS, ("Corte",))
    with pytest.raises(LoopDetected):
        check_loop("Paris", MAX_HOPS + 1, ("Corte",))


# ---- discovery


def test_microversions_are_those_of_every_site_also_of_alternatives() -> None:
    both = any_of([P, C])
    assert str(plan(scope(compute=both), "compute", "GET /v2.1")) == "all of (Paris, Corte)"
    assert str(plan(scope(image=both), "image", "GET /")) == "first of (Paris, Corte)"
    assert str(plan(scope(compute=C), "compute", "GET /v2.1")) == "Corte"


# ---- laws

sites = st.sampled_from(NAMES)
locations: st.SearchStrategy[Location] = st.recursive(
    st.builds(At, sites),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(all_of), st.lists(inner, min_size=2, max_size=3).map(any_of)
    ),
    max_leaves=6,
)
scopes = st.dictionaries(st.sampled_from(["image", "object-store", "identity", "*"]), locations, max_size=3).map(
    lambda bound: Scope(tuple(bound.items()))
)
lines = st.sampled_from(["GET /v2/images", "GET /v2/images/x", "POST /v2/images", "DELETE /v2/images/x", "GET /"])


@given(scopes, lines)
def test_a_plan_calls_only_sites_that_the_scope_names_in_its_order(bound: Scope, line: str) -> None:
    location = bound.location("image") or P
    called = tuple(dict.fromkeys(call.site for call in calls_of(plan(bound, "image", line))))
    assert called == sites_of(location)


@given(scopes, lines)
def test_every_branch_gets_the_request_as_it_came_and_one_site(bound: Scope, line: str) -> None:
    method, target = line.split(" ")
    for call in calls_of(plan(bound, "image", line)):
        assert (call.request.method, call.request.target, call.request.headers) == (method, target, ())
        assert call.scope.location("image") == (At(call.site) if bound.location("image") else None)


@given(st.dictionaries(st.sampled_from(["object-store", "identity"]), locations), lines)
def test_an_unscoped_service_is_one_call_at_the_entry(bound: dict[str, Location], line: str) -> None:
    answer = plan(Scope(tuple(bound.items())), "image", line)
    assert isinstance(answer, Call)
    assert answer.site == "Paris"


@given(locations)
def test_a_plan_has_the_shape_of_its_location(location: Location) -> None:
    answer = plan(scope(image=location), "image", "GET /v2/images")
    assert isinstance(answer, AllOf) is isinstance(location, And)
    assert isinstance(answer, Call) is isinstance(location, At)
