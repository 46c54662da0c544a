"""Tokens that are good no more: revoked, or expired.  Nobody takes them, at whatever site, by whichever way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.openstack.clients import password
from tests.openstack.cloud import Cloud

pytestmark = pytest.mark.core

READS = {"keystone": "/v3/auth/projects", "glance": "/v2/images", "nova": "/v2.1/servers", "neutron": "/v2.0/networks"}
ASIDE = "yes, but for calls past our scopes at a site whose keystone is not told of revocations"
# Seconds that a short-lived token has, for the calls that show that it was good.
LIFE = {False: 3, True: 40}


@dataclass(frozen=True, order=True)
class Use:
    """A token in a call to a service of a site, from an entry; without a scope where that is the same."""

    service: str
    of: str
    at: str


def uses(cloud: Cloud, token: str) -> dict[Use, int]:
    """The status of every use of a token of Paris's."""
    sites = ("Paris", cloud.partner)
    asked = [Use(service, of, at) for service in READS if service != "keystone" for of in sites for at in sites]
    return {use: status(cloud, token, use) for use in [*asked, Use("keystone", "Paris", "Paris")]}


def status(cloud: Cloud, token: str, use: Use) -> int:
    scope = None if use.at == use.of else f"{{{use.service}: {use.of}}}"
    return cloud.call("GET", f"{use.service}:{READS[use.service]}", at=use.at, token=token, scope=scope).status


def good(cloud: Cloud, token: str) -> bool:
    """Whether it is taken for every service of both sites, at Paris."""
    return all(answer == 200 for use, answer in uses(cloud, token).items() if use.at == "Paris")


def taken(cloud: Cloud, token: str) -> list[Use]:
    """The uses that are not refused."""
    return sorted(use for use, answer in uses(cloud, token).items() if answer != 401)


def not_told(cloud: Cloud) -> list[Use]:
    """The uses at the other site alone, whose keystone is a copy that learns of no revocation."""
    return sorted(Use(service, cloud.partner, cloud.partner) for service in READS if service != "keystone")


def everywhere(cloud: Cloud) -> str:
    """A scope under which a login is good for every service of both sites."""
    return f"{{glance: Paris&{cloud.partner}, nova: Paris&{cloud.partner}}}"


@pytest.mark.row("A revoked token is refused everywhere", shared=ASIDE)
def test_a_revoked_token_is_refused_everywhere(cloud: Cloud, instead: str | None) -> None:
    cloud.remember_tokens(False)
    token = cloud.token(scope=everywhere(cloud))
    assert good(cloud, token)
    revoked = cloud.call("DELETE", "keystone:/v3/auth/tokens", token=token, headers={"X-Subject-Token": token})
    assert revoked.status == 204
    assert taken(cloud, token) == (not_told(cloud) if instead else [])


@pytest.mark.row("A token that was revoked at keystone's back is refused everywhere", shared=ASIDE)
def test_a_token_that_was_revoked_around_the_proxy_is_refused_everywhere(cloud: Cloud, instead: str | None) -> None:
    cloud.remember_tokens(False)
    with cloud.served_by(validated_within="0s"):
        token = cloud.token(scope=everywhere(cloud))
        assert good(cloud, token)
        url = f"{cloud.back('Paris', 'keystone')}/v3/auth/tokens"
        assert cloud.call("DELETE", url, token=token, headers={"X-Subject-Token": token}).status == 204
        assert taken(cloud, token) == (not_told(cloud) if instead else [])


@pytest.mark.row("An expired token is refused everywhere")
def test_an_expired_token_is_refused_everywhere(cloud: Cloud) -> None:
    with cloud.short_lived_tokens(LIFE[cloud.real]):
        login = cloud.log_in(password("alice"), scope=everywhere(cloud))
    token, end = login.headers["X-Subject-Token"], datetime.fromisoformat(login.json["token"]["expires_at"])
    assert good(cloud, token)
    assert datetime.now(UTC) < end, "too slow to tell anything"
    cloud.wait_for(lambda: datetime.now(UTC) > end, "the token expires")
    assert taken(cloud, token) == []
