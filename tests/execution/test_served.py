"""A write that a site could not serve is not sent to any."""

from __future__ import annotations

import pytest

SCOPE = "{nova: Paris&Corte}"
KEY = {"keypair": {"name": "k", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA x"}}
NEWEST = {"OpenStack-API-Version": "compute 2.96"}


def set_newest(cloud, **newest):
    """As if sites had been upgraded, or had not been yet."""
    cloud.emulated.settings.newest = newest


async def create(cloud, token, headers=NEWEST):
    return await cloud.call(
        "Paris", "compute", "POST", "/v2.1/os-keypairs", scope=SCOPE, token=token, body=KEY, headers=headers
    )


def key_pairs_made(cloud, mark):
    return {(r.site, r.status) for r in cloud.seen(mark, "nova") if r.method == "POST"}


async def test_a_microversion_that_one_site_lacks_is_refused_before_anything_is_made(cloud):
    token = await cloud.token(SCOPE)
    set_newest(cloud, Corte=(2, 90))
    mark = cloud.mark()
    answer = await create(cloud, token)
    assert answer.status == 406
    message = answer.json["computeFault"]["message"]
    assert "Paris has 2.1 to 2.96, Corte has 2.1 to 2.90" in message
    assert key_pairs_made(cloud, mark) == set()


async def test_the_sites_are_asked_once_and_before_each_refusal(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    assert (await create(cloud, token)).status == 201
    await cloud.call("Paris", "compute", "DELETE", "/v2.1/os-keypairs/k", scope=SCOPE, token=token)
    assert (await create(cloud, token)).status == 201
    assert sorted(r.site for r in cloud.seen(mark, "nova") if r.target == "/") == ["Corte", "Paris"]


async def test_a_site_that_was_upgraded_is_believed_at_once(cloud):
    token = await cloud.token(SCOPE)
    set_newest(cloud, Corte=(2, 90))
    assert (await create(cloud, token)).status == 406
    set_newest(cloud)
    assert (await create(cloud, token)).status == 201


@pytest.mark.parametrize("headers", [{}, {"OpenStack-API-Version": "compute latest"}])
async def test_nobody_is_asked_without_a_microversion(cloud, headers):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    await create(cloud, token, headers)
    assert [r for r in cloud.seen(mark, "nova") if r.target == "/"] == []


async def test_a_site_that_tells_no_versions_is_not_judged(cloud):
    token = await cloud.token(SCOPE)
    await cloud.emulated.site("Corte").misbehave("nova", "500")
    mark = cloud.mark()
    answer = await create(cloud, token)
    assert "Corte" in answer.headers["x-scope-sites"]
    assert ("Paris", 201) in key_pairs_made(cloud, mark)
