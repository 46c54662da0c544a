"""A service's own user."""

from __future__ import annotations

import pytest

from scopeproxy.emulator.serviceuser import CallFailed


async def test_it_logs_in_once_and_again_when_refused(site):
    user = site.nova.user
    first = await user.own("nova-api")
    assert first is await user.own("nova-api")
    assert (first.user_name, first.project_name) == ("nova", "service")
    assert {"service", "admin"} <= first.roles
    assert await user.own("nova-api", refused=first) is not first


async def test_calls_of_its_own_survive_a_revoked_token(site):
    own = await site.nova.user.own("nova-api")
    site.keystone.issued.revoke(own.token)
    answer = await site.nova.user.as_itself("nova-compute", "GET", "network", "/v2.0/extensions", None)
    assert answer.ok


async def test_failures_are_told(site):
    with pytest.raises(CallFailed, match="dns"):
        await site.nova.user.as_itself("nova-compute", "GET", "dns", "/", None)
    await site.misbehave("neutron", "refuse")
    with pytest.raises(CallFailed):
        await site.nova.user.as_itself("nova-compute", "GET", "network", "/", None)
    site.keystone.directory.passwords.clear()
    with pytest.raises(CallFailed, match="refused the login of glance: 401"):
        await site.glance.user.own("glance")
