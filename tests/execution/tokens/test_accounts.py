"""Logins by the operator's accounts: one for each client's token, and not more than the site's keystone stands."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.tokens.broker import NotThis
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token
from scopeproxy.model.topology import Account

PASSWORD = "of-the-account"


@pytest.fixture
async def accounts(cloud, tmp_path):
    """Those of the house of Paris."""
    file = tmp_path / "corte.pw"
    file.write_text(f"{PASSWORD}\n")
    file.chmod(0o600)
    row = Account("member", "paris", str(file), {"demo": "demo"})
    keystone = cloud.emulated.site("Corte").keystone.directory
    user = keystone.create("users", {"name": "paris", "password": PASSWORD})["id"]
    role = keystone.named("roles", "member")["id"]
    keystone.grant(user, role, ("project", cloud.emulated.site("Corte").project("demo")))
    await cloud.use("Paris", tokens=("account",), accounts={"Corte": (row,)})
    return cloud.apps["Paris"].house.journey._calling._broker._strategies["account"]._accounts


async def client(cloud, token=None):
    """The login of alice at Paris, as her keystone tells it."""
    token = Token(token or await cloud.token())
    validator = cloud.apps["Paris"].house.journey._identity._validator
    identity = await validator.identity(token, "Paris")
    assert isinstance(identity, Identity)
    return Login(token.fingerprint, "Paris", identity, 0.0, {"Paris": SiteToken("Paris", token, identity)})


def logins(cloud, mark):
    return [r for r in cloud.seen(mark, "keystone", "Corte") if r.method == "POST"]


async def test_calls_of_one_token_at_once_need_one_login(cloud, accounts):
    login, mark = await client(cloud), cloud.mark()
    first, *others = await asyncio.gather(*(accounts.token(login, "image", "Corte") for _ in range(5)))
    assert isinstance(first, SiteToken)
    assert others == [first] * 4
    assert len(logins(cloud, mark)) == 1
    assert first.identity.user == "paris"


async def test_each_clients_token_has_its_own(cloud, accounts):
    one = await accounts.token(await client(cloud), "image", "Corte")
    other = await accounts.token(await client(cloud), "image", "Corte")
    assert one.token.fingerprint != other.token.fingerprint


async def test_a_refusal_stands_for_a_while(cloud, accounts):
    keystone = cloud.emulated.site("Corte").keystone.directory
    keystone.passwords[keystone.named("users", "paris")["id"]] = "changed"
    login, mark = await client(cloud), cloud.mark()
    failed = await accounts.token(login, "image", "Corte")
    assert isinstance(failed, FailedLogin)
    assert failed.status == 401
    assert failed.why == (
        "its keystone answered HTTP 401 to the account 'paris' in project 'demo': see proxy.accounts of Paris"
    )
    assert await accounts.token(login, "image", "Corte") == failed
    assert len(logins(cloud, mark)) == 1
    keystone.passwords[keystone.named("users", "paris")["id"]] = PASSWORD
    accounts._now = lambda now=accounts._now: now() + 31
    assert isinstance(await accounts.token(login, "image", "Corte"), SiteToken)


async def test_a_keystone_that_is_away_is_said_to_be(cloud, accounts):
    cloud.emulated.links.cut("Paris", "Corte")
    failed = await accounts.token(await client(cloud), "image", "Corte")
    assert isinstance(failed, FailedLogin)
    assert failed.status is None


async def test_a_token_that_is_revoked_meanwhile_takes_the_new_one_along(cloud, accounts):
    login, ledger = await client(cloud), cloud.apps["Paris"].lasting.ledger
    add = ledger.add_site_token

    async def revoked_first(fingerprint, entry):
        await ledger.forget_login(fingerprint)
        return await add(fingerprint, entry)

    ledger.add_site_token = revoked_first
    with pytest.raises(Unauthorized, match="was revoked: log in again"):
        await accounts.token(login, "image", "Corte")
    issued = cloud.emulated.site("Corte").keystone.issued
    user = cloud.emulated.site("Corte").keystone.directory.named("users", "paris")["id"]
    assert not [t for value in list(issued._issued) if (t := issued.find(value)) is not None and t.user == user]


@pytest.mark.parametrize(
    ("site", "why"),
    [("Marseille", "proxy.accounts of Paris has no row for Marseille"), ("Paris", "has no row for Paris")],
)
async def test_a_site_without_a_row_has_none(cloud, accounts, site, why):
    answer = await accounts.token(await client(cloud), "image", site)
    assert isinstance(answer, NotThis)
    assert why in answer.why
