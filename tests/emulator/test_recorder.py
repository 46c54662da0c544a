"""What is noted of a call, and what never is."""

from __future__ import annotations

from scopeproxy.emulator.recorder import Recorder


async def test_a_call_is_noted_without_its_token(alice, site):
    mark = len(site.recorder)
    await alice("GET", "image", "/v2/images?name=x", X_Scope="glance: Paris", User_Agent="openstacksdk/4")
    first, *others = site.recorder.since(mark)
    assert (first.site, first.service, first.method, first.path) == ("Paris", "glance", "GET", "/v2/images")
    assert (first.caller, first.agent, first.user, first.status) == ("client", "openstacksdk/4", "alice", 200)
    assert (first.scope, first.tagged) == ("glance: Paris", False)
    assert {"x-auth-token", "x-scope"} < first.headers
    assert {record.caller for record in others} == {"glance"}
    assert alice.token not in repr(list(site.recorder))
    assert str(first) == "client → glance@Paris GET /v2/images?name=x 200"


async def test_selections(alice, site):
    await alice("GET", "image", "/v2/images")
    assert {r.service for r in site.recorder.calls(caller="glance")} == {"keystone"}
    assert len(site.recorder.calls(service="glance", site="Paris")) == 1
    assert site.recorder.calls(site="Corte") == ()


def test_an_empty_recorder_is_one_too():
    assert len(Recorder()) == 0
    assert Recorder().since(0) == ()
