"""The first strategy that applies; and what stands for a token that nobody has."""

from __future__ import annotations

import pytest

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.tokens.broker import Asked, Broker, Grant, NotThis, own_ids
from scopeproxy.execution.tokens.issuers import Issuers
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Reply, Unreached
from scopeproxy.model.topology import Address, Credentials, Endpoint, ProxySettings, Site, Topology, Url

ASKED = Asked("image", "Corte", Token("client's"), "Paris")


class Strategy:
    def __init__(self, name, answer):
        self.name, self.answer, self.asked = name, answer, []

    async def grant(self, asked):
        self.asked.append(asked)
        return self.answer


class NoLogins:
    async def login(self, fingerprint):
        return None


def sites(*tokens, services=("identity", "image"), **proxy):
    end = Endpoint(Url("http", Address("127.0.0.1", 80)))
    settings = ProxySettings(tokens=tokens, **proxy)
    return Topology(
        {name: Site(name, name, dict.fromkeys(services, end), proxy=settings) for name in ("Paris", "Corte")}
    )


def broker(strategies, topology, metrics=None):
    return Broker(strategies, topology, "Paris", Issuers(topology, "Paris", NoLogins()), metrics or Metrics("Paris"))


async def test_the_first_strategy_that_applies_is_the_one_in_the_operators_order():
    no, yes, never = Strategy("home", NotThis("x")), Strategy("login", Grant(Token("t"))), Strategy("shared", None)
    metrics = Metrics("Paris")
    granted = await broker([never, yes, no], sites("home", "login", "shared"), metrics).grant(ASKED)
    assert granted == Grant(Token("t"))
    assert (len(no.asked), len(yes.asked), len(never.asked)) == (1, 1, 0)
    assert no.asked[0].home == "Paris"
    count = {"site": "Corte", "strategy": "login", "outcome": "granted"}
    assert metrics.registry.get_sample_value("scopeproxy_token_grants_total", count) == 1


async def test_an_outcome_of_a_strategy_is_final():
    down = Unreached("Corte", False, "down")
    both = [Strategy("login", down), Strategy("home", Grant(None))]
    assert await broker(both, sites("login", "home")).grant(ASKED) == down


async def test_a_refusal_stands_where_no_account_stands_in():
    no, nor = Reply("Corte", 401, (), b"no"), Reply("Corte", 401, (), b"nor")
    topology, login, home = sites("login", "home", "account"), Strategy("login", no), Strategy("home", Grant(None))
    for account, answer in ((NotThis("x"), no), (nor, no), (Grant(Token("t")), Grant(Token("t")))):
        assert await broker([login, home, Strategy("account", account)], topology).grant(ASKED) == answer
    assert home.asked == []


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        (("login", "federated"), r"tried login \(no idea\), federated \(not built yet\); log in again"),
        ((), r"proxy.tokens is empty; login would do"),
    ],
)
async def test_none_that_applies_is_a_401_that_names_the_site_the_strategies_and_the_remedy(tokens, told):
    with pytest.raises(Unauthorized, match=f"no token for Corte: .*{told}") as refusal:
        await broker([Strategy("login", NotThis("no idea"))], sites(*tokens)).grant(ASKED)
    assert "client's" not in str(refusal.value)


async def test_the_issuer_is_shown_its_own_token():
    asked = Asked("image", "Corte", Token("t"), "Paris", "Corte")
    assert await broker([], sites("login")).grant(asked) == Grant(Token("t"))


async def test_what_the_operator_withholds_is_granted_by_no_strategy():
    asked = Asked("image", "Corte", Token("t"), "Paris", "Corte")
    answer = await broker([], sites("login", credentials=Credentials(token_to=()))).grant(asked)
    assert isinstance(answer, Reply)
    assert "token_to does not allow it" in answer.json["error"]["message"]


@pytest.mark.parametrize("home", ["Nice", "Paris\n"])
async def test_a_home_that_is_no_site_is_refused(home):
    with pytest.raises(Unauthorized, match="same topology file"):
        await broker([], sites("home")).grant(Asked("image", "Corte", Token("t"), "Paris", home))


async def test_without_a_keystone_anywhere_credentials_pass_as_they_are():
    assert await broker([], sites("login", services=("image",))).grant(ASKED) == Grant(Token("client's"))
    assert await broker([], sites("login")).grant(None) == Grant(None)


def test_own_ids_are_those_that_differ():
    here, there = Identity("u", "p", 0), Identity("u", "q", 0)
    assert own_ids(here, there) == {"p": "q"}
    assert own_ids(here, Identity("v", None, 0)) == {"u": "v"}
