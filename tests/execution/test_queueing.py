"""Which writes go by the journal, and what stands in for the calls that are not made now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.errors import SiteFailure
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
async def ledger(state):
    ledger = Ledger(state, b"k" * 32)
    await ledger.open()
    yield ledger
    await ledger.close()


@pytest.fixture
def health():
    return Health(("Corte", "Marseille"))


@pytest.fixture
def journal(ledger, tmp_path):
    return Journal(ledger, b"k" * 32, spool=str(tmp_path / "spool"))


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
    assert set((await begin(queueing, work())).begun.sites) == {"Paris", "Corte"}


async def test_a_site_believed_down_is_not_tried_unless_all_are(queueing, health):
    health.note("Corte", DOWN)
    one = work()
    queued = await begin(queueing, one)
    assert queued.instead(Call("Paris", one.request)) is None
    assert queued.instead(Call("Corte", one.request)) == Unreached("Corte", False, "believed down")
    health.note("Paris", Unreached("Paris", False, "cut"))
    assert (await begin(queueing, one)).instead(Call("Corte", one.request)) is None


def beside(one):
    """Paris & (Corte | Marseille)."""
    calls = {site: Call(site, one.request) for site in ("Paris", "Corte", "Marseille")}
    return AllOf((calls["Paris"], FirstOf((calls["Corte"], calls["Marseille"]))))


async def sites_of(journal):
    return [entry.site for entry in await journal.entries()]


async def test_of_alternatives_the_journal_knows_the_one_whose_turn_it_is(queueing, journal):
    one = work()
    queued = await queueing.begin(one, beside(one), Found(one.request), Travel("h", "c"), None)
    assert await sites_of(journal) == ["Paris", "Corte"]
    for site in ("Paris", "Corte"):
        await queueing.turn(queued, site)
    assert await sites_of(journal) == ["Paris", "Corte"]
    await queueing.turn(queued, "Marseille")
    assert await sites_of(journal) == ["Paris", "Marseille"]
    await queueing.end(queued, Result(Reply("Paris", 201), None, (Reply("Paris", 201), Reply("Marseille", 201))))
    assert await sites_of(journal) == []


async def test_of_alternatives_that_nobody_did_the_first_gets_it_later(queueing, journal):
    one = work()
    queued = await queueing.begin(one, beside(one), Found(one.request), Travel("h", "c"), None)
    await queueing.turn(queued, "Marseille")
    asked = (Reply("Paris", 201), replace(DOWN, queued=True), Unreached("Marseille", False, "cut"))
    await queueing.end(queued, Result(Reply("Paris", 201), None, asked, (), {"Paris": "p"}))
    (entry,) = await journal.entries()
    assert (entry.site, entry.state.value, entry.unsure) == ("Corte", "queued", False)
    # What comes after it stands behind it, and the other alternative is left alone.
    later = work("PATCH", "/v2/images/p")
    queued = await queueing.begin(later, beside(later), Found(later.request), Travel("h", "c"), None)
    assert queued.begun.behind == {"Corte"}
    await queueing.fail(queued)
    kept = work("PATCH", "/v2/images/p", "keep")
    queued = await queueing.begin(kept, beside(kept), Found(kept.request), Travel("h", "c"), None)
    assert queued.begun.sites == {"Corte"}


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


class Stream:
    """Data as a client sends them."""

    length = None
    replayable = False

    def __init__(self):
        self.opened = 0

    async def open(self):
        self.opened += 1
        yield b"data"


def kept(tmp_path):
    return [path.name.rpartition("-")[2] for path in tmp_path.glob("spool/[!.]*")]


async def test_data_pass_as_they_come_where_nothing_waits(queueing, tmp_path):
    body = Stream()
    queued = await begin(queueing, work("PUT", "/v2/images/p/file", "keep", body))
    assert (queued.begun, queued.data, body.opened) == (None, None, 0)
    assert kept(tmp_path) == []


async def test_data_are_kept_before_they_are_sent_and_until_every_site_has_them(queueing, journal, tmp_path):
    await failing(queueing, {"Paris": "p"})
    one = work("PUT", "/v2/images/p/file", "keep", Stream())
    queued = await begin(queueing, one)
    assert queued.begun.behind == {"Corte"}
    assert kept(tmp_path) == [queued.data.name] == [queued.begun.write]
    assert b"".join([piece async for piece in queued.data.open()]) == b"data"
    waits = Unreached("Corte", False, "behind", queued=True)
    await queueing.end(queued, Result(Reply("Paris", 204), None, (Reply("Paris", 204), waits)))
    _, upload = await journal.entries()
    assert kept(tmp_path) == [upload.write]
    await journal.take(upload)
    await journal.done(upload)
    assert kept(tmp_path) == []
    assert [told.data for told in await journal.told()] == [None]


async def test_of_data_that_every_site_has_nothing_is_left(queueing, journal, tmp_path):
    queued = await begin(queueing, work("PUT", "/v2/images/p/file", "queue", Stream()))
    assert set(queued.begun.sites) == {"Paris", "Corte"}
    await queueing.end(queued, Result(Reply("Paris", 204), None, (Reply("Paris", 204), Reply("Corte", 204))))
    assert (await journal.entries(), kept(tmp_path)) == ([], [])


async def test_a_full_journal_keeps_no_data(journal, health, tmp_path):
    for limits in (Limits(journal_entries=1), Limits(journal_data=3)):
        with pytest.raises(SiteFailure) as refused:
            await begin(Queueing(journal, health, limits), work("PUT", "/v2/images/p/file", "queue", Stream()))
        assert refused.value.status == 507
    assert (await journal.entries(), kept(tmp_path)) == ([], [])


async def test_a_write_that_failed_leaves_nothing(queueing, journal):
    queued = await begin(queueing, work())
    await queueing.end(queued, Result(Reply("Corte", 409), None, (Reply("Paris", 201), Reply("Corte", 409))))
    assert await journal.entries() == []
