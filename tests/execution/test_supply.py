"""The body of a request for every call of its plan."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from scopeproxy.errors import CallerError, TooLarge
from scopeproxy.execution.bodies import Once
from scopeproxy.execution.supply import supply
from scopeproxy.execution.together import together
from scopeproxy.model.messages import Body, Held, Outcome, Reply, Request, Unreached
from scopeproxy.model.topology import Limits, ProxySettings
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Plan, Refuse, calls_of

SETTINGS = ProxySettings(limits=Limits(buffered_body=8, spooled_body=16))


def put(body: Body) -> Request:
    return Request("docs", "PUT", "/x", (), body)


def once(*pieces: bytes) -> Once:
    async def come() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return Once(come(), None)


async def sent(body: Body, plan: Plan, at_once: bool = False) -> list[bytes | str]:
    """What each call of the plan was sent, or why it was not."""
    request = put(body)

    async def make(call: Call) -> Outcome:
        assert call.request.target == f"/{call.site}"
        data = b"".join([piece async for piece in call.request.body.open()])
        return Reply(call.site, 200, (), data)

    bodies = await supply(request, plan, SETTINGS)
    calls = [replace(call, request=replace(request, target=f"/{call.site}")) for call in calls_of(plan)]
    try:
        if at_once:
            outcomes = await together(bodies.send(call, make) for call in calls)
        else:
            outcomes = [await bodies.send(call, make) for call in calls]
    finally:
        bodies.close()
    return [outcome.why if isinstance(outcome, Unreached) else outcome.body for outcome in outcomes]


A, B, C = (Call(site, put(Held())) for site in ("Paris", "Corte", "Lyon"))


async def test_the_only_site_gets_the_body_as_it_comes() -> None:
    assert await sent(once(b"x" * 100), A) == [b"x" * 100]


async def test_alternatives_get_what_was_kept() -> None:
    assert await sent(once(b"data"), FirstOf((A, B))) == [b"data", b"data"]


async def test_a_body_that_is_too_large_to_keep_goes_to_one_alternative() -> None:
    why = "the body was sent to another site and not kept"
    assert await sent(once(b"x" * 20), FirstOf((A, B))) == [b"x" * 20, why]


@pytest.mark.parametrize("plan", [AllOf((A, B, C)), AllOf((A, AllOf((B, C))))])
async def test_all_sites_get_a_body_of_any_size_at_once(plan: Plan) -> None:
    assert await sent(once(b"x" * 100, b"y"), plan, at_once=True) == [b"x" * 100 + b"y"] * 3


async def test_a_site_that_is_passed_over_holds_nobody_up() -> None:
    bodies = await supply(put(once(b"data")), AllOf((A, B)), SETTINGS)

    async def make(call: Call) -> Outcome:
        return Reply(call.site, 200, (), b"".join([piece async for piece in call.request.body.open()]))

    bodies.pass_over("Corte")
    async with asyncio.timeout(20):
        outcome = await bodies.send(A, make)
    bodies.close()
    assert isinstance(outcome, Reply)
    assert outcome.body == b"data"
    held = await supply(put(Held(b"data")), AllOf((A, B)), SETTINGS)
    held.pass_over("Corte")


async def test_beside_alternatives_the_body_is_held() -> None:
    plan = AllOf((A, FirstOf((B, C))))
    assert await sent(once(b"data"), plan) == [b"data"] * 3
    with pytest.raises(TooLarge):
        await sent(once(b"x" * 20), plan)


async def test_a_body_that_is_held_stays_each_calls_own() -> None:
    # Ids in it may have been translated for the one site.
    call = Call("Paris", put(Held(b"theirs")))
    bodies = await supply(put(Held(b"ours")), AllOf((call, B)), SETTINGS)

    async def make(one: Call) -> Outcome:
        assert isinstance(one.request.body, Held)
        return Reply(one.site, 200, (), one.request.body.data)

    outcome = await bodies.send(call, make)
    assert isinstance(outcome, Reply)
    assert outcome.body == b"theirs"
    bodies.close()


async def test_nothing_is_held_for_what_is_refused() -> None:
    body = once(b"x" * 100)
    (await supply(put(body), Refuse(CallerError("no")), SETTINGS)).close()
    assert body.replayable


# ---- on real sockets


ID, SCOPE = "5c0be9ab-0000-4000-8000-00000000000a", "{glance: Paris&Corte}"
OCTETS = {"Content-Type": "application/octet-stream"}


async def queued(cloud: Any, scope: str = SCOPE) -> str:
    """A token, when an image of that id waits for its data at both sites."""
    token: str = await cloud.token(scope)
    body = {"id": ID, "name": "both", "disk_format": "raw", "container_format": "bare"}
    made = await cloud.call("Paris", "image", "POST", "/v2/images", scope=scope, token=token, body=body)
    assert made.status == 201, made.body
    return token


async def upload(cloud: Any, token: str, data: Any) -> Any:
    path = f"/v2/images/{ID}/file"
    return await cloud.call("Paris", "image", "PUT", path, scope=SCOPE, token=token, data=data, headers=OCTETS)


def image(cloud: Any, site: str) -> Any:
    return cloud.emulated.site(site).glance.images[ID]


async def test_an_image_has_the_same_data_at_both_sites(cloud: Any) -> None:
    token = await queued(cloud)
    answer = await upload(cloud, token, io.BytesIO(b"x" * 3_000_000))
    assert (answer.status, answer.sites) == (204, {"Paris": "204", "Corte": "204"})
    assert image(cloud, "Paris")["os_hash_value"] == image(cloud, "Corte")["os_hash_value"]
    assert {image(cloud, site)["size"] for site in ("Paris", "Corte")} == {3_000_000}


async def test_a_conflict_at_one_site_is_told_and_the_other_has_all(cloud: Any) -> None:
    token = await queued(cloud)
    there = await cloud.token(site="Corte")
    path = f"/v2/images/{ID}/file"
    assert (await cloud.call("Corte", "image", "PUT", path, token=there, data=b"old", headers=OCTETS)).status == 204
    answer = await upload(cloud, token, io.BytesIO(b"x" * 3_000_000))
    assert (answer.status, answer.sites) == (409, {"Paris": "204", "Corte": "409"})
    assert answer.headers["x-scope-partial"] == "Corte"
    assert "Paris: done 204; Corte: answered 409" in answer.body.decode()
    assert (image(cloud, "Paris")["size"], image(cloud, "Corte")["size"]) == (3_000_000, 3)


async def test_a_site_whose_checksum_differs_is_named(cloud: Any) -> None:
    token = await queued(cloud)
    state = cloud.emulated.site("Corte").glance.state
    activate = state.activate

    def spoilt(image: Any, stored: Any) -> None:
        activate(image, replace(stored, md5="0" * 32))

    state.activate = spoilt
    answer = await upload(cloud, token, b"x" * 1000)
    assert answer.status == 502
    assert f"the data are not the same: their md5s differ: Paris {image(cloud, 'Paris')['checksum']}, Corte 000000" in (
        answer.body.decode()
    )
    assert answer.sites == {"Paris": "204", "Corte": "204"}
