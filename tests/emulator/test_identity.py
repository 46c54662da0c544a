"""Users, projects, roles and application credentials."""

from __future__ import annotations

import re

import pytest


async def test_a_user_from_creation_to_deletion(admin, nobody, login_body, site):
    status, body, _ = await admin("POST", "identity", "/v3/users", {"user": {"name": "carol", "password": "pw"}})
    assert status == 201
    carol = body["user"]
    assert re.fullmatch(r"[0-9a-f]{32}", carol["id"])
    assert "password" not in carol
    assert carol["links"]["self"] == f"{site.backs['identity']}/v3/users/{carol['id']}"
    assert (await nobody("POST", "identity", "/v3/auth/tokens", login_body("carol", None, "pw")))[0] == 201
    change = {"user": {"password": "new", "description": "x"}}
    status, body, _ = await admin("PATCH", "identity", f"/v3/users/{carol['id']}", change)
    assert (status, body["user"]["description"]) == (200, "x")
    assert (await nobody("POST", "identity", "/v3/auth/tokens", login_body("carol", None, "pw")))[0] == 401
    assert (await admin("DELETE", "identity", f"/v3/users/{carol['id']}"))[0] == 204
    assert (await nobody("POST", "identity", "/v3/auth/tokens", login_body("carol", None, "new")))[0] == 401


async def test_names_are_found_by_filter_and_not_in_the_path(admin):
    status, body, _ = await admin("GET", "identity", "/v3/users/alice")
    assert status == 404
    assert body["error"]["message"] == "Could not find user: alice."
    _, body, _ = await admin("GET", "identity", "/v3/users?name=alice")
    assert [user["name"] for user in body["users"]] == ["alice"]


async def test_a_name_is_taken_once(admin):
    status, body, _ = await admin("POST", "identity", "/v3/projects", {"project": {"name": "demo"}})
    assert status == 409
    assert "Duplicate entry found with name demo" in body["error"]["message"]


@pytest.mark.parametrize("kind", ["users", "projects", "domains", "services", "endpoints", "role_assignments"])
async def test_members_may_not_look_around(alice, kind):
    status, body, _ = await alice("GET", "identity", f"/v3/{kind}")
    assert status == 403
    assert body["error"]["message"].endswith(f"identity:list_{kind}.")


async def test_one_sees_oneself(alice, site):
    user = site.keystone.directory.named("users", "alice")["id"]
    assert (await alice("GET", "identity", f"/v3/users/{user}"))[0] == 200
    assert (await alice("GET", "identity", f"/v3/projects/{site.project('demo')}"))[0] == 200
    assert (await alice("GET", "identity", "/v3/domains/default"))[1]["domain"]["name"] == "Default"
    assert (await alice("GET", "identity", f"/v3/projects/{site.project('admin')}"))[0] == 403


async def test_a_role_is_granted_and_taken_away(admin, site, nobody, login_body):
    directory = site.keystone.directory
    ids = [directory.named(kind, name)["id"] for kind, name in (("users", "bob"), ("roles", "member"))]
    path = f"/v3/projects/{site.project('admin')}/users/{ids[0]}/roles/{ids[1]}"
    assert (await admin("HEAD", "identity", path))[0] == 404
    assert (await admin("PUT", "identity", path))[0] == 204
    assert (await admin("HEAD", "identity", path))[0] == 204
    assert (await nobody("POST", "identity", "/v3/auth/tokens", login_body("bob", "admin")))[0] == 201
    _, body, _ = await admin("GET", "identity", f"/v3/role_assignments?user.id={ids[0]}&include_names=true")
    assert {(row["scope"]["project"]["name"], row["role"]["name"]) for row in body["role_assignments"]} == {
        ("admin", "member"),
        ("demo", "member"),
    }
    assert (await admin("DELETE", "identity", path))[0] == 204
    assert (await nobody("POST", "identity", "/v3/auth/tokens", login_body("bob", "admin")))[0] == 401


async def test_an_application_credential_logs_in(alice, nobody, site):
    user = site.keystone.directory.named("users", "alice")["id"]
    path = f"/v3/users/{user}/application_credentials"
    status, body, _ = await alice("POST", "identity", path, {"application_credential": {"name": "ci"}})
    assert status == 201
    made = body["application_credential"]
    by_name = {"name": "ci", "user": {"name": "alice", "domain": {"name": "Default"}}, "secret": made["secret"]}
    for proof in ({"id": made["id"], "secret": made["secret"]}, by_name):
        identity = {"methods": ["application_credential"], "application_credential": proof}
        status, body, _ = await nobody("POST", "identity", "/v3/auth/tokens", {"auth": {"identity": identity}})
        assert status == 201
        assert body["token"]["application_credential"]["name"] == "ci"
        assert body["token"]["project"]["name"] == "demo"
    listed = (await alice("GET", "identity", path))[1]["application_credentials"]
    assert [row["name"] for row in listed] == ["ci"]
    assert "secret" not in listed[0]
    assert (await alice("DELETE", "identity", f"{path}/{made['id']}"))[0] == 204
    assert (await nobody("POST", "identity", "/v3/auth/tokens", {"auth": {"identity": identity}}))[0] == 401


async def test_a_changed_password_ends_the_tokens(alice, site):
    user = site.keystone.directory.named("users", "alice")["id"]
    change = {"user": {"original_password": "secret", "password": "other"}}
    assert (await alice("POST", "identity", f"/v3/users/{user}/password", change))[0] == 204
    assert (await alice("GET", "identity", "/v3/auth/projects"))[0] == 401


async def test_the_catalog_is_made_of_resources(admin, site):
    _, body, _ = await admin("GET", "identity", "/v3/services?type=image")
    glance = body["services"][0]
    _, body, _ = await admin("GET", "identity", f"/v3/endpoints?service_id={glance['id']}&interface=public")
    (endpoint,) = body["endpoints"]
    assert endpoint["url"] == site.fronts["image"]
    change = {"endpoint": {"url": "http://elsewhere"}}
    assert (await admin("PATCH", "identity", f"/v3/endpoints/{endpoint['id']}", change))[0] == 200
    _, catalog, _ = await admin("GET", "identity", "/v3/auth/catalog")
    assert "http://elsewhere" in {e["url"] for row in catalog["catalog"] for e in row["endpoints"]}
