"""What logins gave is granted while the client's token is good, and taken back with it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

ONLY_LOGIN = ("login",)
SCOPE = "{glance: Corte}"


async def images(cloud, token, scope=SCOPE):
    return await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token)


def good(site):
    """The tokens that a keystone accepts."""
    issued = site.keystone.issued
    return [token for value in list(issued._issued) if (token := issued.find(value)) is not None]


async def test_the_other_site_is_shown_its_own_token_and_never_the_clients(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    assert (await images(cloud, token)).status == 200
    (asked,) = cloud.seen(mark, "glance")
    assert (asked.site, asked.user, asked.status) == ("Corte", "alice", 200)


async def test_a_token_that_was_not_had_under_the_scope_is_a_401_that_tells_what_to_do(cloud):
    await cloud.use(tokens=ONLY_LOGIN)
    refused = await images(cloud, await cloud.token())
    assert refused.status == 401
    assert "log in again under this scope" in refused.json["error"]["message"]
    assert cloud.seen(0, "glance") == []


@pytest.mark.parametrize("scope", ["{glance: Corte&Marseille}", "{glance: Marseille|Corte}"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_login_that_lacks_a_site_ends_the_call_so_that_clients_log_in_again(cloud, method, scope):
    """The list was one site's part for as long as the token lived, and half of the write was done."""
    await cloud.use(tokens=ONLY_LOGIN)
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    path = f"/v2/images/{cloud.image('OnlyCorte')}" if method == "DELETE" else "/v2/images"
    answer = await cloud.call("Paris", "image", method, path, scope=scope, token=token)
    assert answer.status == 401
    assert "no token for Marseille" in answer.json["error"]["message"]
    assert not [r for r in cloud.seen(mark, "glance") if r.method != "GET"]


async def test_a_login_that_a_site_refused_is_that_sites_own_outcome(cloud):
    scope = "{glance: Corte&Marseille}"
    await cloud.emulated.site("Marseille").misbehave("identity", "500")
    token = await cloud.token(scope)
    answer = await images(cloud, token, scope)
    assert (answer.status, answer.sites["Corte"]) == (200, "200")
    assert answer.headers["x-scope-partial"] == "Marseille"


async def test_without_a_token_only_discovery_goes_out(cloud):
    mark = cloud.mark()
    assert (await images(cloud, None)).status == 401
    assert cloud.seen(mark) == []
    for _ in range(2):
        assert (await cloud.call("Paris", "image", "GET", "/", scope=SCOPE)).status == 300
    assert [(r.site, r.path) for r in cloud.seen(mark)] == [("Corte", "/")]


async def test_a_revocation_at_the_entry_revokes_the_tokens_of_every_site(cloud):
    scope = "{glance: Corte&Marseille}"
    token = await cloud.token(scope)
    before = {site.name: set(site.keystone.issued._issued) for site in cloud.emulated.sites}
    gone = await cloud.call(
        "Paris", "identity", "DELETE", "/v3/auth/tokens", token=token, headers={"X-Subject-Token": token}
    )
    assert gone.status == 204
    users = {"Corte": 0, "Marseille": 0, "Paris": 0}
    for site in cloud.emulated.sites:
        alice = site.keystone.directory.named("users", "alice")["id"]
        users[site.name] = sum(1 for token in good(site) if token.user == alice)
        assert before[site.name]
    assert users == {"Corte": 0, "Marseille": 0, "Paris": 0}
    assert (await images(cloud, token, scope)).status == 401


async def test_a_token_that_its_issuer_revoked_is_refused_everywhere_once_that_is_asked_again(cloud):
    token = await cloud.token(SCOPE)
    assert (await images(cloud, token)).status == 200
    cloud.emulated.site("Paris").keystone.issued.revoke(token)
    validator = cloud.apps["Paris"].house.journey._identity._validator
    validator._now = lambda now=validator._now: now() + 59
    assert (await images(cloud, token)).status == 200
    validator._now = lambda now=validator._now: now() + 2
    mark = cloud.mark()
    assert (await images(cloud, token)).status == 401
    assert cloud.seen(mark, "glance") == []
    alice = cloud.emulated.site("Corte").keystone.directory.named("users", "alice")["id"]
    assert not [t for t in good(cloud.emulated.site("Corte")) if t.user == alice]


async def test_an_expired_login_is_a_401_and_is_purged(cloud):
    await cloud.use(tokens=ONLY_LOGIN)
    token = await cloud.token(SCOPE)
    ledger = cloud.apps["Paris"].lasting.ledger
    ledger._clock = lambda clock=ledger._clock: clock() + 3601
    assert (await images(cloud, token)).status == 401
    assert await ledger.purge() >= 3
    assert not {"logins", "site_logins"} & {table for table, count in ledger.describe().items() if count}


async def test_a_login_survives_a_restart_of_the_proxy(cloud):
    token = await cloud.token(SCOPE)
    await cloud.restart("Paris")
    assert (await images(cloud, token)).status == 200


async def test_when_the_issuer_cannot_be_asked_the_site_counts_as_unreached(cloud):
    token = await cloud.token(SCOPE)
    await cloud.use(validated_within=0.0)
    await cloud.emulated.site("Paris").misbehave("identity", "refuse")
    mark = cloud.mark()
    answer = await images(cloud, token)
    assert (answer.status, answer.sites) == (502, {"Corte": "unreached"})
    assert cloud.seen(mark, "glance") == []


async def test_the_callers_own_ids_become_those_of_the_site(cloud):
    token = await cloud.token("{cinder: Corte}")
    ours, theirs = (cloud.emulated.site(name).project("demo") for name in ("Paris", "Corte"))
    mark = cloud.mark()
    body = {"volume": {"name": "v", "size": 1, "metadata": {"owner": ours}}}
    made = await cloud.call(
        "Paris", "block-storage", "POST", f"/v3/{ours}/volumes?project_id={ours}", scope="{cinder: Corte}",
        token=token, body=body,
    )  # fmt: skip
    assert made.status == 202, made
    assert cloud.seen(mark, "cinder")[0].target == f"/v3/{theirs}/volumes?project_id={theirs}"
    assert json.loads(made.body)["volume"]["metadata"] == {"owner": theirs}


async def test_one_token_is_validated_once_for_many_calls_at_a_time(cloud):
    token = await cloud.token(SCOPE)
    await cloud.use()
    mark = cloud.mark()
    answers = await asyncio.gather(*(images(cloud, token) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    asked = [r for r in cloud.seen(mark, "keystone", "Paris") if r.method == "GET"]
    assert len(asked) == 1


@pytest.mark.parametrize("subject", [True, False])
async def test_a_call_about_a_token_goes_to_its_issuer_with_a_catalog_of_the_entry(cloud, subject):
    scope = "{keystone: Corte, nova: Corte}"
    token = await cloud.token(scope)
    headers = {"X-Subject-Token": token} if subject else {}
    path = "/v3/auth/tokens" if subject else "/v3/auth/catalog"
    shown = await cloud.call("Paris", "identity", "GET", path, scope=scope, token=token, headers=headers)
    assert shown.status == 200
    catalog = shown.json["token"]["catalog"] if subject else shown.json["catalog"]
    assert {e["region"] for s in catalog for e in s["endpoints"]} == {"Paris"}


async def test_another_sites_keystone_is_never_shown_a_token_that_is_not_its_own(cloud):
    """An admin's token of Paris went to Corte with the token of Corte that it asked about."""
    scope = "{keystone: Corte, nova: Corte}"
    theirs = await cloud.token(scope)
    admins = await cloud.token(user="admin", password="secret", project="admin")
    mark = cloud.mark()
    headers = {"X-Subject-Token": theirs}
    shown = await cloud.call("Paris", "identity", "GET", "/v3/auth/tokens", scope=scope, token=admins, headers=headers)
    assert shown.status == 401
    assert cloud.seen(mark, site="Corte") == []


async def test_a_revocation_of_a_token_of_another_site_goes_there(cloud):
    scope = "{keystone: Corte, nova: Corte}"
    token = await cloud.token(scope)
    headers = {"X-Subject-Token": token}
    gone = await cloud.call("Paris", "identity", "DELETE", "/v3/auth/tokens", scope=scope, token=token, headers=headers)
    assert gone.status == 204
    assert cloud.emulated.site("Corte").keystone.issued.find(token) is None


@pytest.mark.parametrize("path", ["/v2/images", "/v3/auth/projects"])
async def test_no_token_goes_to_a_site_against_the_operators_will_be_it_that_sites_own(cloud, path):
    scope = "{keystone: Corte, glance: Corte}"
    token = await cloud.token(scope)
    credentials = cloud.topology.sites["Paris"].proxy.credentials
    await cloud.use("Paris", credentials=replace(credentials, token_to=()))
    mark = cloud.mark()
    service = "image" if "images" in path else "identity"
    answer = await cloud.call("Paris", service, "GET", path, scope=scope, token=token)
    assert answer.status == 401
    assert "does not allow it" in answer.json["error"]["message"]
    assert cloud.seen(mark) == []


async def test_a_service_here_works_on_for_a_client_that_logged_in_elsewhere(cloud):
    """Under keystone: Corte nova of Paris holds Paris's token for the login, and was 401 with it for Corte's image."""
    await cloud.use(tokens=ONLY_LOGIN)
    scope = "{keystone: Corte, nova: Paris, glance: Corte|Marseille}"
    token = await cloud.token(scope)
    for image in ("OnlyCorte", "Debian"):
        made = await cloud.boot(scope, token, cloud.image(image))
        assert made.status == 202, made
    cloud.emulated.site("Corte").keystone.issued.revoke(token)
    await cloud.use(validated_within=0.0)
    assert (await cloud.boot(scope, token, cloud.image("OnlyCorte"))).status == 401
