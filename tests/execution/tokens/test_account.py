"""Callers who have no account at the other site work there by one of the operator's."""

from __future__ import annotations

import pytest

from scopeproxy.model.topology import Account

SCOPE = "{glance: Corte}"
PASSWORD = "of-the-account"


@pytest.fixture
async def hosted(cloud, tmp_path):
    """Neither alice nor her project is known beyond Paris; Corte and Marseille have an account for Paris."""
    file = tmp_path / "paris.pw"
    file.write_text(f"{PASSWORD}\n")
    file.chmod(0o600)
    for site in map(cloud.emulated.site, ("Corte", "Marseille")):
        keystone = site.keystone.directory
        project = keystone.create("projects", {"name": "guests"})["id"]
        user = keystone.create("users", {"name": "paris", "password": PASSWORD})["id"]
        keystone.grant(user, keystone.named("roles", "member")["id"], ("project", project))
        keystone.delete("users", keystone.named("users", "alice")["id"])
    account = Account("member", "paris", str(file), {"demo": "guests"})
    await cloud.use(tokens=("account",))
    await cloud.use("Paris", accounts={"Corte": (account,), "Marseille": (account,)})
    return cloud


async def images(cloud, token, scope=SCOPE, site="Paris"):
    return await cloud.call(site, "image", "GET", "/v2/images", scope=scope, token=token)


async def test_the_site_is_shown_the_accounts_token_and_the_caller_needs_no_new_login(hosted):
    token, mark = await hosted.token(), hosted.mark()
    assert (await images(hosted, token)).status == 200
    (asked,) = hosted.seen(mark, "glance")
    assert (asked.site, asked.user) == ("Corte", "paris")


async def test_the_callers_project_is_the_accounts_there(hosted):
    token, paris = await hosted.token(), hosted.emulated.site("Paris").project("demo")
    body = {"name": "mine", "disk_format": "raw", "container_format": "bare", "owner": paris}
    made = await hosted.call("Paris", "image", "POST", "/v2/images", scope=SCOPE, token=token, body=body)
    assert made.status == 201, made
    guests = hosted.emulated.site("Corte").keystone.directory.named("projects", "guests")["id"]
    assert made.json["owner"] == guests


@pytest.mark.parametrize("tokens", [("account",), ("login", "account")])
async def test_a_server_at_the_other_site_takes_its_image_from_a_third_and_back_home(hosted, tokens):
    """What nobody called from the entry yet is lent by it as well."""
    await hosted.use("Paris", tokens=tokens)
    token = await hosted.token("{nova: Corte, glance: Marseille}")
    for image, site in (("Debian", "Marseille"), ("OnlyParis", "Paris")):
        flavor = next(iter(hosted.emulated.site("Corte").nova.flavors.items))
        server = {"name": "vm", "flavorRef": flavor, "imageRef": hosted.image(image), "networks": "none"}
        made = await hosted.call(
            "Paris", "compute", "POST", "/v2.1/servers", scope=f"{{nova: Corte, glance: {site}}}", token=token,
            body={"server": server},
        )  # fmt: skip
        assert made.status == 202, made
        corte = await hosted.token(site="Corte", user="paris", password=PASSWORD, project="guests")
        assert (await hosted.settle(made.json["server"]["id"], "Corte", corte))["status"] == "ACTIVE"


async def test_whom_the_site_does_not_know_has_an_account_there(hosted):
    """The login that the client's own scope asked for was refused."""
    await hosted.use("Paris", tokens=("login", "account"))
    login = await hosted.log_in("Paris", SCOPE)
    assert login.sites == {"Paris": "201", "Corte": "401"}
    mark = hosted.mark()
    assert (await images(hosted, login.token)).status == 200
    assert [record.user for record in hosted.seen(mark, "glance")] == ["paris"]


async def test_where_there_is_no_account_either_the_refused_login_is_told(hosted):
    await hosted.use("Paris", tokens=("login", "account"))
    token = await hosted.token(SCOPE, user="admin", password="secret", project="admin")
    keystone = hosted.emulated.site("Corte").keystone.directory
    assert (await images(hosted, token)).status == 200
    keystone.passwords[keystone.named("users", "admin")["id"]] = "changed"
    answer = await images(hosted, await hosted.token(SCOPE, user="admin", password="secret", project="admin"))
    assert answer.status == 401
    assert "no login at Corte: its keystone refused user 'admin'" in answer.json["error"]["message"]


async def test_no_login_by_token_takes_the_account_to_a_project_without_a_row(hosted):
    await hosted.use("Paris", tokens=("login", "account"))
    for site, user in (("Paris", "alice"), ("Corte", "paris")):
        keystone = hosted.emulated.site(site).keystone.directory
        project = keystone.create("projects", {"name": "others"})["id"]
        role = keystone.named("roles", "member")["id"]
        keystone.grant(keystone.named("users", user)["id"], role, ("project", project))
    token = await hosted.token()
    assert (await images(hosted, token)).status == 200
    project = {"name": "others", "domain": {"id": "default"}}
    auth = {"identity": {"methods": ["token"], "token": {"id": token}}, "scope": {"project": project}}
    again = await hosted.call("Paris", "identity", "POST", "/v3/auth/tokens", scope=SCOPE, body={"auth": auth})
    assert again.sites == {"Paris": "201", "Corte": "401"}
    mark = hosted.mark()
    assert (await images(hosted, again.token)).status == 401
    assert hosted.seen(mark, "glance") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_gets_a_credential_of_the_accounts_that_outlives_their_token(hosted, method):
    token, mark = await hosted.token(), hosted.mark()
    alice = hosted.emulated.site("Paris").keystone.directory.named("users", "alice")["id"]
    path, body = f"/v3/users/{alice}/application%5Fcredentials", {"application_credential": {"name": "for ever"}}
    scope = "{keystone: Corte}"
    answer = await hosted.call(
        "Paris", "identity", method, path, scope=scope, token=token, body=body if method == "POST" else None
    )
    assert answer.status == 403
    assert "an account of the operator's, whose credentials are nobody's to make" in answer.json["error"]["message"]
    assert not [record for record in hosted.seen(mark, "keystone", "Corte") if "cred" in record.path]
    assert (await hosted.call("Paris", "identity", "GET", "/v3/regions", scope=scope, token=token)).status == 200


async def test_a_revoked_token_has_no_account_any_more(hosted):
    token = await hosted.token()
    assert (await images(hosted, token)).status == 200
    gone = await hosted.call(
        "Paris", "identity", "DELETE", "/v3/auth/tokens", token=token, headers={"X-Subject-Token": token}
    )
    assert gone.status == 204
    mark = hosted.mark()
    assert (await images(hosted, token)).status == 401
    assert hosted.seen(mark, "glance") == []


async def test_a_caller_without_a_row_is_told_why(hosted):
    token = await hosted.token(user="admin", password="secret", project="admin")
    answer = await images(hosted, token)
    assert answer.status == 401
    said = answer.json["error"]["message"]
    assert "account (no account there has a row for the caller's project)" in said


async def test_a_token_of_another_site_has_no_account_here(hosted):
    """Who runs Corte names roles and projects there as they like."""
    scope = "{keystone: Corte, glance: Marseille}"
    token = await hosted.token(scope, user="paris", password=PASSWORD, project="guests")
    answer = await images(hosted, token, scope)
    assert answer.status == 401
    assert "stand for callers with a token of its own, and this one is Corte's" in answer.json["error"]["message"]


async def test_an_account_that_its_site_refuses_is_that_sites_outcome(hosted):
    keystone = hosted.emulated.site("Corte").keystone.directory
    keystone.passwords[keystone.named("users", "paris")["id"]] = "changed"
    token = await hosted.token()
    answer = await images(hosted, token)
    assert answer.status == 401
    assert "no login at Corte: its keystone answered HTTP 401 to the account 'paris'" in answer.body.decode()
    assert (await images(hosted, token, "{glance: Corte|Marseille}")).sites == {"Corte": "401", "Marseille": "200"}


async def test_a_site_that_is_away_leaves_the_others(hosted):
    hosted.emulated.links.cut("Paris", "Corte")
    answer = await images(hosted, await hosted.token(), "{glance: Corte|Marseille}")
    assert answer.status == 200
    assert answer.sites["Marseille"] == "200"


async def test_a_token_that_the_site_ends_sooner_is_had_anew(hosted):
    token, settings, ledger = await hosted.token(), hosted.emulated.settings, hosted.apps["Paris"].lasting.ledger
    settings.token_lifetime = 60
    assert (await images(hosted, token)).status == 200
    settings.token_lifetime = 3600
    ledger._clock = lambda clock=ledger._clock: clock() + 61
    mark = hosted.mark()
    assert (await images(hosted, token)).status == 200
    assert len([r for r in hosted.seen(mark, "keystone", "Corte") if r.method == "POST"]) == 1
