"""What services of this site are told of tokens of others: never a 401 that they would take for their own."""

from __future__ import annotations

import pytest

from scopeproxy.execution.carrying import Found
from scopeproxy.execution.delivery import Travel
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Request, json_reply
from scopeproxy.model.topology import HomeRules

SCOPE = "{glance: Corte}"


@pytest.fixture
async def corte(cloud):
    """Asks Corte's keystone front as one of its services does, about a token that Corte's proxy tagged."""
    await cloud.use(tokens=("home",))
    theirs = await cloud.token(user="glance", password="secret", project="service", site="Corte")
    token = await cloud.token()
    tags = cloud.apps["Corte"].lasting.tags
    tagged = tags.tag(Token(token), "{}", "Paris", "Paris", 4e9).value

    async def ask(method="GET", query="", service=theirs, subject=tagged):
        path = f"/v3/auth/tokens{query}"
        return await cloud.call("Corte", "identity", method, path, token=service, headers={"X-Subject-Token": subject})

    ask.token, ask.service = token, theirs
    return ask


async def test_the_answer_is_the_homes_with_what_is_this_sites(cloud, corte):
    answer = await corte()
    assert answer.status == 200
    assert answer.headers["x-subject-token"] == corte.token
    said = answer.json["token"]
    assert said["project"]["id"] == cloud.emulated.site("Paris").project("demo")
    assert {role["name"] for role in said["roles"]} == {"member", "reader"}
    assert {e["region"] for s in said["catalog"] for e in s["endpoints"]} == {"Corte"}


async def test_the_token_stands_in_both_headers_at_its_home_and_the_query_is_kept(cloud, corte):
    mark = cloud.mark()
    answer = await corte(query="?nocatalog&allow_expired=1")
    assert answer.status == 200
    assert "catalog" not in answer.json["token"]
    (asked,) = [r for r in cloud.seen(mark, "keystone") if r.site == "Paris"]
    assert (asked.site, asked.user, asked.target) == ("Paris", "alice", "/v3/auth/tokens?nocatalog&allow_expired=1")


async def test_a_head_has_no_body(corte):
    answer = await corte("HEAD")
    assert (answer.status, answer.body) == (200, b"")


async def test_the_homes_401_is_a_404(cloud, corte):
    cloud.emulated.site("Paris").keystone.issued.revoke(corte.token)
    answer = await corte()
    assert answer.status == 404
    assert "Paris does not accept it any more" in answer.json["error"]["message"]


async def test_a_refusal_of_the_services_own_token_is_told_to_it_as_a_401(cloud, corte):
    """It logs in again then, as keystonemiddleware does."""
    assert (await corte(service="nobody's")).status == 401
    assert (await corte(service=None)).status == 401
    await cloud.use("Corte", homes={"Paris": HomeRules(projects={"demo": "demo"})})
    assert (await corte("GET", "?nocatalog", service="nobody's")).status == 401


@pytest.mark.parametrize("how", ["refuse", "500"])
async def test_a_home_that_cannot_be_asked_is_a_503(cloud, corte, how):
    await cloud.emulated.site("Paris").misbehave("identity", how)
    answer = await corte()
    assert answer.status == 503
    assert "Paris" in answer.json["error"]["message"]


@pytest.mark.parametrize("proxy", [{"trust": ("Marseille",)}, {"tokens": ("login",)}])
async def test_a_home_that_is_honoured_no_more_is_a_404(cloud, corte, proxy):
    mark = cloud.mark()
    await cloud.use("Corte", **proxy)
    assert (await corte()).status == 404
    assert cloud.seen(mark) == []


async def test_without_a_local_catalog_the_homes_is_made_this_sites(cloud, corte):
    foreign = cloud.apps["Corte"].house.journey._identity._foreign

    async def none(token, ask):
        return None

    foreign._directory.catalog = none
    said = (await corte()).json["token"]
    urls = {e["url"] for s in said["catalog"] for e in s["endpoints"]}
    fronts = cloud.emulated.site("Corte").fronts
    assert {e["region"] for s in said["catalog"] for e in s["endpoints"]} == {"Corte"}
    assert all(url.startswith(tuple(fronts.values())) for url in urls)


async def test_this_sites_keystone_is_asked_once_for_the_catalog_and_for_whom_it_does_not_know(cloud, corte):
    mark = cloud.mark()
    for _ in range(3):
        assert (await corte()).status == 200
    asked = [r for r in cloud.seen(mark, "keystone") if r.site == "Corte"]
    assert [r.path.split("/")[2] for r in asked] == ["projects", "users", "auth"]
    assert [(r.user, r.status) for r in asked] == [("glance", 404), ("glance", 404), ("glance", 200)]


@pytest.fixture
async def lying(cloud, corte):
    """What Corte's services are told when the keystone of Paris says whatever it likes."""
    user = {"id": "a" * 32, "name": "alice", "domain": {"id": "default", "name": "Default"}}
    project = {"id": "b" * 32, "name": "demo", "domain": {"id": "default", "name": "Default"}}
    token = {"user": user, "project": project, "roles": [{"id": "1", "name": "member"}]}
    service = Token(corte.service)

    async def told(**changed):
        calls = cloud.apps["Corte"].house.journey._identity
        said = {"token": {**token, "expires_at": "2099-01-01T00:00:00Z", **changed}}

        async def ask(travel, site, request):
            if site == "Paris":
                return json_reply("Paris", 200, said, (("X-Subject-Token", "another"),))
            return await calls._ask_whole(travel, site, request)

        request = Request("identity", "GET", "/v3/auth/tokens?nocatalog")
        found = Found(request, service, Token(corte.token), subject_home="Paris")
        return await calls._foreign.validate(request, found, Travel("h", "127.0.0.1"), ask)

    return told


async def test_a_home_cannot_tell_that_its_client_is_one_of_this_site(cloud, lying):
    site = cloud.emulated.site("Corte")
    ours = {"id": site.project("demo"), "name": "demo", "domain": {"id": "default"}}
    answer = await lying(project=ours)
    assert answer.status == 404
    assert f"this site has a project of the id {ours['id']} itself" in answer.json["error"]["message"]
    users = site.keystone.directory.items["users"]
    alice = {**ours, "id": next(id_ for id_, user in users.items() if user["name"] == "alice"), "name": "alice"}
    answer = await lying(user=alice)
    assert answer.status == 404
    assert f"this site has a user of the id {alice['id']} itself" in answer.json["error"]["message"]
    assert (await lying()).status == 200


async def test_an_operator_may_say_so(cloud, lying):
    ours = {"id": cloud.emulated.site("Corte").project("demo"), "name": "demo", "domain": {"id": "default"}}
    await cloud.use("Corte", homes={"Paris": HomeRules(projects={ours["id"]: ours["id"]})})
    assert (await lying(project=ours)).json["token"]["project"]["id"] == ours["id"]


@pytest.mark.parametrize("project", [{}, {"id": ""}, {"id": 0}, {"id": "default"}, {"id": "A" * 32}, {"id": 5}, "demo"])
async def test_a_project_whose_id_is_none_is_refused(lying, project):
    assert (await lying(project=project)).status == 404


@pytest.mark.parametrize(
    ("scope", "whole"), [({"system": {"all": True}}, "the system"), ({"domain": {"id": "default"}}, "a domain")]
)
async def test_a_token_for_more_than_a_project_is_refused(lying, scope, whole):
    answer = await lying(**scope)
    assert answer.status == 404
    assert f"for {whole} as a whole" in answer.json["error"]["message"]


async def test_the_answer_is_about_the_token_that_was_asked_about(corte, lying):
    assert (await lying()).header("X-Subject-Token") == corte.token


async def test_an_untagged_token_is_this_sites_own_affair(cloud, corte):
    mark = cloud.mark()
    assert (await corte(subject=corte.token)).status == 404
    assert {r.site for r in cloud.seen(mark)} == {"Corte"}


async def test_what_is_refused_does_not_fill_the_memory(cloud, corte, monkeypatch):
    monkeypatch.setattr("scopeproxy.execution.tokens.foreign._REMEMBERED", 2)
    foreign = cloud.apps["Corte"].house.journey._identity._foreign
    for n in range(5):
        foreign._not_good(Token(str(n)), "Paris", "no")
    assert len(foreign._reasons) == 2
