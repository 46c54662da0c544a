"""What a scope means and what a call would do, told without doing it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.edges.explain import explain, shown
from scopeproxy.errors import CallerError, ScopeError
from scopeproxy.model.topology import Address, Endpoint, OwnService, Site, Topology, Url, vocabulary


def end(number, port, path=""):
    return Endpoint(Url("http", Address(f"127.0.{number}.1", port), path))


def site(name, number, label="one", **services):
    return Site(
        name, name, {"identity": end(number, 5000), "compute": end(number, 8774), **services}, {"operator": label}
    )


TOPOLOGY = Topology(
    {
        "Paris": site("Paris", 1, image=end(1, 80, "/image")),
        "Corte": site("Corte", 2, image=end(2, 9292)),
        "Lausanne": site("Lausanne", 3, "other"),
    }
)


def told(text, call=None, topology=TOPOLOGY):
    return explain(text, topology, "Paris", vocabulary(topology), topology.round_trip, call)


def test_the_scope_is_told_with_its_parentheses_fronts_and_tokens():
    answer = told("{nova: Paris&Corte|Lausanne}")
    assert answer["explained"] == "{compute: (Paris & Corte) | Lausanne}"
    assert answer["services"][0]["fronts"] == {
        "Paris": "http://127.0.1.1:8774",
        "Corte": "http://127.0.2.1:8774",
        "Lausanne": "http://127.0.3.1:8774",
    }
    assert answer["tokens"]["Paris"] == "the client's own"
    assert answer["tokens"]["Corte"] == "login"
    assert answer["tokens"]["Lausanne"].startswith("none: ")
    assert answer["refusal"] is None


def test_selectors_are_told_as_the_sites_that_they_stand_for():
    assert told("{glance: all(*)}")["scope"] == "{image: Paris&Corte}"


def test_a_named_scope_is_told_as_what_it_stands_for():
    answer = told("images", topology=replace(TOPOLOGY, scopes={"images": "glance: all(*)"}))
    assert answer["scope"] == "{image: Paris&Corte}"


@pytest.mark.parametrize(
    "url", ["http://127.0.1.1/image/v2/images?name=x", "glance:/v2/images?name=x", "image:/v2/images?name=x"]
)
def test_a_call_is_told_with_its_plan_and_endpoints(url):
    answer = told("{glance: Paris|Corte}", ("get", url))
    assert answer["call"] == {"service": "image", "method": "GET", "path": "/v2/images"}
    assert answer["intent"] == "list"
    assert "Paris" in answer["plan"]
    assert answer["endpoints"] == [
        "GET http://127.0.1.1/image/v2/images?name=x",
        "GET http://127.0.2.1:9292/v2/images?name=x",
    ]
    assert answer["refusal"] is None


@pytest.mark.parametrize("call", [None, ("GET", "glance:/v2/images")])
def test_a_refusal_is_told_with_its_reason(call):
    answer = told("{glance: Lausanne}", call)
    assert "Lausanne" in answer["refusal"]
    assert answer["plan"] is None
    assert answer["endpoints"] == []


@pytest.mark.parametrize(
    "url", ["http://127.0.1.1:87741/x", "http://127.0.1.1/images", "http://127.0.2.1:9292/", "nova", "nova://x", "/x"]
)
def test_a_url_that_is_on_no_front_is_an_error_that_names_the_fronts(url):
    with pytest.raises(CallerError, match=r"on none of the fronts of Paris: http://127\.0\.1\.1:5000"):
        told("{}", ("GET", url))


def test_a_wrong_scope_is_an_error():
    with pytest.raises(ScopeError, match="Pari"):
        told("{nova: Pari}")


def test_a_person_reads_it_in_lines():
    lines = shown(told("{glance: Paris|Corte}", ("GET", "glance:/v2/images"))).splitlines()
    assert lines[0] == "scope    {image: Paris | Corte}"
    assert lines[-1] == "refused  no"
    assert "call     image GET /v2/images (list)" in lines
    assert shown(told("{glance: Lausanne}")).splitlines()[-1].startswith("refused  scope")


def test_services_of_ones_own_are_told_without_tokens():
    own = Topology(
        {name: replace(TOPOLOGY.sites[name], services={"docs": end(1, 80)}) for name in ("Paris", "Corte")},
        own_services={"docs": OwnService("docs")},
    )
    assert told("{docs: Corte}", ("GET", "docs:/x"), own)["tokens"] == {
        "Corte": "none needed: the site has no keystone"
    }


def test_a_strategy_that_the_operator_left_out_is_not_promised():
    paris = TOPOLOGY.sites["Paris"]
    only_home = replace(paris, proxy=replace(paris.proxy, tokens=("home",)))
    answer = told("{nova: Corte}", topology=replace(TOPOLOGY, sites={**TOPOLOGY.sites, "Paris": only_home}))
    assert answer["tokens"]["Corte"] == "home"
    keystone = told("{keystone: Paris|Corte}", topology=replace(TOPOLOGY, sites={**TOPOLOGY.sites, "Paris": only_home}))
    assert "login would do" in keystone["tokens"]["Corte"]


def test_a_url_that_is_none_is_told_as_it_came():
    with pytest.raises(CallerError, match=r"'http://\[::x' is on none of the fronts of Paris"):
        told("{nova: Paris}", ("GET", "http://[::x"))


def test_a_service_that_nobody_knows_is_told_with_the_nearest():
    with pytest.raises(CallerError, match="unknown service 'novaa'; did you mean 'nova'"):
        told("{nova: Paris}", ("GET", "novaa:/v2.1/servers"))
