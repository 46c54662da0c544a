"""What services of this site are told of tokens of others: never a 401 that they would take for their own."""

from __future__ import annotations

import pytest

from scopeproxy.model.identity import Token
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
    (asked,) = cloud.seen(mark, "keystone")
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


async def test_the_catalog_of_this_site_is_asked_once_for_a_service(cloud, corte):
    mark = cloud.mark()
    for _ in range(3):
        assert (await corte()).status == 200
    assert [r.site for r in cloud.seen(mark, "keystone")].count("Corte") == 1


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
