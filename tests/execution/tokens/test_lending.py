"""A third site's token: asked at Paris, nova at Corte needs an image of Marseille's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.reading import discard
from scopeproxy.execution.tokens.lending import tell_site, told_site
from scopeproxy.model.identity import Identity, SiteToken, Token
from scopeproxy.model.messages import Request

SCOPE = "{nova: Corte, glance: Marseille}"
PAGE = "/.well-known/scopeproxy/peer/token"


async def boot(cloud, token):
    server = {"name": "vm", "flavorRef": next(iter(cloud.emulated.site("Corte").nova.flavors.items))}
    server |= {"imageRef": cloud.image("Debian"), "networks": "none"}
    return await cloud.call(
        "Paris", "compute", "POST", "/v2.1/servers", scope=SCOPE, token=token, body={"server": server}
    )


@pytest.fixture
async def corte(cloud):
    """A login under the scope, and Corte's token for it."""
    token = await cloud.token(SCOPE)
    login = await cloud.apps["Paris"].lasting.ledger.login(Token(token).fingerprint)
    return token, login.sites["Corte"].token


async def lent(cloud, token, by="Corte", site="Marseille"):
    """What the entry answers to another site's proxy that asks for Marseille's token."""
    delivery = cloud.apps[by].house.journey._delivery
    request = Request("identity", "GET", f"{PAGE}?site={site}", (("X-Auth-Token", token.value),))
    reply = await delivery.deliver("Paris", request, Travel("h", "127.0.0.1"))
    await discard(reply)
    return reply.status


async def test_the_entry_lends_a_third_sites_token(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    assert (await boot(cloud, token)).status == 202
    asked = [(r.site, r.user, r.status) for r in cloud.seen(mark, "glance") if "schemas" not in r.path]
    assert asked == [("Marseille", "alice", 200)]


async def test_it_is_lent_to_the_site_that_shows_the_token_it_was_given(cloud, corte):
    token, theirs = corte
    assert await lent(cloud, theirs) == 200
    assert await lent(cloud, Token(token)) == 404
    assert await lent(cloud, Token("guess")) == 404
    assert await lent(cloud, theirs, by="Marseille") == 404


async def test_no_site_borrows_its_own_token(cloud, corte):
    _, theirs = corte
    assert await lent(cloud, theirs, site="Corte") == 404


async def test_of_a_site_that_is_none_nothing_is_lent(cloud, corte):
    await cloud.use("Paris", tokens=("login", "account"))
    assert await lent(cloud, corte[1], site="Nowhere") == 404


@pytest.mark.parametrize("account", [True, False])
def test_whose_a_token_is_goes_with_it(account):
    identity = Identity("u", "p", 9e9)
    token = SiteToken("Marseille", Token("t"), identity, account)
    assert told_site("Marseille", json.loads(json.dumps(tell_site(token)))) == token


async def test_nobody_but_a_trusted_peer_may_ask(cloud, corte):
    _, theirs = corte
    unsigned = await cloud.call("Paris", "identity", "GET", f"{PAGE}?site=Marseille", token=theirs.value)
    assert unsigned.status == 403
    await cloud.use("Paris", trust=("Marseille",))
    assert await lent(cloud, theirs) == 403


async def test_it_is_not_lent_where_the_operator_sends_no_tokens(cloud, corte):
    _, theirs = corte
    credentials = cloud.topology.sites["Paris"].proxy.credentials
    await cloud.use("Paris", credentials=replace(credentials, token_to=("Marseille",)))
    assert await lent(cloud, theirs) == 404


async def test_none_is_borrowed_where_the_operator_sends_no_tokens(cloud):
    await cloud.use(tokens=("login",))
    token = await cloud.token(SCOPE)
    credentials = cloud.topology.sites["Corte"].proxy.credentials
    await cloud.use("Corte", credentials=replace(credentials, token_to=("Marseille",)))
    mark = cloud.mark()
    await boot(cloud, token)
    (told,) = {r.error for r in cloud.apps["Corte"].lasting.records.last() if r.service == "image" and r.status == 401}
    assert "Corte sends no token to Paris" in str(told)
    assert [r for r in cloud.seen(mark, "glance") if "schemas" not in r.path] == []


async def test_it_is_not_lent_once_the_clients_token_was_revoked(cloud, corte):
    token, theirs = corte
    cloud.emulated.site("Paris").keystone.issued.revoke(token)
    await cloud.use(validated_within=0.0)
    assert await lent(cloud, theirs) == 404


async def test_an_issuer_that_cannot_be_asked_is_no_refusal(cloud, corte):
    """It was told as a 401, on which clients log in again for nothing."""
    _, theirs = corte
    await cloud.use(validated_within=0.0)
    await cloud.emulated.site("Paris").misbehave("identity", "refuse")
    assert await lent(cloud, theirs) == 503


async def test_what_was_lent_is_revoked_with_the_clients_token(cloud):
    token = await cloud.token(SCOPE)
    assert (await boot(cloud, token)).status == 202
    headers = {"X-Subject-Token": token}
    gone = await cloud.call("Paris", "identity", "DELETE", "/v3/auth/tokens", token=token, headers=headers)
    assert gone.status == 204
    for app in cloud.apps.values():
        await app.lasting.ledger.purge()
        assert app.lasting.ledger.describe()["logins"] == 0
