"""A write is in the journal before it is sent, and until every site has done it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.errors import SiteFailure
from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.health import Health
from scopeproxy.execution.journal import About, Journal, owner_of
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.replay import Replay
from scopeproxy.execution.replicas import Replicas
from scopeproxy.model.identity import Identity, Login, SiteToken, Token
from scopeproxy.model.messages import Held, Reply, Request, Unreached
from scopeproxy.planning.intent import classify
from scopeproxy.planning.journal import QUIET, State
from scopeproxy.planning.replica_news import ReplicaSet

CREATE = Request("image", "POST", "/v2/images", (), Held(b'{"name": "x"}'))
QUEUED = Unreached("Corte", False, "cut", queued=True)
PARIS = Reply("Paris", 201)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def ledger(state, clock):
    ledger = Ledger(state, b"k" * 32, clock)
    await ledger.open()
    yield ledger
    await ledger.close()


@pytest.fixture
def journal(ledger, clock):
    return Journal(ledger, b"k" * 32, clock=clock)


async def begin(journal, request=CREATE, everywhere=True, most=10, sites=("Paris", "Corte")):
    letters = {site: Letter(request, "", token=Token("t")) for site in sites}
    return await journal.begin(letters, About.of(request, classify(request), "u:p"), most, 10_000, everywhere)


def on(id_, method="DELETE"):
    return Request("image", method, f"/v2/images/{id_}", (), Held())


async def states(journal):
    return [(one.site, one.state, one.unsure) for one in await journal.entries()]


async def test_a_write_is_there_before_it_is_sent_and_gone_when_all_did_it(journal):
    begun = await begin(journal)
    assert await states(journal) == [("Paris", State.SENDING, True), ("Corte", State.SENDING, True)]
    assert await journal.recover() == 0
    await journal.settle(begun, [PARIS, Reply("Corte", 201)], {"Paris": "p", "Corte": "c"})
    assert await states(journal) == []


async def test_what_a_site_missed_stays_under_the_name_it_has_elsewhere(journal):
    await journal.settle(await begin(journal), [PARIS, QUEUED], {"Paris": "p"})
    assert await states(journal) == [("Corte", State.QUEUED, False)]
    behind = await begin(journal, on("p", "PATCH"), everywhere=False)
    assert behind.behind == {"Corte"}
    assert list(behind.sites) == ["Corte"]
    assert await begin(journal, on("other", "PATCH"), everywhere=False) is None


async def test_a_killed_proxy_leaves_what_may_have_happened(journal, ledger, clock):
    await begin(journal)
    after = Journal(ledger, b"k" * 32, clock=clock)
    assert await after.recover() == 2
    assert await states(after) == [("Paris", State.QUEUED, True), ("Corte", State.QUEUED, True)]
    assert all(one.next_try == clock.now + QUIET for one in await after.entries())


async def test_another_process_takes_over_only_what_is_left(ledger, clock):
    first, second = (Journal(ledger, b"k" * 32, True, clock) for _ in range(2))
    await begin(first)
    assert await first.leads()
    assert not await second.leads()
    clock.now += 10
    assert await first.recover() == await second.recover() == 0
    clock.now += 10
    assert await second.recover() == 0
    clock.now += 10
    assert await second.recover() == 2
    assert await second.leads()


async def test_a_delete_cancels_its_create(journal):
    await journal.settle(await begin(journal), [PARIS, QUEUED], {"Paris": "p"})
    gone = await begin(journal, on("p"))
    assert gone.behind == {"Corte"}
    await journal.settle(gone, [Reply("Paris", 204), QUEUED], {})
    assert await states(journal) == []


async def test_a_write_that_failed_as_a_whole_is_forgotten(journal):
    await journal.forget(await begin(journal))
    assert await states(journal) == []


class Flaky:
    """A ledger that fails when it is told to."""

    def __init__(self, ledger):
        self._ledger, self.fails = ledger, False
        self.read = ledger.read

    async def write(self, work, durable=False):
        if self.fails:
            raise SiteFailure("the ledger of this site does not work", 503)
        return await self._ledger.write(work, durable)


@pytest.mark.parametrize("done", [True, False])
async def test_what_became_of_a_write_is_told_to_the_ledger_when_that_works_again(ledger, clock, done):
    flaky = Flaky(ledger)
    journal = Journal(flaky, b"k" * 32, clock=clock)
    begun = await begin(journal)
    flaky.fails = True
    with pytest.raises(SiteFailure):
        await (journal.settle(begun, [PARIS, QUEUED], {"Paris": "p"}) if done else journal.forget(begun))
    with pytest.raises(SiteFailure):
        await journal.recover()
    flaky.fails = False
    # Until then nobody may make it: its client was told, or is about to be, what became of it.
    assert {state for _, state, _ in await states(journal)} == {State.SENDING}
    await journal.recover()
    assert await states(journal) == ([("Corte", State.QUEUED, False)] if done else [])


async def test_a_full_journal_refuses(journal):
    with pytest.raises(SiteFailure, match="full"):
        await begin(journal, most=1)
    await begin(journal)


async def test_an_entry_in_hand_may_have_happened_when_it_is_dropped_on_the_floor(journal):
    await journal.settle(await begin(journal), [PARIS, QUEUED], {"Paris": "p"})
    (entry,) = await journal.entries()
    letter, known = await journal.take(entry)
    assert (letter.request.target, known) == ("/v2/images", {"Paris": "p"})
    assert await journal.take(entry) is None
    assert await states(journal) == [("Corte", State.SENDING, True)]
    journal.let_go(entry)
    assert await journal.recover() == 1


async def test_what_is_done_is_known_to_the_other_sites_entries(journal):
    lost = Unreached("Marseille", True, "cut", queued=True)
    begun = await begin(journal, sites=("Paris", "Corte", "Marseille"))
    await journal.settle(begun, [PARIS, QUEUED, lost], {"Paris": "p"})
    corte, marseille = await journal.entries()
    assert (corte.unsure, marseille.unsure) == (False, True)
    await journal.take(corte)
    await journal.done(corte, ReplicaSet("image", "images", {"Paris": "p", "Corte": "c"}))
    (told,) = await journal.told()
    assert (told.entry.site, told.known) == ("Marseille", {"Paris": "p", "Corte": "c"})
    assert (await begin(journal, on("c"), everywhere=False, sites=("Marseille",))).behind == {"Marseille"}


async def test_what_was_made_is_known_to_what_stands_behind_it_at_its_own_site(journal):
    ids = {site: f"5f64f646-d869-44d9-b434-f603198db6a{digit}" for digit, site in enumerate(("Paris", "Corte", "Lyon"))}
    await journal.settle(await begin(journal), [PARIS, QUEUED], {"Paris": ids["Paris"]})
    for id_ in (ids["Paris"], "other"):
        await journal.settle(await begin(journal, on(id_, "PATCH")), [PARIS, QUEUED], {})
    create, *behind = await journal.entries()
    await journal.take(create)
    await journal.done(create, ReplicaSet("image", "images", ids))
    known = [(await journal.take(entry))[0].ids for entry in behind]
    assert known == [tuple(("image", "images", id_, ids["Corte"]) for id_ in ids.values()), ()]


async def test_the_owners_next_login_frees_what_waits(journal, clock):
    await journal.settle(await begin(journal), [PARIS, QUEUED], {"Paris": "p"})
    (entry,) = await journal.entries()
    await journal.take(entry)
    await journal.give_back(replace(entry, state=State.WAITING), "HTTP 401")
    assert await journal.logged_in(login("v", clock), Token("new"), list_of_sites) == 0
    assert await journal.logged_in(login("u", clock), Token("new"), lambda login: []) == 0
    assert await journal.logged_in(login("u", clock), Token("new"), list_of_sites) == 1
    assert await states(journal) == [("Corte", State.QUEUED, False)]


async def test_a_login_that_came_before_an_entry_began_to_wait_for_one_is_not_missed(journal, clock):
    await journal.settle(await begin(journal), [PARIS, QUEUED], {"Paris": "p"})
    (entry,) = await journal.entries()
    await journal.take(entry)
    assert not await journal.renewed(entry)
    assert await journal.logged_in(login("u", clock), Token("new"), list_of_sites) == 0
    waits = replace(entry, state=State.WAITING)
    await journal.give_back(waits, "HTTP 401")
    assert await states(journal) == [("Corte", State.QUEUED, False)]
    letter, _ = await journal.take(entry)
    assert letter.token == Token("new")
    # That one is no better.
    await journal.give_back(waits, "HTTP 401")
    assert await states(journal) == [("Corte", State.WAITING, False)]


def login(user, clock):
    identity = Identity(user, "p", clock.now + 100)
    return Login("f", "Corte", identity, clock.now, {"Corte": SiteToken("Corte", Token("s"), identity)})


def list_of_sites(login):
    return list(login.sites)


async def test_an_operator_retries_and_drops(journal):
    await journal.settle(await begin(journal), [PARIS, QUEUED], {"Paris": "p"})
    (entry,) = await journal.entries()
    assert await journal.retry([entry.id, 99]) == 1
    assert await journal.drop([entry.id, 99]) == 1
    assert await states(journal) == []


def test_an_owner_is_a_user_in_a_project():
    assert owner_of("u", None) == "u:"
    assert owner_of("u", "p") != owner_of("p", "u")


async def test_names_are_each_owners_own_and_ids_are_everybodys(journal):
    uuid = "5f64f646-d869-44d9-b434-f603198db6aa"
    for id_ in ("default", uuid):
        await journal.settle(await begin(journal, on(id_)), [PARIS, QUEUED], {})
    for body, behind in ((b'{"name": "default"}', False), (f'{{"image": "{uuid}"}}'.encode(), True)):
        theirs = replace(CREATE, body=Held(body))
        letters = {"Corte": Letter(theirs, "", ("s", "p"), token=Token("t"))}
        about = About.of(theirs, classify(theirs), "s:p")
        begun = await journal.begin(letters, about, 10, 10_000, everywhere=False)
        assert (begun is not None) is behind


async def test_what_a_row_shows_cannot_be_tried_out_without_the_key(ledger, clock):
    marks = []
    for key in (b"k" * 32, b"o" * 32):
        journal = Journal(ledger, key, clock=clock)
        await begin(journal, replace(CREATE, body=Held(b'{"user": {"password": "correct-horse"}}')), sites=("Corte",))
        marks.append((await journal.entries())[-1].mentions)
    assert marks[0].isdisjoint(marks[1])


async def test_what_a_worker_that_does_not_lead_has_in_hand_is_left_to_it(ledger, clock):
    leads, serves = (
        Replay(
            *(None, "Paris", None, Journal(ledger, b"k" * 32, True, clock), Replicas(ledger), None, None),
            Health(("Corte",)),
            Metrics("Paris"),
            clock,
        )
        for _ in range(2)
    )
    await leads.due()
    await begin(serves._journal)
    for _ in range(10):
        clock.now += 10.0
        assert await leads.due() == []
        assert await serves.due() == []
    assert {one.state for one in await serves._journal.entries()} == {State.SENDING}
