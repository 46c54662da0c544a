"""No token is used beyond its site before its issuer has vouched for it."""

from __future__ import annotations

import pytest

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.tokens.broker import Asked
from scopeproxy.execution.tokens.vouching import Vouching
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Reply, Unreached
from scopeproxy.model.topology import Address, Credentials, Endpoint, ProxySettings, Site, Topology, Url

END = Endpoint(Url("http", Address("127.0.0.1", 80)))
ASKED = Asked("image", "Marseille", Token("t"), "Paris", "Corte")


class Answers:
    def __init__(self, answer):
        self.answer, self.asked, self.revoked = answer, [], []

    async def identity(self, token, issuer):
        self.asked.append(issuer)
        return self.answer

    async def revoke(self, fingerprint):
        self.revoked.append(fingerprint)


def vouching(answers, **proxy):
    names = ("Paris", "Corte", "Marseille")
    sites = {name: Site(name, name, {"identity": END}, proxy=ProxySettings(**proxy)) for name in names}
    return Vouching(Topology(sites), "Paris", answers, answers)


async def test_the_issuer_is_asked_who_it_is():
    answers = Answers(Identity("u", "p", 9e9))
    assert await vouching(answers).identity(ASKED) == answers.answer
    assert answers.asked == ["Corte"]


async def test_an_issuer_that_cannot_be_asked_is_the_outcome_of_the_site():
    outcome = await vouching(Answers(Unreached("Corte", True, "cut"))).identity(ASKED)
    assert outcome == Unreached("Marseille", False, "Corte, which issued the token, cannot be asked: cut")


async def test_a_token_that_is_good_no_more_takes_along_what_was_had_for_it():
    answers = Answers(None)
    with pytest.raises(Unauthorized, match="Corte does not accept the token any more: log in again"):
        await vouching(answers).identity(ASKED)
    assert answers.revoked == [Token("t").fingerprint]


async def test_no_token_is_shown_to_its_issuer_against_the_operators_will():
    answers = Answers(None)
    outcome = await vouching(answers, credentials=Credentials(token_to=("Marseille",))).identity(ASKED)
    assert isinstance(outcome, Reply)
    assert (outcome.status, answers.asked) == (401, [])
