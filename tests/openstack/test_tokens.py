"""Tokens that are good no more: revoked, or expired.  Nobody takes them, at whatever site, by whichever way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.openstack.cloud import Cloud
from tests.openstack.credentials import application_credential

pytestmark = pytest.mark.core

READS = {"glance": "/v2/images", "nova": "/v2.1/servers", "neutron": "/v2.0/networks"}
# Seconds that a short-lived token has, for the calls that show that it was good.
LIFE = {False: 4, True: 30}


def uses(cloud: Cloud, token: str) -> dict[str, int]:
    """The status of every use of a token: which service, of which site, from which entry."""
    asked = {}
    for service, path in READS.items():
        for at in ("Paris", cloud.partner):
            for of in ("Paris", cloud.partner):
                scope = None if at == of else f"{{{service}: {of}}}"
                answer = cloud.call("GET", f"{service}:{path}", at=at, token=token, scope=scope)
                asked[f"{service} of {of} from {at}"] = answer.status
    asked["keystone"] = cloud.call("GET", "keystone:/v3/auth/projects", token=token).status
    return asked


def good_at_both(cloud: Cloud, asked: dict[str, int]) -> bool:
    return all(asked[f"{service} of {of} from Paris"] == 200 for service in READS for of in ("Paris", cloud.partner))


def everywhere(cloud: Cloud) -> str:
    """A scope under which a login is good for every service of both sites."""
    return f"{{glance: Paris&{cloud.partner}, nova: Paris&{cloud.partner}}}"


@pytest.mark.row("A revoked token is refused everywhere")
def test_a_revoked_token_is_refused_everywhere(cloud: Cloud) -> None:
    cloud.remember_tokens(False)
    token = cloud.token(scope=everywhere(cloud))
    assert good_at_both(cloud, uses(cloud, token))
    revoked = cloud.call("DELETE", "keystone:/v3/auth/tokens", token=token, headers={"X-Subject-Token": token})
    assert revoked.status == 204
    assert set(uses(cloud, token).values()) == {401}


@pytest.mark.row("A token that was revoked at keystone's back is refused everywhere")
def test_a_token_that_was_revoked_around_the_proxy_is_refused_everywhere(cloud: Cloud) -> None:
    cloud.remember_tokens(False)
    with cloud.served_by(validated_within="0s"):
        token = cloud.token(scope=everywhere(cloud))
        assert good_at_both(cloud, uses(cloud, token))
        url = f"{cloud.back('Paris', 'keystone')}/v3/auth/tokens"
        assert cloud.call("DELETE", url, token=token, headers={"X-Subject-Token": token}).status == 204
        assert set(uses(cloud, token).values()) == {401}


@pytest.mark.row("An expired token is refused everywhere")
def test_an_expired_token_is_refused_everywhere(cloud: Cloud, name: str) -> None:
    end = datetime.now(UTC) + timedelta(seconds=LIFE[cloud.real])
    auth = application_credential(cloud, name, ["Paris", cloud.partner], end)
    login = cloud.log_in(auth, scope=everywhere(cloud))
    assert login.status == 201, login.text
    token = login.headers["X-Subject-Token"]
    assert good_at_both(cloud, uses(cloud, token))
    assert datetime.now(UTC) < end, "too slow to tell anything"
    cloud.wait_for(lambda: datetime.now(UTC) > end, "the token expires")
    assert set(uses(cloud, token).values()) == {401}
