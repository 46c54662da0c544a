"""The first strategy that applies; and what stands for a token that nobody has."""

from __future__ import annotations

import pytest

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.tokens.broker import Asked, Broker, Grant, own_ids
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Unreached

ASKED = Asked("image", "Corte", Token("client's"), "Paris")


class Strategy:
    def __init__(self, name, answer):
        self.name, self.answer, self.asked = name, answer, 0

    async def grant(self, asked):
        self.asked += 1
        return self.answer


async def test_the_first_strategy_that_applies_is_the_one():
    no, yes, never = Strategy("a", None), Strategy("b", Grant(Token("t"))), Strategy("c", Grant(Token("u")))
    assert await Broker([no, yes, never], True).grant(ASKED) == Grant(Token("t"))
    assert (no.asked, yes.asked, never.asked) == (1, 1, 0)


async def test_an_outcome_of_a_strategy_is_final():
    down = Unreached("Corte", False, "down")
    assert await Broker([Strategy("a", down), Strategy("b", Grant(None))], True).grant(ASKED) == down


@pytest.mark.parametrize(("names", "told"), [(("login", "home"), "login, home"), ((), "proxy.tokens")])
async def test_none_that_applies_is_a_401_that_names_site_and_strategies(names, told):
    with pytest.raises(Unauthorized, match=f"Corte.*{told}") as refusal:
        await Broker([Strategy(name, None) for name in names], True).grant(ASKED)
    assert "client's" not in str(refusal.value)


async def test_without_a_keystone_anywhere_credentials_pass_as_they_are():
    assert await Broker([Strategy("a", None)], False).grant(ASKED) == Grant(Token("client's"))
    assert await Broker([], True).grant(None) == Grant(None)


def test_own_ids_are_those_that_differ():
    here, there = Identity("u", "p", 0), Identity("u", "q", 0)
    assert own_ids(here, there) == {"p": "q"}
    assert own_ids(here, Identity("v", None, 0)) == {"u": "v"}
