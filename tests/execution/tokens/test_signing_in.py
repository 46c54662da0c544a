"""Logins under a scope: at three keystones, with people named by name."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

ALL = "{nova: Paris&Corte, glance: Marseille}"


def logins(records):
    return sorted((r.site, r.status) for r in records if r.service == "keystone" and r.method == "POST")


async def test_a_login_under_a_scope_is_a_login_at_every_site_of_it(cloud):
    mark = cloud.mark()
    answer = await cloud.log_in(scope=ALL)
    assert logins(cloud.seen(mark)) == [("Corte", 201), ("Marseille", 201), ("Paris", 201)]
    assert answer.sites == {"Paris": "201", "Corte": "201", "Marseille": "201"}
    assert not {r.scope for r in cloud.seen(mark)} - {None}


async def test_a_login_without_a_scope_is_this_sites_alone(cloud):
    mark = cloud.mark()
    answer = await cloud.log_in()
    assert logins(cloud.seen(mark)) == [("Paris", 201)]
    assert not [name for name in answer.headers if name.startswith("x-scope")]


async def test_a_refused_login_at_the_clients_site_is_the_answer_and_nobody_else_is_asked(cloud):
    mark = cloud.mark()
    assert (await cloud.log_in(scope=ALL, password="wrong")).status == 401
    assert logins(cloud.seen(mark)) == [("Paris", 401)]


async def test_a_password_that_differs_at_one_site_is_remembered_as_that_sites_outcome(cloud):
    directory = cloud.emulated.site("Corte").keystone.directory
    directory.passwords[directory.named("users", "alice")["id"]] = "another"
    answer = await cloud.log_in(scope=ALL)
    assert answer.sites == {"Paris": "201", "Corte": "401", "Marseille": "201"}
    assert "x-scope-partial" not in answer.headers
    mark = cloud.mark()
    there = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte}", token=answer.token)
    either = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte|Paris}", token=answer.token)
    assert there.status == 401
    assert "HTTP 401" in there.json["error"]["message"]
    assert (either.status, either.sites) == (200, {"Corte": "401", "Paris": "200"})
    assert {r.site for r in cloud.seen(mark, "glance")} == {"Paris"}


@pytest.mark.parametrize("what", ["proxy", "keystone", "fault"])
async def test_a_site_that_is_down_at_the_login_counts_as_unreached_and_then_asks_for_a_new_login(cloud, what):
    corte = cloud.emulated.site("Corte")
    if what == "proxy":
        cloud.emulated.links.cut("Paris", "Corte")
    else:
        await corte.misbehave("identity", "refuse" if what == "keystone" else "500")
    token = await cloud.token(ALL)
    scope = "{glance: Corte}"
    listed = await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token)
    assert (listed.status, listed.sites) == (502, {"Corte": "unreached"})
    cloud.emulated.links.heal()
    await corte.misbehave("identity", None)
    await cloud.up()
    strategy = cloud.apps["Paris"].house.journey._identity._broker._strategies["login"]
    strategy._now = lambda now=strategy._now: now() + 31
    again = await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token)
    assert again.status == 401
    token = await cloud.token(ALL)
    assert (await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token)).status == 200


async def test_a_login_by_token_goes_on_from_each_sites_own_token(cloud):
    unscoped = (await cloud.log_in(scope=ALL, project=None)).token
    auth = {"identity": {"methods": ["token"], "token": {"id": unscoped}}}
    auth["scope"] = {"project": {"name": "demo", "domain": {"id": "default"}}}
    mark = cloud.mark()
    answer = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", scope=ALL, body={"auth": auth})
    assert answer.sites == {"Paris": "201", "Corte": "201", "Marseille": "201"}
    assert logins(cloud.seen(mark)) == [("Corte", 201), ("Marseille", 201), ("Paris", 201)]
    listed = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte}", token=answer.token)
    assert listed.status == 200


async def test_a_login_by_a_token_that_was_had_without_a_scope_is_no_login_elsewhere(cloud):
    auth = {"identity": {"methods": ["token"], "token": {"id": await cloud.token(project=None)}}}
    answer = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", scope=ALL, body={"auth": auth})
    assert (answer.status, answer.sites["Corte"]) == (201, "401")


async def test_an_application_credential_goes_by_name_and_user_where_there_is_one(cloud):
    made = {}
    for name in ("Paris", "Corte"):
        token = await cloud.token(site=name)
        user = cloud.emulated.site(name).keystone.directory.named("users", "alice")["id"]
        body = {"application_credential": {"name": "robot", "secret": "s3cret-of-robots"}}
        answer = await cloud.call(
            name, "identity", "POST", f"/v3/users/{user}/application_credentials", token=token, body=body
        )
        made[name] = answer.json["application_credential"]["id"]
    proof = {"id": made["Paris"], "secret": "s3cret-of-robots"}
    auth = {"identity": {"methods": ["application_credential"], "application_credential": proof}}
    answer = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", scope=ALL, body={"auth": auth})
    assert answer.sites == {"Paris": "201", "Corte": "201", "Marseille": "401"}


async def test_a_login_in_several_steps_is_not_repeated_elsewhere(cloud, login_body):
    body = login_body()
    body["auth"]["identity"]["methods"] = ["password", "token"]
    body["auth"]["identity"]["token"] = {"id": await cloud.token()}
    mark = cloud.mark()
    answer = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", scope=ALL, body=body)
    assert (answer.status, answer.sites["Corte"]) == (201, "401")
    assert logins(cloud.seen(mark)) == [("Paris", 201)]


async def test_keystone_elsewhere_issues_the_token_and_the_client_sees_the_entrys_catalog(cloud):
    answer = await cloud.log_in(scope="{keystone: Corte, nova: Corte}")
    corte = cloud.emulated.site("Corte").keystone
    assert corte.issued.find(answer.token)
    endpoints = [e for service in answer.json["token"]["catalog"] for e in service["endpoints"]]
    assert {e["region"] for e in endpoints} == {"Paris"}
    fronts = tuple(cloud.emulated.site("Paris").fronts.values())
    assert all(e["url"].startswith(fronts) for e in endpoints)
    assert int(answer.headers["content-length"]) == len(answer.body)
    scope = "{keystone: Corte, nova: Corte}"
    listed = await cloud.call("Paris", "compute", "GET", "/v2.1/servers", scope=scope, token=answer.token)
    assert listed.status == 200


async def test_an_openrc_file_with_ids_works_for_a_keystone_elsewhere(cloud, login_body):
    paris = cloud.emulated.site("Paris")
    body = login_body()
    body["auth"]["scope"] = {"project": {"id": paris.project("demo")}}
    answer = await cloud.call(
        "Paris", "identity", "POST", "/v3/auth/tokens", scope="{keystone: Corte, nova: Corte}", body=body
    )
    corte = cloud.emulated.site("Corte")
    assert corte.keystone.issued.find(answer.token)
    assert answer.json["token"]["project"]["id"] == corte.project("demo")


async def test_of_keystones_or_ed_the_next_is_asked_when_one_is_down(cloud):
    await cloud.emulated.site("Corte").misbehave("identity", "refuse")
    answer = await cloud.log_in(scope="{keystone: Corte|Marseille}")
    assert cloud.emulated.site("Marseille").keystone.issued.find(answer.token)


async def test_a_catalog_that_is_to_be_kept_is_kept(cloud):
    backs = cloud.emulated.site("Paris").backs
    directory = cloud.emulated.site("Paris").keystone.directory
    for endpoint in directory.items["endpoints"].values():
        endpoint["url"] = endpoint["url"].replace(cloud.emulated.site("Paris").fronts["image"], backs["image"])

    async def shown(scope):
        catalog = (await cloud.log_in(scope=scope)).json["token"]["catalog"]
        return {e["url"] for s in catalog if s["type"] == "image" for e in s["endpoints"]}

    assert await shown(ALL) == await shown(None) == {cloud.emulated.site("Paris").fronts["image"]}
    await cloud.use(catalog="keep")
    assert await shown(ALL) == await shown(None) == {backs["image"]}


async def test_a_login_that_wants_no_catalog_gets_none(cloud, login_body):
    answer = await cloud.call(
        "Paris", "identity", "POST", "/v3/auth/tokens?nocatalog", scope="{keystone: Corte}", body=login_body()
    )
    assert answer.status == 201
    assert "catalog" not in answer.json["token"]


async def test_credentials_go_where_the_operator_lets_them(cloud):
    paris = cloud.topology.sites["Paris"].proxy
    await cloud.use("Paris", credentials=replace(paris.credentials, password_to=("Marseille",)), tokens=("login",))
    mark = cloud.mark()
    answer = await cloud.log_in(scope=ALL)
    assert answer.sites == {"Paris": "201", "Corte": "401", "Marseille": "201"}
    assert {r.site for r in cloud.seen(mark, "keystone")} == {"Paris", "Marseille"}
    refused = await cloud.call("Paris", "compute", "GET", "/v2.1/servers", scope="{nova: Corte}", token=answer.token)
    assert "password_to" in refused.json["unauthorized"]["message"]


async def test_a_site_token_goes_where_the_operator_lets_it(cloud):
    answer = await cloud.log_in(scope=ALL)
    paris = cloud.topology.sites["Paris"].proxy
    await cloud.use("Paris", credentials=replace(paris.credentials, token_to=()))
    refused = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte}", token=answer.token)
    assert refused.status == 401
    assert "token_to" in refused.json["error"]["message"]


async def test_no_token_and_no_password_is_on_disk_in_the_clear(cloud):
    await cloud.log_in(scope=ALL)
    path = cloud.emulated.directory / "Paris" / "proxy.db"
    with sqlite3.connect(path) as db:
        assert db.execute("select count(*) from site_logins").fetchone()[0] == 3
    db.close()
    held = b"".join(file.read_bytes() for file in path.parent.glob("proxy.db*"))
    assert not [secret for secret in cloud.secrets() if secret.encode() in held]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"null", b'{"auth": 1}', b'{"auth": {"identity": {"methods": "x"}}}', b"\xff"]
)
async def test_a_login_that_makes_no_sense_is_keystones_to_refuse(cloud, body):
    answer = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", scope=ALL, data=body)
    assert answer.status in (400, 401), answer


async def test_a_keystone_that_talks_nonsense_is_a_failed_login(cloud):
    await cloud.emulated.site("Corte").misbehave("identity", "garbage")
    assert (await cloud.log_in(scope=ALL)).sites["Corte"] == "504"
    await cloud.emulated.site("Paris").misbehave("identity", "cut")
    assert (await cloud.log_in(scope=ALL)).status == 504
