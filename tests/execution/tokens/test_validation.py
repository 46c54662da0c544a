"""One question to an issuer at a time, and its answer for a while."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from scopeproxy.execution.tokens.validation import Validator
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Reply, Unreached

TOKEN = Token("t")


class Issuer:
    """A keystone that answers what it is told, once it may."""

    def __init__(self):
        self.status, self.asked, self.open = 200, [], asyncio.Event()
        self.open.set()

    async def __call__(self, site, request):
        self.asked.append((site, request.header("X-Auth-Token"), request.header("X-Subject-Token"), request.target))
        await self.open.wait()
        if self.status == 0:
            return Unreached(site, False, "down")
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(5000))
        token = {"user": {"id": "u"}, "project": {"id": site}, "roles": [{"name": "member"}], "expires_at": end}
        return Reply(site, self.status, (), json.dumps({"token": token}).encode())


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def validator(issuer, clock):
    return Validator(issuer, 60, clock)


async def test_a_token_validates_itself_without_a_catalog(validator, issuer):
    identity = await validator.identity(TOKEN, "Paris")
    assert identity == Identity("u", "Paris", 5000.0, frozenset({"member"}))
    assert issuer.asked == [("Paris", "t", "t", "/v3/auth/tokens?nocatalog")]


async def test_a_good_answer_holds_for_a_while_and_never_longer_than_the_token(validator, issuer, clock):
    for now, asked in ((1000, 1), (1059, 1), (1060, 2), (1100, 2), (4990, 3), (5000, 4)):
        clock.now = now
        await validator.identity(TOKEN, "Paris")
        assert len(issuer.asked) == asked


@pytest.mark.parametrize(("status", "answer"), [(404, None), (401, None), (403, None)])
async def test_a_refusal_is_not_remembered(validator, issuer, status, answer):
    issuer.status = status
    assert await validator.identity(TOKEN, "Paris") is answer
    issuer.status = 200
    assert isinstance(await validator.identity(TOKEN, "Paris"), Identity)


@pytest.mark.parametrize("status", [0, 500, 503, 300])
async def test_an_issuer_that_gives_no_answer_is_unreached(validator, issuer, status):
    issuer.status = status
    assert isinstance(await validator.identity(TOKEN, "Paris"), Unreached)


async def test_what_one_site_said_is_no_answer_for_another(validator, issuer):
    validator.vouched(TOKEN, Identity("u", "p", 5000.0), "Corte")
    assert (await validator.identity(TOKEN, "Paris")).project_id == "Paris"
    assert len(issuer.asked) == 1


async def test_a_revoked_token_is_asked_for_again(validator, issuer):
    validator.vouched(TOKEN, Identity("u", "p", 5000.0), "Paris")
    validator.forget(TOKEN.fingerprint)
    await validator.identity(TOKEN, "Paris")
    assert len(issuer.asked) == 1


class Endless:
    closed = False

    async def __aiter__(self):
        await asyncio.Event().wait()
        yield b""

    async def aclose(self):
        self.closed = True


async def test_an_answer_that_does_not_end_is_none():
    rest = Endless()

    async def ask(site, request):
        return Reply(site, 200, rest=rest)

    assert isinstance(await Validator(ask, 60, patience=0.01).identity(TOKEN, "Paris"), Unreached)
    assert rest.closed


async def asking(validator, count):
    tasks = [asyncio.create_task(validator.identity(TOKEN, "Paris")) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("status", [200, 0, 404])
async def test_who_asks_at_the_same_time_shares_one_question_and_its_failure(validator, issuer, status):
    """With an issuer that hung, a hundred calls waited for their turns, a minute each."""
    issuer.status = status
    issuer.open.clear()
    tasks = await asking(validator, 10)
    issuer.open.set()
    answers = await asyncio.gather(*tasks)
    assert len(issuer.asked) == 1
    assert len(set(answers)) == 1


async def test_when_the_one_that_asks_leaves_the_next_takes_over(validator, issuer):
    issuer.open.clear()
    first, *others = await asking(validator, 3)
    first.cancel()
    await asyncio.wait((first,))
    issuer.open.set()
    answers = await asyncio.gather(*others)
    assert len(issuer.asked) == 2
    assert all(isinstance(answer, Identity) for answer in answers)


async def test_memory_is_bounded(validator, monkeypatch):
    monkeypatch.setattr("scopeproxy.execution.tokens.validation._REMEMBERED", 3)
    for number in range(10):
        validator.vouched(Token(str(number)), Identity("u", "p", 5000.0), "Paris")
    assert len(validator._known) == 3
    assert not validator._asking
