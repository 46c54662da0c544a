"""Each site is asked at most once for one request; plans around it are test_runner.py's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.asking import Asking, Take
from scopeproxy.lang.scope import At, Scope
from scopeproxy.lang.wire import Options
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Work

REQUEST = Request("image", "POST", "/v2/images")
WORK = Work(REQUEST, classify(REQUEST), Scope((("image", At("Corte")),)), "Paris")
CALL = Call("Corte", REQUEST)


async def test_two_who_need_a_sites_answer_at_once_share_one_call() -> None:
    asked, gate = [], asyncio.Event()

    async def forward(call: Call) -> Outcome:
        asked.append(call.site)
        await gate.wait()
        return Reply("Corte", 201)

    asking = Asking(WORK, forward, 1000)
    both = asyncio.gather(asking.ask(CALL, Take.ALL), asking.ask(CALL, Take.ALL))
    while not asked:
        await asyncio.sleep(0)
    assert asking.was_asked("Corte")
    gate.set()
    assert await both == [Reply("Corte", 201)] * 2
    assert asked == ["Corte"]


async def test_what_came_to_be_is_remembered_with_the_call_that_made_it() -> None:
    async def forward(call: Call) -> Outcome:
        return Reply(call.site, 201)

    asking = Asking(WORK, forward, 1000)
    await asking.ask(CALL, Take.HEAD)
    assert asking.created == {"Corte": CALL}
    assert asking.asked == {"Corte": Reply("Corte", 201)}


async def test_a_failure_of_our_own_is_that_sites_outcome() -> None:
    async def forward(call: Call) -> Outcome:
        raise SiteFailure("the ledger is full", 503)

    outcome = await Asking(WORK, forward, 1000).ask(CALL, Take.HEAD)
    assert outcome == Unreached("Corte", False, "the ledger is full", asked=False)


async def test_an_exception_reaches_all_who_wait_for_the_answer() -> None:
    async def forward(call: Call) -> Outcome:
        await asyncio.sleep(0)
        raise ValueError("a bug")

    asking = Asking(WORK, forward, 1000)
    results = await asyncio.gather(asking.ask(CALL, Take.HEAD), asking.ask(CALL, Take.HEAD), return_exceptions=True)
    assert [str(result) for result in results] == ["a bug"] * 2
    with pytest.raises(ValueError, match="a bug"):
        await asking.ask(CALL, Take.HEAD)


class Endless:
    """A body of which no more comes."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("take", "status"), [(Take.ALL, 201), (Take.LOOK, 404)])
async def test_an_answer_is_read_within_the_time_that_the_call_has(take: Take, status: int) -> None:
    # A site whose answer dripped held `A|B` and `A&B` for as long as it liked.
    rest = Endless()

    async def forward(call: Call) -> Outcome:
        return Reply(call.site, status, rest=rest)

    outcome = await Asking(replace(WORK, options=Options(timeout=0.01)), forward, 1000).ask(CALL, take)
    assert isinstance(outcome, Unreached)
    assert outcome.sent
    assert rest.closed
