"""Scoped reads that come again: they take no journey, and nobody can tell, but by the time that they take."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from scopeproxy.execution.passthrough.relays import KEPT
from scopeproxy.execution.tokens.broker import Grant
from scopeproxy.model.identity import Token
from tests.execution.conftest import password_login

SCOPE = "{glance: Corte}"
LIST = "/v2/images"
# Of each answer there is another.
OWN = {"x-scope-request-id", "date", "x-openstack-request-id"}


@pytest.fixture
def journeys(cloud, monkeypatch):
    """The targets of the calls that took a journey at Paris."""
    return taken(cloud, monkeypatch)


def taken(cloud, monkeypatch):
    journey, targets = cloud.apps["Paris"].house.journey, []
    answer = journey.answer

    async def noted(arrival):
        targets.append(arrival.request.target)
        return await answer(arrival)

    monkeypatch.setattr(journey, "answer", noted)
    return targets


async def read(cloud, token, path=LIST, scope=SCOPE, service="image", **headers):
    return await cloud.call("Paris", service, "GET", path, scope=scope, token=token, headers=headers)


async def relayed(cloud, token, journeys, *args, **more):
    """The answer to a read that takes no journey any more."""
    for _ in range(50):
        before = len(journeys)
        answer = await read(cloud, token, *args, **more)
        if len(journeys) == before:
            return answer
    raise AssertionError(f"still on a journey: {answer}")


@pytest.mark.parametrize("path", [LIST, "/v2/images/{id}", "/v2/images/{id}/file"])
async def test_the_answer_is_that_of_a_journey(cloud, journeys, path):
    token = await cloud.token(SCOPE)
    listed = (await read(cloud, token)).json["images"]
    path = path.format(id=next(image["id"] for image in listed if image["name"] == "OnlyCorte"))
    first = await read(cloud, token, path)
    mark = cloud.mark()
    again = await relayed(cloud, token, journeys, path)
    assert (again.status, again.body) == (first.status, first.body)
    told = [{k: v for k, v in one.headers.items() if k not in OWN} for one in (first, again)]
    assert told[0] == told[1]
    assert again.headers["x-scope-sites"] == "Corte=200"
    assert {record.site for record in cloud.seen(mark, "glance")} == {"Corte"}
    assert len({record.headers for record in cloud.seen(mark, "glance")}) == 1


async def test_it_is_logged_counted_and_reported(cloud, journeys, heard):
    token = await cloud.token(SCOPE)
    mine = await relayed(cloud, token, journeys)
    id_ = mine.headers["x-scope-request-id"]
    (line,) = [line for line in heard.lines if id_ in line]
    said = json.loads(line.partition("INFO ")[2])
    assert (said["scope"], said["sites"], said["status"]) == (SCOPE, {"Corte": "200"}, 200)
    report = await cloud.call("Paris", "image", "GET", f"/.well-known/scopeproxy/requests/{id_}", token=token)
    assert report.json["plan"] == "Corte"
    count = journeys.count(LIST) + 1
    told = cloud.apps["Paris"].lasting.metrics.registry.get_sample_value
    assert told("scopeproxy_carriers_total", {"service": "image", "carrier": "header"}) == count
    labels = {"service": "image", "intent": "list", "scoped": "yes", "outcome": "2xx"}
    assert told("scopeproxy_calls_total", labels) == count
    assert not [line for line in heard.lines if token in line]


@pytest.mark.parametrize(
    ("scope", "headers"),
    [
        ("{glance: Paris}", {}),
        ("{glance: Corte|Marseille}", {}),
        ("{glance: Corte&Marseille}", {}),
        (SCOPE, {"X-Scope-Options": "strict"}),
        (SCOPE, {"If-None-Match": "x"}),
        (SCOPE, {"X-OpenStack-Request-ID": "req-5c09e000-0000-0000-0000-000000000000"}),
    ],
)
async def test_whatever_is_more_takes_its_journey_each_time(cloud, journeys, scope, headers):
    token = await cloud.token("{glance: Paris&Corte&Marseille}")
    count = journeys.count(LIST)
    for _ in range(5):
        await read(cloud, token, scope=scope, **headers)
    assert journeys.count(LIST) == count + 5


async def test_a_login_is_made_each_time(cloud, journeys):
    for _ in range(4):
        await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", scope=SCOPE, body=password_login())
    assert len(journeys) == 4


async def test_a_token_that_was_revoked_here_is_refused_at_once(cloud, journeys):
    token = await cloud.token(SCOPE)
    await relayed(cloud, token, journeys)
    gone = await cloud.call(
        "Paris", "identity", "DELETE", "/v3/auth/tokens", token=token, headers={"X-Subject-Token": token}
    )
    assert gone.status == 204
    mark = cloud.mark()
    assert (await read(cloud, token)).status == 401
    assert cloud.seen(mark, "glance") == []


async def test_no_token_is_believed_for_longer_than_the_operator_has_it(cloud, journeys, monkeypatch):
    await cloud.use("Paris", validated_within=0.0)
    again = taken(cloud, monkeypatch)
    token = await cloud.token(SCOPE)
    for _ in range(6):
        assert (await read(cloud, token)).status == 200
    assert again.count(LIST) == 6


async def test_one_callers_decision_is_nobody_elses(cloud, journeys):
    scope = "{keystone: Corte}"
    admins = await cloud.token(scope, user="admin", password="secret", project="admin")
    alices = await cloud.token(scope)
    answer = await relayed(cloud, admins, journeys, "/v3/users", scope, "identity")
    assert answer.status == 200
    assert (await read(cloud, alices, "/v3/users", scope, "identity")).status == 403
    assert (await read(cloud, None, "/v3/users", scope, "identity")).status == 401


async def test_an_image_is_called_by_its_id_there(cloud, journeys):
    token = await cloud.token("{glance: Paris&Corte}")
    body = {"name": "both", "disk_format": "raw", "container_format": "bare"}
    made = await cloud.call("Paris", "image", "POST", LIST, scope="{glance: Paris&Corte}", token=token, body=body)
    ids = dict(pair.split("=") for pair in made.headers["x-scope-replicas"].split(", "))
    shown = await relayed(cloud, token, journeys, f"/v2/images/{ids['Paris']}")
    assert shown.json["id"] == ids["Corte"]
    gone = await cloud.call("Paris", "image", "DELETE", f"/v2/images/{ids['Paris']}", scope=SCOPE, token=token)
    assert gone.status == 204
    assert (await read(cloud, token, f"/v2/images/{ids['Paris']}")).status == 404


async def test_a_site_that_goes_away_is_told_as_on_a_journey(cloud, journeys):
    token = await cloud.token(SCOPE)
    await relayed(cloud, token, journeys)
    await cloud.apps["Corte"].stop()
    answer = await read(cloud, token)
    assert (answer.status, answer.sites) == (502, {"Corte": "unreached"})
    await cloud.start("Corte")


async def test_a_service_that_fails_is_told_as_on_a_journey(cloud, journeys):
    token = await cloud.token(SCOPE)
    await relayed(cloud, token, journeys)
    await cloud.emulated.site("Corte").misbehave("image", "refuse")
    answer = await read(cloud, token)
    assert (answer.status, answer.sites) == (502, {"Corte": "unreached"})


async def test_another_topology_forgets_the_decisions_of_the_old_one(cloud, journeys, monkeypatch):
    token = await cloud.token(SCOPE)
    await relayed(cloud, token, journeys)
    await cloud.use("Paris", timeouts=replace(cloud.topology.sites["Paris"].proxy.timeouts, answer=9.0))
    again = taken(cloud, monkeypatch)
    await read(cloud, token)
    assert again == [LIST]


async def test_where_the_fronts_have_other_paths_links_are_the_journeys_to_mend(cloud, journeys, monkeypatch):
    sites = dict(cloud.topology.sites)
    end = sites["Corte"].services["image"]
    other = replace(end, front=replace(end.front, path="/image"))
    sites["Corte"] = replace(sites["Corte"], services={**sites["Corte"].services, "image": other})
    await cloud.serve(replace(cloud.topology, sites=sites))
    again = taken(cloud, monkeypatch)
    token = await cloud.token(SCOPE)
    for _ in range(5):
        assert (await read(cloud, token)).status == 200
    assert again.count(LIST) == 5


async def test_a_decision_is_renewed_while_it_is_gone_by(cloud, journeys):
    token = await cloud.token(SCOPE)
    await relayed(cloud, token, journeys)
    relays = cloud.apps["Paris"]._open_now
    lanes = [listening.fronts.lane() for listening in relays.values() if listening.fronts is not None]
    (known,) = [lane.relays for lane in lanes if lane.relays._known]
    clock, count = known._clock, len(journeys)
    for seconds in range(1, 4 * int(KEPT)):
        known._clock = lambda seconds=seconds: clock() + seconds
        await read(cloud, token)
        while known._deciding:
            await asyncio.sleep(0)
    assert len(journeys) == count


async def test_what_the_other_door_would_not_send_is_not_sent_by_this_one(cloud, journeys, monkeypatch):
    token = await cloud.token(SCOPE)
    broker = cloud.apps["Paris"].house.relaying._calling._broker

    async def grant(asked):
        return Grant(Token("secret\r\nX-Scope-Home: Paris"))

    monkeypatch.setattr(broker, "grant", grant)
    for _ in range(4):
        answer = await read(cloud, token)
        assert (answer.status, answer.sites) == (502, {"Corte": "unreached"})
    assert journeys.count(LIST) == 4
    told = cloud.apps["Paris"].lasting.metrics.registry.get_sample_value
    labels = {"site": "Corte", "service": "image", "intent": "list"}
    outcomes = {
        each: told("scopeproxy_site_calls_total", {**labels, "outcome": each}) for each in ("never_sent", "4xx")
    }
    assert outcomes == {"never_sent": 4, "4xx": None}
