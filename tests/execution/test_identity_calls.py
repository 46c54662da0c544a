"""Calls about tokens go to the token's issuer, never where the scope would send them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.model.identity import Token

CORTE = "{keystone: Corte, nova: Corte}"


@pytest.mark.parametrize("path", ["/v3/auth/projects", "/v3/auth/domains", "/v3/auth/catalog"])
@pytest.mark.parametrize("scope", ["{keystone: Paris&Corte}", "{nova: Corte}", CORTE])
async def test_a_call_about_a_token_of_this_site_stays_here_under_any_scope(cloud, path, scope):
    token = await cloud.token("{nova: Corte}")
    mark = cloud.mark()
    answer = await cloud.call("Paris", "identity", "GET", path, scope=scope, token=token)
    assert answer.status == 200
    assert [(r.site, r.path) for r in cloud.seen(mark, "keystone")] == [("Paris", path)]


async def test_it_goes_to_the_site_that_issued_the_token(cloud):
    token = await cloud.token(CORTE)
    mark = cloud.mark()
    answer = await cloud.call("Paris", "identity", "GET", "/v3/auth/projects", scope="{nova: Corte}", token=token)
    assert answer.status == 200
    assert [r.site for r in cloud.seen(mark, "keystone")] == ["Corte"]


@pytest.mark.parametrize(("known", "status"), [(True, 200), (False, 404)])
async def test_a_token_that_is_not_known_here_is_asked_about_where_its_bearer_logged_in(cloud, known, status):
    """Of a token that Corte had given at its own front, an admin of Corte was told 401 by Paris."""
    admin = await cloud.token(CORTE, user="admin", password="secret", project="admin")
    other = await cloud.token(site="Corte") if known else "nobody-knows-it"
    about = {"scope": CORTE, "token": admin, "headers": {"X-Subject-Token": other}}
    shown = await cloud.call("Paris", "identity", "GET", "/v3/auth/tokens", **about)
    assert (shown.status, shown.headers.get("x-subject-token")) == (status, other if known else None)


async def test_a_keystone_that_cannot_be_asked_is_a_502_in_its_shape(cloud):
    await cloud.emulated.site("Paris").misbehave("identity", "refuse")
    for scope in (None, CORTE.replace("Corte", "Paris"), "{nova: Corte}"):
        answer = await cloud.log_in(scope=scope)
        assert answer.status == 502
        assert answer.json["error"]["message"]


async def test_a_revocation_with_a_slash_at_the_end_is_one_too(cloud):
    token = await cloud.token("{glance: Corte}")
    headers = {"X-Subject-Token": token}
    gone = await cloud.call("Paris", "identity", "DELETE", "/v3/auth/tokens/", token=token, headers=headers)
    assert gone.status in (204, 404)
    held = cloud.apps["Paris"].lasting.ledger
    await held.purge()
    assert held.describe()["logins"] == (0 if gone.status == 204 else 1)


async def test_a_revoked_token_speaks_for_nobody(cloud):
    """The login's word counted, so that a revoked token went on reading the reports of calls."""
    token = await cloud.token("{glance: Corte}")
    identity = cloud.apps["Paris"].house.journey._identity
    assert (await identity.identity(Token(token))).project_id
    cloud.emulated.site("Paris").keystone.issued.revoke(token)
    await cloud.use(validated_within=0.0)
    identity = cloud.apps["Paris"].house.journey._identity
    assert await identity.identity(Token(token)) is None


# ---- scopes that are published as regions


def logins(records):
    return sorted(r.site for r in records if r.service == "keystone" and r.method == "POST")


@pytest.fixture
async def publishing(cloud):
    """Every site offers the images of Paris and Corte as a region."""
    topology = cloud.topology
    await cloud.serve(replace(topology, scopes={"two": "glance: Paris&Corte"}, regions={"two": "Two"}))
    return cloud


async def test_a_login_without_a_scope_covers_the_sites_of_what_is_published(publishing):
    mark = publishing.mark()
    answer = await publishing.log_in()
    assert answer.status == 201
    assert logins(publishing.seen(mark)) == ["Corte", "Paris"]
    assert not [name for name in answer.headers if name.startswith("x-scope")]
    listed = await publishing.call(
        "Paris", "image", "GET", "/v2/images", scope="glance: Paris&Corte", token=answer.token
    )
    assert (listed.status, listed.sites) == (200, {"Paris": "200", "Corte": "200"})
    mark = publishing.mark()
    auth = {"identity": {"methods": ["token"], "token": {"id": answer.token}}}
    again = await publishing.call("Paris", "identity", "POST", "/v3/auth/tokens", body={"auth": auth})
    assert again.status == 201
    assert logins(publishing.seen(mark)) == ["Corte", "Paris"]


async def test_a_site_that_is_down_does_not_keep_anybody_from_logging_in(publishing):
    publishing.emulated.links.cut("Paris", "Corte")
    assert (await publishing.log_in()).status == 201
    assert (await publishing.log_in(password="wrong")).status == 401
    await publishing.emulated.site("Paris").misbehave("identity", "refuse")
    refused = await publishing.log_in()
    assert refused.status == 502
    assert "keystone at Paris" in refused.json["error"]["message"]


async def test_a_service_logs_in_at_its_own_site_alone(publishing):
    directory = publishing.emulated.site("Paris").keystone.directory
    project = directory.named("projects", "demo")["id"]
    role = directory.named("roles", "service")["id"]
    directory.grant(directory.named("users", "alice")["id"], role, ("project", project))
    mark = publishing.mark()
    assert (await publishing.log_in()).status == 201
    assert logins(publishing.seen(mark)) == ["Paris"]


async def test_where_logins_are_not_how_tokens_are_had_none_is_made_elsewhere(publishing):
    await publishing.use(tokens=("home",))
    mark = publishing.mark()
    assert (await publishing.log_in()).status == 201
    assert logins(publishing.seen(mark)) == ["Paris"]
