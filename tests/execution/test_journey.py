"""Whole calls by the proxies: streams in bounded memory, bytes as they came, and time that ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import aiohttp
import pytest

from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.reading import collect
from scopeproxy.model.messages import Request

SCOPE = "{glance: Corte}"


async def image(cloud, token, scope=None):
    body = {"name": "big", "disk_format": "raw", "container_format": "bare"}
    made = await cloud.call("Paris", "image", "POST", "/v2/images", scope=scope, token=token, body=body)
    assert made.status == 201
    return made.json["id"]


@pytest.mark.parametrize("scope", [None, SCOPE, "{glance: Corte|Marseille}"])
async def test_data_goes_up_and_comes_down_byte_for_byte(cloud, scope):
    token = await cloud.token("{glance: Corte&Marseille}")
    id_ = await image(cloud, token, scope)
    data = bytes(range(256)) * 8192

    async def pieces():
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    headers = {"Content-Type": "application/octet-stream"}
    put = await cloud.call(
        "Paris", "image", "PUT", f"/v2/images/{id_}/file", scope=scope, token=token, data=pieces(), headers=headers
    )
    assert put.status == 204, put
    got = await cloud.call("Paris", "image", "GET", f"/v2/images/{id_}/file", scope=scope, token=token)
    assert (got.status, got.body) == (200, data)


async def test_an_answer_that_breaks_off_is_broken_off(cloud):
    token = await cloud.token(SCOPE)
    await cloud.emulated.site("Corte").misbehave("image", "cut")
    with pytest.raises(aiohttp.ClientError):
        await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token=token)


async def test_the_callers_own_timeout_ends_a_call(cloud):
    token = await cloud.token(SCOPE)
    await cloud.emulated.site("Corte").misbehave("image", "slow")
    headers = {"X-Scope-Options": "timeout=1s"}
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token=token, headers=headers)
    assert answer.status == 504
    assert "within the time" in answer.json["error"]["message"]


async def test_the_callers_own_timeout_counts_while_a_token_is_validated(cloud):
    token = await cloud.token(SCOPE)
    await cloud.use(validated_within=0.0)
    await cloud.emulated.site("Paris").misbehave("identity", "slow")
    headers = {"X-Scope-Options": "timeout=100ms"}
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token=token, headers=headers)
    assert answer.status == 502
    assert "no token for it within the time" in answer.json["error"]["message"]


async def test_a_read_stops_when_its_client_leaves(cloud):
    token = await cloud.token(SCOPE)
    await cloud.emulated.site("Corte").misbehave("image", "slow")
    mark = cloud.mark()
    call = asyncio.create_task(cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token=token))
    while not cloud.seen(mark, "glance"):
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait((call,))
    gauge = cloud.apps["Paris"].lasting.metrics.calls_in_flight
    while gauge._value.get():
        await asyncio.sleep(0)


async def without_keystone(cloud):
    """The same sites, told to be an application that has no keystone."""
    sites = {
        name: replace(row, services={"image": row.services["image"]}) for name, row in cloud.topology.sites.items()
    }
    for app in cloud.apps.values():
        await app.stop()
    cloud.apps.clear()
    cloud.topology = replace(cloud.topology, sites=sites)
    for site in sites:
        await cloud.start(site)
    await cloud.up()


async def test_without_a_keystone_the_callers_headers_go_as_they_are(cloud):
    await without_keystone(cloud)
    mark = cloud.mark()
    headers = {"Authorization": "Basic x", "Cookie": "a=b"}
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token="their-own", headers=headers)
    (asked,) = [r for r in cloud.seen(mark) if r.service == "glance"]
    assert answer.status in (401, 503)
    assert asked.site == "Corte"
    assert {"authorization", "cookie", "x-auth-token"} <= asked.headers
    assert not asked.tagged


async def test_a_peer_that_asks_for_a_fan_out_is_refused(cloud):
    token = await cloud.token("{nova: Paris&Corte}")
    delivery = cloud.apps["Paris"].house.journey._delivery
    travel = Travel("h", "127.0.0.1", scope="{compute: Corte&Marseille}", entry="Paris")
    request = Request("compute", "GET", "/v2.1/servers", (("X-Auth-Token", token),))
    reply = await collect(await delivery.deliver("Corte", request, travel), 10_000)
    assert reply.status == 400
    assert "only the entry fans out" in json.dumps(reply.json)


async def test_merged_answers_tell_what_each_site_said(cloud):
    scope = "{glance: Corte&Marseille}"
    token = await cloud.token(scope)
    listed = await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token)
    assert (listed.status, listed.sites) == (200, {"Corte": "200", "Marseille": "200"})
    assert {image["name"] for image in listed.json["images"]} == {"cirros", "OnlyCorte", "Debian"}
    told = await cloud.call(
        "Paris", "image", "GET", f"/.well-known/scopeproxy/requests/{listed.headers['x-scope-request-id']}", token=token
    )
    assert told.json["plan"] == "all of (Corte, Marseille)"


async def test_an_undo_has_time_also_when_the_create_used_up_its_own(cloud):
    token = await cloud.token(scope="{glance: Paris&Corte}")
    await cloud.emulated.site("Corte").misbehave("glance", "slow")
    answer = await cloud.call(
        "Paris",
        "image",
        "POST",
        "/v2/images",
        scope="{glance: Paris&Corte}",
        token=token,
        body={"name": "twice"},
        headers={"X-Scope-Options": "timeout=3s"},
    )
    assert answer.status == 504
    assert "undone" in answer.json["error"]["message"]
    left = await cloud.call("Paris", "image", "GET", "/v2/images?name=twice", token=token)
    assert left.json["images"] == []


async def small_buffers(cloud):
    limits = replace(cloud.topology.sites["Paris"].proxy.limits, buffered_body=10)
    await cloud.use("Paris", limits=limits)


async def test_a_body_is_looked_into_whatever_it_is_called(cloud):
    """Keystone takes JSON under any Content-Type, and under none."""
    scope = "{keystone: Paris&Corte}"
    who = {"user": "admin", "password": "secret", "project": "admin"}
    token = await cloud.token(scope, **who)
    made = await cloud.call(
        "Paris", "identity", "POST", "/v3/projects", scope=scope, token=token, body={"project": {"name": "parent"}}
    )
    ids = dict(pair.split("=") for pair in made.headers["x-scope-replicas"].split(", "))
    child = json.dumps({"project": {"name": "child", "parent_id": ids["Corte"]}}).encode()
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/octet-stream"}):
        answer = await cloud.call(
            "Paris", "identity", "POST", "/v3/projects", scope=scope, token=token, data=child, headers=headers
        )
        assert answer.status == 201, answer.body
        told = dict(pair.split("=") for pair in answer.headers["x-scope-replicas"].split(", "))
        for site, id_ in told.items():
            token_there = await cloud.token(site=site, **who)
            shown = await cloud.call(site, "identity", "GET", f"/v3/projects/{id_}", token=token_there)
            assert shown.json["project"]["parent_id"] == ids[site]
            gone = await cloud.call(site, "identity", "DELETE", f"/v3/projects/{id_}", token=token_there)
            assert gone.status == 204


async def test_without_ids_to_translate_a_large_body_goes_to_a_single_site(cloud):
    await without_keystone(cloud)
    await small_buffers(cloud)
    mark = cloud.mark()
    await cloud.call("Paris", "image", "POST", "/v2/images", scope=SCOPE, token="x", body={"name": "a longer name"})
    assert [r.site for r in cloud.seen(mark, "glance")] == ["Corte"]


@pytest.mark.parametrize(
    ("header", "value"), [("If-Match", '"a"'), ("If-None-Match", '"a"'), ("If-Unmodified-Since", "x")]
)
async def test_a_condition_of_one_site_is_refused_at_several_and_nothing_is_sent(cloud, header, value):
    """The condition was dropped, and the write went ahead everywhere."""
    scope = "{glance: Paris&Corte}"
    token = await cloud.token(scope)
    mark = cloud.mark()
    answer = await cloud.call(
        "Paris", "image", "POST", "/v2/images", scope=scope, token=token, body={"name": "x"}, headers={header: value}
    )
    assert answer.status == 400
    assert header in answer.json["error"]["message"]
    assert cloud.seen(mark) == []


async def test_a_body_too_large_to_keep_goes_to_one_site_only(cloud):
    token = await cloud.token(scope="{glance: Corte|Marseille}")
    limits = replace(cloud.topology.sites["Paris"].proxy.limits, buffered_body=10, spooled_body=20)
    await cloud.use("Paris", limits=limits)
    path = f"/v2/images/{cloud.image('Debian')}/file"
    octets = {"Content-Type": "application/octet-stream"}
    answer = await cloud.call(
        "Paris", "image", "PUT", path, scope="{glance: Corte|Marseille}", token=token, data=b"x" * 99, headers=octets
    )
    assert answer.status == 503
    assert "sent to another site and not kept" in answer.json["error"]["message"]


async def test_a_call_that_comes_back_again_and_again_is_a_loop(cloud):
    """Where a back was another site's front, one call went round until the sockets were used up."""
    for times, status in ((8, 401), (9, 508)):
        via = ", ".join(["1.1 Paris (scopeproxy)"] * times)
        answer = await cloud.call("Paris", "image", "GET", "/v2/images", headers={"Via": via})
        assert answer.status == status


async def test_what_a_client_says_of_sites_passed_is_not_told_to_peers(cloud):
    token = await cloud.token(SCOPE)
    headers = {"Via": "1.1 Corte (scopeproxy), 1.0 cache"}
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token=token, headers=headers)
    assert answer.status == 200


async def test_a_failure_to_tell_of_the_sites_is_an_answer_too(cloud, heard, monkeypatch):
    token = await cloud.token(SCOPE)

    def fails(outcomes):
        raise ValueError("a bug")

    monkeypatch.setattr("scopeproxy.planning.merging.sites_header", fails)
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token=token)
    assert answer.status == 500
    assert "an error of this proxy's own" in answer.json["error"]["message"]
    assert all("a bug of ours" in line for line in heard.errors)
    heard.errors.clear()
