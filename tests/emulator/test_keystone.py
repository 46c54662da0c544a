"""Tokens as keystone gives, validates and revokes them."""

from __future__ import annotations

import pytest

TOKENS = "/v3/auth/tokens"


async def test_versions_are_absolute_and_from_host(nobody):
    status, body, headers = await nobody("GET", "identity", "/", Host="cloud.example:5000")
    assert status == 300
    assert headers["location"] == "http://cloud.example:5000/v3/"
    assert body["versions"]["values"][0]["links"][0]["href"] == "http://cloud.example:5000/v3/"
    status, body, _ = await nobody("GET", "identity", "/v3")
    assert (status, body["version"]["id"]) == (200, "v3.14")


async def test_a_login_by_name_gives_a_scoped_token_with_the_catalog(nobody, site, login_body):
    status, body, headers = await nobody("POST", "identity", TOKENS, login_body("alice"))
    assert status == 201
    assert len(headers["x-subject-token"]) == 183
    token = body["token"]
    assert token["user"]["name"] == "alice"
    assert token["project"]["id"] == site.project("demo")
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    urls = {row["type"]: row["endpoints"][0]["url"] for row in token["catalog"]}
    assert urls["identity"] == site.fronts["identity"] + "/v3"
    assert urls["block-storage"] == urls["volumev3"] == f"{site.fronts['block-storage']}/v3/{token['project']['id']}"
    assert {e["interface"] for row in token["catalog"] for e in row["endpoints"]} == {"public", "internal", "admin"}


async def test_a_login_by_id_and_without_a_scope(nobody, site):
    alice = site.keystone.directory.named("users", "alice")["id"]
    identity = {"methods": ["password"], "password": {"user": {"id": alice, "password": "secret"}}}
    status, body, _ = await nobody("POST", "identity", TOKENS, {"auth": {"identity": identity}})
    assert status == 201
    assert "project" not in body["token"]
    assert "catalog" not in body["token"]


async def test_a_default_project_scopes_a_login_without_scope(nobody, site, login_body):
    site.keystone.directory.named("users", "alice")["default_project_id"] = site.project("demo")
    _, body, _ = await nobody("POST", "identity", TOKENS, login_body("alice", None))
    assert body["token"]["project"]["name"] == "demo"


@pytest.mark.parametrize("scope", [{"system": {"all": True}}, {"domain": {"id": "default"}}])
async def test_system_and_domain_scope(nobody, login_body, scope):
    body = login_body("admin")
    body["auth"]["scope"] = scope
    status, answer, _ = await nobody("POST", "identity", TOKENS, body)
    assert status == 201
    assert next(iter(scope)) in answer["token"]


@pytest.mark.parametrize(
    "wrong", [("alice", "demo", "guess"), ("nobody", "demo"), ("alice", "admin"), ("alice", "nowhere")]
)
async def test_a_refused_login_says_nothing(nobody, login_body, wrong):
    status, body, headers = await nobody("POST", "identity", TOKENS, login_body(*wrong))
    message = "The request you have made requires authentication."
    assert status == 401
    assert body == {"error": {"code": 401, "message": message, "title": "Unauthorized"}}
    assert headers["www-authenticate"].startswith('Keystone uri="http://')


async def test_a_malformed_login_is_400(nobody):
    status, body, _ = await nobody("POST", "identity", TOKENS, {"auth": {}})
    assert status == 400
    assert body["error"]["title"] == "Bad Request"


async def test_a_token_rescopes_and_keeps_its_end(alice, nobody, site):
    identity = {"methods": ["token"], "token": {"id": alice.token}}
    auth = {"identity": identity, "scope": {"project": {"id": site.project("demo")}}}
    _, first, _ = await alice("GET", "identity", TOKENS, X_Subject_Token=alice.token)
    status, body, _ = await nobody("POST", "identity", TOKENS, {"auth": auth})
    assert status == 201
    assert body["token"]["expires_at"] == first["token"]["expires_at"]
    assert body["token"]["methods"] == ["password", "token"]


class TestValidation:
    async def test_a_token_validates_itself(self, alice):
        status, body, headers = await alice("GET", "identity", TOKENS, X_Subject_Token=alice.token)
        assert status == 200
        assert body["token"]["user"]["name"] == "alice"
        assert headers["x-subject-token"] == alice.token
        status, body, _ = await alice("HEAD", "identity", TOKENS, X_Subject_Token=alice.token)
        assert (status, body) == (200, b"")

    async def test_not_another_users_token(self, alice, bob):
        status, body, _ = await bob("GET", "identity", TOKENS, X_Subject_Token=alice.token)
        assert status == 403
        assert body["error"]["message"].endswith("identity:validate_token.")

    async def test_services_and_admins_validate_any(self, alice, admin, log_in):
        nova = await log_in("nova", "service")
        for judge in (nova, admin):
            assert (await judge("GET", "identity", TOKENS, X_Subject_Token=alice.token))[0] == 200
            assert (await judge("GET", "identity", TOKENS, X_Subject_Token="unknown"))[0] == 404

    async def test_a_bad_token_of_ones_own_is_401(self, nobody, alice):
        assert (await nobody("GET", "identity", TOKENS, X_Auth_Token="bad", X_Subject_Token=alice.token))[0] == 401
        assert (await nobody("GET", "identity", TOKENS))[0] == 401

    async def test_a_revoked_token_is_unknown(self, alice, admin):
        assert (await alice("DELETE", "identity", TOKENS, X_Subject_Token=alice.token))[0] == 204
        assert (await admin("GET", "identity", TOKENS, X_Subject_Token=alice.token))[0] == 404
        assert (await alice("GET", "identity", TOKENS, X_Subject_Token=alice.token))[0] == 401

    async def test_an_expired_token_is_good_for_those_who_allow_it(self, site, settings, log_in, admin):
        settings.token_lifetime = 0
        late = await log_in()
        assert (await admin("GET", "identity", TOKENS, X_Subject_Token=late.token))[0] == 404
        status, _, _ = await admin("GET", "identity", TOKENS + "?allow_expired=1", X_Subject_Token=late.token)
        assert status == 200

    async def test_another_site_knows_nothing_of_it(self, alice, tmp_path, session, log_in):
        from scopeproxy.emulator.site import EmulatedSite

        async with EmulatedSite("Corte", tmp_path) as corte:
            judge = await log_in("admin", "admin", corte)
            assert (await judge("GET", "identity", TOKENS, X_Subject_Token=alice.token))[0] == 404
            assert corte.project("demo") != alice.site.project("demo")


async def test_what_a_token_may_use(alice, site):
    _, catalog, _ = await alice("GET", "identity", "/v3/auth/catalog")
    assert {row["type"] for row in catalog["catalog"]} >= {"identity", "image", "compute", "volumev3"}
    _, projects, _ = await alice("GET", "identity", "/v3/auth/projects")
    assert [project["name"] for project in projects["projects"]] == ["demo"]
    assert (await alice("GET", "identity", "/v3/auth/domains"))[1]["domains"] == []
    assert (await alice("GET", "identity", "/v3/auth/system"))[1]["system"] == []
