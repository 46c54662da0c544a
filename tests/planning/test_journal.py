"""The lines of the journal: order, standing behind, cancelling out, and what an answer to a try means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scopeproxy.model.messages import Held, Reply, Request, Unreached
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.journal import (
    FIRST_WAIT,
    LONGEST_WAIT,
    QUIET,
    TRIES,
    Entry,
    Next,
    State,
    after,
    cancelled,
    first_to_get_it,
    holds_secret,
    names_in,
    ready,
    repeatable,
    stands_behind,
    touched,
    tried,
    with_queued,
)

CREATE = Entry(1, "w1", "Corte", Kind.CREATE, True, 100.0, frozenset({"a"}), frozenset({"a", "images"}))
UPDATE = replace(CREATE, id=2, write="w2", kind=Kind.UPDATE)
DELETE = replace(CREATE, id=3, write="w3", kind=Kind.DELETE)
SERVER = Entry(4, "w4", "Corte", Kind.CREATE, True, 100.0, frozenset({"s"}), frozenset({"s", "servers", "a"}))


def ids(entries):
    return [one.id for one in entries]


def test_what_a_write_mentions_is_every_string_that_could_be_an_id():
    body = Held(b'{"server": {"name": "vm", "networks": [{"uuid": "n-1"}], "count": 3}}')
    request = Request("compute", "POST", "/v2.1/servers/s%2D1/x?project_id=p", (), body)
    wanted = {"v2.1", "servers", "s-1", "x", "p", "vm", "n-1"}
    assert set(names_in(request)) == wanted
    assert touched(request, classify(request)) == {"s-1"}
    assert touched(Request("compute", "POST", "/v2.1/servers"), classify(Request("compute", "POST", "/x"))) == set()


@pytest.mark.parametrize(
    ("body", "secret"),
    [
        (b'{"user": {"name": "u", "password": "correct-horse"}}', True),
        (b'{"server": [{"adminPass": "x"}]}', True),
        (b"no json", True),
        (b'{"image": {"name": "password"}}', False),
        (b"", False),
    ],
)
def test_what_holds_a_secret_is_known_by_its_keys(body, secret):
    assert holds_secret(Request("identity", "POST", "/v3/users", (), Held(body))) is secret


def test_each_resource_has_its_writes_in_order_and_others_pass():
    other = replace(UPDATE, id=5, write="w5", touches=frozenset({"b"}), mentions=frozenset({"b"}))
    assert ids(ready([other, DELETE, UPDATE, CREATE], 100.0)) == [1, 5]
    assert ids(ready([replace(UPDATE, next_try=101.0), DELETE, other], 100.0)) == [5]
    assert ids(ready([replace(UPDATE, next_try=99.0), DELETE], 100.0)) == [2]


EARLY = [replace(one, next_try=0.0) for one in (CREATE, UPDATE, DELETE, SERVER)]


def test_a_server_waits_for_its_image_and_the_images_delete_for_the_server():
    image, _, delete, server = EARLY
    assert ids(ready([image, server], 0.0)) == [1]
    later = replace(delete, id=9)
    assert ids(ready([server, later], 0.0)) == [4]
    assert stands_behind(later, server)
    assert stands_behind(server, image)
    assert not stands_behind(image, server)


def test_a_line_that_stopped_stops_what_is_behind_it_and_nothing_else():
    image, update, _, _ = EARLY
    free = replace(image, id=7, touches=frozenset({"z"}), mentions=frozenset({"z"}))
    elsewhere = replace(update, id=8, site="Marseille")
    for state in (State.CONFLICT, State.WAITING, State.SENDING):
        assert ids(ready([replace(image, state=state), update, free, elsewhere], 0.0)) == [7, 8]


def test_a_create_and_the_delete_behind_it_cancel_out_with_all_between():
    assert ids(cancelled([CREATE, UPDATE], DELETE)) == [1, 2]


@pytest.mark.parametrize(
    "line",
    [
        [UPDATE],
        [replace(CREATE, unsure=True)],
        [replace(CREATE, state=State.SENDING)],
        [CREATE, SERVER],
        [replace(CREATE, site="Marseille")],
        [],
    ],
)
def test_what_may_have_happened_or_is_referred_to_is_not_cancelled(line):
    assert cancelled(line, DELETE) == ()


def test_only_the_delete_of_the_whole_resource_cancels():
    assert cancelled([CREATE], replace(DELETE, whole=False)) == ()
    assert cancelled([CREATE], UPDATE) == ()


INTENT = classify(Request("image", "POST", "/v2/images"))
DONE, AWAY, LOST = Reply("Paris", 201), Unreached("Corte", False, "cut"), Unreached("Corte", True, "cut")


@pytest.mark.parametrize("one", [AWAY, LOST, Reply("Corte", 503), Reply("Corte", 429), Reply("Corte", 504)])
def test_a_site_that_was_not_reached_gets_the_write_later(one):
    paris, corte = with_queued([DONE, one], INTENT)
    assert paris is DONE
    assert isinstance(corte, Unreached)
    assert corte.queued
    assert corte.sent == (one is LOST or (isinstance(one, Reply) and one.status == 504))


@pytest.mark.parametrize(
    "outcomes",
    [
        [AWAY, Unreached("Paris", False, "cut")],
        [DONE, AWAY, Reply("Marseille", 409)],
        [DONE, Reply("Corte", 500)],
        [DONE],
    ],
)
def test_nothing_is_queued_when_no_site_did_it_or_one_refused(outcomes):
    assert with_queued(outcomes, INTENT) == tuple(outcomes)


@pytest.mark.parametrize(
    ("outcome", "what"),
    [
        (Reply("Corte", 201), Next.DONE),
        (Reply("Corte", 300), Next.DONE),
        (Unreached("Corte", False, ""), Next.AGAIN),
        (Unreached("Corte", True, ""), Next.MAYBE),
        (Reply("Corte", 401), Next.LOGIN),
        (Reply("Corte", 429), Next.AGAIN),
        (Reply("Corte", 503), Next.AGAIN),
        (Reply("Corte", 500), Next.MAYBE),
        (Reply("Corte", 404), Next.CONFLICT),
        (Reply("Corte", 409), Next.CONFLICT),
        (Reply("Corte", 412), Next.CONFLICT),
        (Reply("Corte", 403), Next.CONFLICT),
    ],
)
def test_what_an_answer_means(outcome, what):
    assert after(CREATE, outcome) is what


def test_a_delete_of_what_is_gone_is_done():
    assert after(DELETE, Reply("Corte", 404)) is Next.DONE


def test_a_site_that_always_fails_is_a_conflict_in_the_end():
    assert after(replace(CREATE, tries=TRIES), Reply("Corte", 500)) is Next.CONFLICT


@given(st.integers(0, 10_000), st.floats(0, 1), st.booleans())
def test_waits_grow_within_bounds_and_spread(tries, chance, unsure):
    one = replace(UPDATE, tries=tries, unsure=unsure)
    wait = tried(one, Next.AGAIN, 0.0, chance).next_try
    assert FIRST_WAIT / 2 <= wait <= LONGEST_WAIT
    assert tried(replace(one, tries=tries + 1), Next.AGAIN, 0.0, chance).next_try >= wait


def test_a_create_of_unknown_fate_is_left_alone_for_a_while():
    assert tried(CREATE, Next.MAYBE, 0.0, 0.0).next_try >= QUIET
    assert tried(CREATE, Next.MAYBE, 0.0, 0.0).unsure


def test_of_alternatives_the_first_as_written_that_could_get_it_later():
    gone, busy, here = Unreached("B", False, "cut"), Reply("C", 503), Reply("D", 404)
    assert first_to_get_it([here, busy, gone], "BCD") is gone
    assert first_to_get_it([here, busy, gone], "CBD") is busy
    assert first_to_get_it([here], "BCD") is None


def test_what_says_how_it_is_to_be_may_be_said_twice():
    assert repeatable(DELETE, Request("image", "DELETE", "/x"))
    assert repeatable(UPDATE, Request("image", "PATCH", "/x"))
    assert not repeatable(UPDATE, Request("image", "POST", "/x"))
    assert not repeatable(CREATE, Request("image", "POST", "/x"))
    upload = replace(UPDATE, kind=Kind.UPLOAD)
    assert repeatable(upload, Request("object-store", "PUT", "/v1/AUTH_p/c/o"))
    assert not repeatable(upload, Request("image", "PUT", "/v2/images/i/file"))


class Line(RuleBasedStateMachine):
    """Writes of one client at a site that comes and goes, against what the site would be had it never gone.

    The site keeps a counter for each resource; updates add their number, so any other order would show.
    """

    @initialize()
    def begin(self):
        self.entries, self.next, self.now = [], 1, 0.0
        self.site, self.wanted = {}, {}
        self.lives = set()

    def write(self, kind, name, mentions=frozenset()):
        number, self.next = self.next, self.next + 1
        own = frozenset({name})
        entry = Entry(number, f"w{number}", "Corte", kind, True, self.now, own, own | mentions)
        self.apply(self.wanted, entry)
        if self.up and not any(stands_behind(entry, one) for one in self.entries):
            self.apply(self.site, entry)
            return
        gone = cancelled(self.entries, entry)
        self.entries = [one for one in self.entries if one not in gone]
        if not gone:
            self.entries.append(entry)

    up = False

    @staticmethod
    def apply(state, entry):
        (name,) = entry.touches
        if entry.kind is Kind.CREATE:
            assert name not in state, "made twice"
            assert all(one in state for one in entry.mentions - entry.touches), "made before what it needs"
            state[name] = (entry.id,)
        elif entry.kind is Kind.UPDATE:
            state[name] += (entry.id,)
        else:
            del state[name]

    @rule()
    def goes_or_comes(self):
        self.up = not self.up

    @rule()
    def creates(self):
        self.write(Kind.CREATE, f"r{self.next}")

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def creates_with_a_reference(self, data):
        needs = data.draw(st.sampled_from(sorted(self.wanted)))
        self.write(Kind.CREATE, f"r{self.next}", frozenset({needs}))

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def updates(self, data):
        self.write(Kind.UPDATE, data.draw(st.sampled_from(sorted(self.wanted))))

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def deletes(self, data):
        self.write(Kind.DELETE, data.draw(st.sampled_from(sorted(self.wanted))))

    @precondition(lambda self: self.up)
    @rule(data=st.data())
    def replays_one(self, data):
        may = ready(self.entries, self.now)
        if may:
            entry = data.draw(st.sampled_from(may))
            self.apply(self.site, entry)
            self.entries.remove(entry)

    @rule()
    def fails_to_replay_one(self):
        for entry in ready(self.entries, self.now)[:1]:
            again = tried(entry, Next.AGAIN, self.now, 0.5)
            self.entries[self.entries.index(entry)] = again
            self.now = max(self.now, again.next_try)

    @invariant()
    def something_can_go_on(self):
        assert not self.entries or ready(self.entries, self.now + LONGEST_WAIT)

    def teardown(self):
        if not hasattr(self, "entries"):
            return
        while may := ready(self.entries, self.now + LONGEST_WAIT):
            self.apply(self.site, may[-1])
            self.entries.remove(may[-1])
        assert not self.entries
        assert self.site == self.wanted


Line.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestLine = Line.TestCase
