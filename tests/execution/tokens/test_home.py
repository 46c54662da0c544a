"""A token of another site, and what its home says of it."""

from __future__ import annotations

import pytest

from scopeproxy.model.topology import HomeRules

SCOPE = "{glance: Corte}"


@pytest.fixture
async def home(cloud):
    await cloud.use(tokens=("home",))
    return cloud


async def images(cloud, token, scope=SCOPE, path="/v2/images"):
    return await cloud.call("Paris", "image", "GET", path, scope=scope, token=token)


def private_at_corte(cloud, project="demo"):
    site = cloud.emulated.site("Corte")
    return site.seed_image("Private", visibility="private", owner=site.project(project))["id"]


async def test_the_other_site_asks_the_home_of_the_token(home):
    token = await home.token(SCOPE)
    mark = home.mark()
    answer = await images(home, token)
    assert answer.status == 200, answer
    assert {"OnlyCorte"} <= {image["name"] for image in answer.json["images"]}
    (asked,) = home.seen(mark, "glance")
    assert (asked.site, asked.user, asked.tagged) == ("Corte", "alice", True)
    logins = [r.site for r in home.seen(mark, "keystone") if r.method == "POST" and r.user == "alice"]
    assert logins == []


async def test_a_login_under_the_scope_is_made_at_home_alone(home):
    answer = await home.log_in(scope=SCOPE)
    assert answer.sites == {"Paris": "201"}


async def test_a_server_boots_with_the_image_of_another_site(home):
    scope = "{nova: Paris, glance: Corte}"
    token = await home.token(scope)
    made = await home.boot(scope, token, home.image("OnlyCorte"))
    assert made.status == 202, made
    server = await home.settle(made.json["server"]["id"], "Paris", token)
    assert server["status"] == "ACTIVE"


async def test_a_server_boots_wholly_at_another_site(home):
    """What nova of Corte calls there has the tag of Corte's proxy, and the home once more."""
    token = await home.token("*: Corte, keystone: Paris")
    flavor = next(iter(home.emulated.site("Corte").nova.flavors.items))
    server = {"name": "vm", "flavorRef": flavor, "imageRef": home.image("OnlyCorte"), "networks": "auto"}
    scope = "{nova: Corte, glance: Corte, neutron: Corte}"
    made = await home.call(
        "Paris", "compute", "POST", "/v2.1/servers", scope=scope, token=token, body={"server": server}
    )
    assert made.status == 202, made
    for _ in range(500):
        shown = await home.call(
            "Paris", "compute", "GET", f"/v2.1/servers/{made.json['server']['id']}", scope=scope, token=token
        )
        if shown.json["server"]["status"] != "BUILD":
            break
    assert shown.json["server"]["status"] == "ACTIVE", shown.json


async def test_a_third_sites_image_for_a_server_of_the_second(home):
    scope = "{nova: Corte, glance: Marseille}"
    token = await home.token(scope)
    flavor = next(iter(home.emulated.site("Corte").nova.flavors.items))
    server = {"name": "vm", "flavorRef": flavor, "imageRef": home.image("Debian"), "networks": "none"}
    mark = home.mark()
    made = await home.call(
        "Paris", "compute", "POST", "/v2.1/servers", scope=scope, token=token, body={"server": server}
    )
    assert made.status == 202, made
    asked = [(r.site, r.user, r.status) for r in home.seen(mark, "glance") if "schemas" not in r.path]
    assert asked == [("Marseille", "alice", 200)]


async def test_a_project_without_a_rule_is_a_stranger_and_is_told_so(home):
    token = await home.token(SCOPE)
    answer = await images(home, token, path=f"/v2/images/{private_at_corte(home)}")
    assert answer.status == 404
    assert "is a stranger" in answer.json["error"]["message"]
    assert "login would do" in answer.json["error"]["message"]


@pytest.mark.parametrize("by", ["id", "name"])
async def test_a_project_with_a_rule_sees_its_private_things(home, by):
    there = home.emulated.site("Corte").project("demo") if by == "id" else "demo"
    await home.use("Corte", homes={"Paris": HomeRules(projects={"demo": there})})
    token = await home.token(SCOPE)
    answer = await images(home, token, path=f"/v2/images/{private_at_corte(home)}")
    assert answer.status == 200, answer


async def test_a_rule_whose_name_nobody_has_is_told_to_the_client(home):
    await home.use("Corte", homes={"*": HomeRules(projects={"demo": "dem"})})
    answer = await images(home, await home.token(SCOPE))
    assert answer.status == 401
    assert "its keystone knows 0 of that name" in answer.json["error"]["message"]


@pytest.mark.parametrize(("rules", "status"), [({"admin": "admin"}, 204), ({"admin": "member"}, 403), ({}, 401)])
async def test_admin_is_one_there_by_a_rule_alone(home, rules, status):
    image = home.image("OnlyCorte")
    await home.use(
        "Corte", homes={"Paris": HomeRules(roles=rules)} if rules else {"Paris": HomeRules(roles={"x": "y"})}
    )
    token = await home.token(SCOPE, user="admin", password="secret", project="admin")
    answer = await home.call("Paris", "image", "DELETE", f"/v2/images/{image}", scope=SCOPE, token=token)
    assert answer.status == status, answer
    if not rules:
        assert "none of the caller's roles" in answer.json["error"]["message"]


async def test_the_callers_project_in_a_path_becomes_the_one_of_the_rule(home):
    ours, theirs = (home.emulated.site(name).project("demo") for name in ("Paris", "Corte"))
    await home.use("Corte", homes={"Paris": HomeRules(projects={"demo": theirs})})
    token = await home.token("{cinder: Corte}")
    mark = home.mark()
    listed = await home.call(
        "Paris", "block-storage", "GET", f"/v3/{ours}/volumes", scope="{cinder: Corte}", token=token
    )
    assert listed.status == 200, listed
    assert home.seen(mark, "cinder")[0].target == f"/v3/{theirs}/volumes"


async def test_a_rule_by_name_for_a_project_in_a_path_has_to_be_by_id(home):
    ours = home.emulated.site("Paris").project("demo")
    await home.use("Corte", homes={"Paris": HomeRules(projects={"demo": "demo"})})
    token = await home.token("{cinder: Corte}")
    listed = await home.call(
        "Paris", "block-storage", "GET", f"/v3/{ours}/volumes", scope="{cinder: Corte}", token=token
    )
    assert listed.status == 503
    assert b"give the id" in listed.body


async def test_a_revoked_token_is_refused(home):
    token = await home.token(SCOPE)
    assert (await images(home, token)).status == 200
    home.emulated.site("Paris").keystone.issued.revoke(token)
    home.emulated.site("Corte").forget_tokens()
    answer = await images(home, token)
    assert answer.status == 401
    assert "Paris does not accept it any more" in answer.json["error"]["message"]
    await home.use(validated_within=0.0)
    mark = home.mark()
    assert (await images(home, token)).status == 401
    assert home.seen(mark, "glance") == []


@pytest.mark.parametrize(
    ("proxy", "told"),
    [({"trust": ("Marseille",)}, None), ({"tokens": ("login",)}, "proxy.tokens of Corte does not list it")],
)
async def test_a_site_that_does_not_honour_the_home_is_sent_nothing(home, proxy, told):
    token = await home.token(SCOPE)
    await home.use("Corte", **proxy)
    mark = home.mark()
    answer = await images(home, token)
    assert answer.status == 401
    assert (told or "proxy.trust of Corte does not list Paris") in answer.json["error"]["message"]
    assert home.seen(mark, site="Corte") == []


async def test_keystone_is_not_served_and_the_fault_tells_what_would_do(home):
    token = await home.token()
    answer = await home.call("Paris", "identity", "GET", "/v3/users", scope="{keystone: Corte}", token=token)
    assert answer.status == 401
    said = answer.json["error"]["message"]
    assert "home (a keystone serves the tokens of its own site alone)" in said
    assert "login would do" in said


async def test_a_token_for_the_system_is_refused(home):
    auth = {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"}}}}}
    auth["identity"]["password"]["user"]["password"] = "secret"
    auth["scope"] = {"system": {"all": True}}
    token = (await home.call("Paris", "identity", "POST", "/v3/auth/tokens", body={"auth": auth})).token
    answer = await images(home, token)
    assert answer.status == 401
    assert "for the system as a whole" in answer.json["error"]["message"]


async def test_the_home_that_cannot_be_asked_is_the_outcome(home):
    token = await home.token(SCOPE)
    await home.use(validated_within=0.0)
    await home.emulated.site("Paris").misbehave("identity", "refuse")
    answer = await images(home, token)
    assert answer.status == 502
    assert answer.sites == {"Corte": "unreached"}


async def test_a_login_that_lacks_a_site_leaves_it_to_the_next_strategy(cloud):
    await cloud.use(tokens=("login", "home"))
    token = await cloud.token("{glance: Corte}")
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte&Marseille}", token=token)
    assert answer.sites == {"Corte": "200", "Marseille": "200"}
    mark = cloud.mark()
    await images(cloud, token)
    assert not any(r.method == "POST" for r in cloud.seen(mark))


async def test_with_home_first_a_login_covers_only_what_home_does_not_serve(cloud):
    await cloud.use(tokens=("home", "login"))
    assert (await cloud.log_in(scope="{glance: Corte}")).sites == {"Paris": "201"}
    assert (await cloud.log_in(scope="{keystone: Paris&Corte}")).sites == {"Paris": "201", "Corte": "201"}


async def test_a_client_that_logged_in_elsewhere_works_here(home):
    """Under keystone: Corte the client's token is one of Corte, and nova of Paris a service of another site."""
    scope = "{keystone: Corte, glance: Paris}"
    token = await home.token(scope)
    answer = await images(home, token, scope)
    assert answer.status == 200, answer
    assert "OnlyParis" in {image["name"] for image in answer.json["images"]}


@pytest.mark.parametrize("catalog", ["rewrite", "keep"])
async def test_services_see_the_catalog_of_their_own_site(home, catalog):
    await home.use(catalog=catalog)
    theirs = home.emulated.site("Corte").project("demo")
    await home.use("Corte", homes={"Paris": HomeRules(projects={"demo": theirs})})
    seen = []
    foreign = home.apps["Corte"].house.journey._identity._foreign
    validate = foreign.validate

    async def watched(*args):
        reply = await validate(*args)
        seen.append(reply.json["token"])
        return reply

    foreign.validate = watched
    assert (await images(home, await home.token(SCOPE))).status == 200
    (said,) = seen
    assert {e["region"] for s in said["catalog"] for e in s["endpoints"]} == {"Corte"}
    (volumes,) = {e["url"] for s in said["catalog"] if s["type"] == "block-storage" for e in s["endpoints"]}
    assert volumes.endswith(f"/v3/{theirs}")
    assert said["project"]["id"] == theirs


async def test_no_home_travels_where_the_token_is_the_sites_own(cloud):
    token = await cloud.token(SCOPE)
    said = []
    outgoing = cloud.apps["Paris"].house.journey._delivery._outgoing
    delivery = cloud.apps["Paris"].house.journey._delivery

    def watched(*args):
        made = outgoing(*args)
        said.append(dict(made.headers).get("X-Scope-Home"))
        return made

    delivery._outgoing = watched
    assert (await images(cloud, token)).status == 200
    assert set(said) == {None}
