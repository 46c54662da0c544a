"""Which writes go by the journal, and what stands in for the calls that are not made now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.errors import NotYet
from scopeproxy.execution.carrying import Found
from scopeproxy.execution.delivery import Travel
from scopeproxy.execution.health import Health
from scopeproxy.execution.journal import Journal
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.queueing import Queueing
from scopeproxy.execution.runner import Result
from scopeproxy.lang.scope import Scope
from scopeproxy.model.messages import Held, Reply, Request, Unreached
from scopeproxy.model.topology import Limits
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import AllOf, Call, FirstOf, Work

EMPTY = Held(b"{}")
DOWN = Unreached("Corte", False, "cut")


@pytest.fixture
async def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/state.db", b"k" * 32)
    await ledger.open()
    yield ledger
    await ledger.close()


@pytest.fixture
def health():
    return Health(("Corte", "Marseille"))


@pytest.fixture
def journal(ledger):
    return Journal(ledger, b"k" * 32)


@pytest.fixture
def queueing(journal, health):
    return Queueing(journal, health, Limits())


def work(method="POST", target="/v2/images", policy="queue", body=EMPTY):
    request = Request("image", method, target, (), body)
    return Work(request, classify(request), Scope(), "Paris", policy=policy)


def plan_of(one, kind=AllOf):
    return kind(tuple(Call(site, one.request) for site in ("Paris", "Corte")))


async def begin(queueing, one, kind=AllOf):
    return await queueing.begin(one, plan_of(one, kind), Found(one.request), Travel("h", "c"), None)


async def test_only_what_goes_to_all_is_written_down_and_only_where_the_policy_says_so(queueing, journal):
    assert (await begin(queueing, work(), FirstOf)).begun is None
    assert (await begin(queueing, work(policy="undo"))).begun is None
    assert set((await begin(queueing, work())).begun.entries) == {"Paris", "Corte"}


async def test_a_site_believed_down_is_not_tried_unless_all_are(queueing, health):
    health.note("Corte", DOWN)
    one = work()
    queued = await begin(queueing, one)
    assert queued.instead(Call("Paris", one.request)) is None
    assert queued.instead(Call("Corte", one.request)) == Unreached("Corte", False, "believed down")
    health.note("Paris", Unreached("Paris", False, "cut"))
    assert (await begin(queueing, one)).instead(Call("Corte", one.request)) is None


async def failing(queueing, ids):
    one = work()
    queued = await begin(queueing, one)
    missed = Unreached("Corte", False, "cut", queued=True)
    await queueing.end(queued, Result(Reply("Paris", 201), None, (Reply("Paris", 201), missed), (), ids))


async def test_what_comes_later_queues_behind_under_any_policy_and_by_any_replicas_id(queueing, journal):
    await failing(queueing, {"Paris": "p"})
    for id_ in ("p", "m"):
        one = replace(work("PATCH", f"/v2/images/{id_}", "keep"), replicas={"Paris": "p", "Marseille": "m"})
        queued = await begin(queueing, one)
        instead = queued.instead(Call("Corte", one.request))
        assert instead is not None
        assert instead.queued
        assert queued.instead(Call("Paris", one.request)) is None
        await queueing.fail(queued)
    assert len(await journal.entries()) == 1


async def test_data_cannot_queue_and_are_refused_before_they_are_sent(queueing, journal):
    await failing(queueing, {"Paris": "p"})

    class Stream:
        length = None
        replayable = False

        def open(self):
            raise AssertionError("it is not read")

    with pytest.raises(NotYet, match="earlier writes to p still wait for Corte"):
        await begin(queueing, work("PUT", "/v2/images/p/file", "keep", Stream()))
    assert len(await journal.entries()) == 1


async def test_a_write_that_failed_leaves_nothing(queueing, journal):
    queued = await begin(queueing, work())
    await queueing.end(queued, Result(Reply("Corte", 409), None, (Reply("Paris", 201), Reply("Corte", 409))))
    assert await journal.entries() == []
