"""The journal's rows: sealed, bounded, taken in hand by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.errors import SiteFailure
from scopeproxy.execution import ledger_journal as rows
from scopeproxy.execution.envelope import Envelope, Letter
from scopeproxy.execution.ledger_journal import Draft
from scopeproxy.execution.spool import Spool
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Held, Request
from scopeproxy.planning.intent import Kind
from scopeproxy.planning.journal import Entry, State

SECRET = "correct-horse"
REQUEST = Request(
    "identity", "POST", "/v3/users?x=1", (("X-Auth-Token", SECRET), ("X-Auth-Token", "2")), Held(SECRET.encode())
)
LETTER = Letter(
    REQUEST,
    "{identity: Corte}",
    ("u", "p"),
    (("image", "images", "p", "c"),),
    Token(SECRET),
    "Paris",
    "Paris",
    2,
    "header",
    "h:1",
    "127.0.0.1",
    "https",
)
ENTRY = Entry(0, "w1", "Corte", Kind.CREATE, True, 100.0, frozenset({"a"}), frozenset({"a", "b"}))
ENVELOPE = Envelope(b"k" * 32, Spool(None, b"k" * 32))


@pytest.fixture
def db(tables):
    return tables


def put(db, *entries, most=10, size=100_000, under_way=True, owner="u:p"):
    drafts = [Draft(entry, owner, LETTER, under_way) for entry in entries]
    return rows.put(ENVELOPE, drafts, most, size, 115.0, db)


def test_an_entry_is_kept_in_order_and_under_way_until_somebody_says_otherwise(db):
    first, second = put(db, ENTRY, replace(ENTRY, site="Marseille"))
    assert first < second
    found = rows.entries(None, db)
    assert [one.site for one in found] == ["Corte", "Marseille"]
    assert found[0] == replace(ENTRY, id=first, state=State.SENDING, unsure=True, next_try=100.0, since=100.0)
    assert [one.id for one in rows.entries(["Marseille"], db)] == [second]


def test_nothing_of_a_call_is_in_the_clear_but_its_path(db):
    put(db, ENTRY)
    (told,) = rows.told(db)
    assert (told.service, told.method, told.path) == ("identity", "POST", "/v3/users")
    everything = str(db.execute(rows.journal.select()).all())
    assert SECRET not in everything
    assert "x=1" not in everything


@pytest.mark.parametrize(("most", "size"), [(1, 100_000), (10, 100)])
def test_a_full_journal_takes_nothing(db, most, size):
    with pytest.raises(SiteFailure, match="the journal is full") as refused:
        put(db, ENTRY, ENTRY, most=most, size=size)
    assert refused.value.status == 507
    assert rows.entries(None, db) == []


def test_what_is_looked_at_is_counted_as_well(db):
    put(db, ENTRY)
    (told,) = rows.told(db)
    many = frozenset(f"{number:016x}" for number in range(100))
    put(db, replace(ENTRY, write="w2", mentions=many))
    assert rows.told(db)[1].size - told.size == 100 * 17 - 1 - len("a b")


def test_a_new_write_queues_while_the_line_is_not_empty(db):
    put(db, ENTRY, replace(ENTRY, site="Marseille", touches=frozenset({"z"})))
    sites = ("Paris", "Corte", "Marseille")

    def held(touches, mentions):
        return rows.held(sites, frozenset(touches), frozenset(mentions), db)

    assert held({"a"}, {"a"}) == {"Corte", "Marseille"}
    assert held((), {"a", "x"}) == {"Corte"}
    assert held({"b"}, {"b"}) == {"Corte", "Marseille"}
    assert held({"x"}, {"x", "b"}) == frozenset()
    assert rows.held(("Paris",), frozenset({"a"}), frozenset({"a"}), db) == frozenset()
    rows.drop([one.id for one in rows.entries(None, db)], db)
    assert held({"a"}, {"a"}) == frozenset()


def test_a_line_is_what_touches_one_thing_and_all_that_names_it(db):
    server = replace(ENTRY, write="w3", touches=frozenset({"s"}), mentions=frozenset({"s", "a"}))
    other = replace(ENTRY, write="w4", touches=frozenset({"o"}), mentions=frozenset({"o", "s"}))
    one, two, _ = put(db, ENTRY, server, other)
    assert [entry.id for entry in rows.line("Corte", frozenset({"a"}), db)] == [one, two]
    assert rows.line("Paris", frozenset({"a"}), db) == []


def test_what_is_known_later_is_found_as_well(db):
    put(db, ENTRY)
    (entry,) = rows.entries(None, db)
    rows.keep(replace(entry, touches=frozenset({"new"}), mentions=frozenset({"new"})), "x", {"Paris": "p"}, db)
    assert rows.held(("Corte",), frozenset(), frozenset({"new"}), db) == {"Corte"}
    assert rows.held(("Corte",), frozenset({"a"}), frozenset({"a"}), db) == frozenset()


def test_our_own_changes_are_known_to_what_stands_behind_them(db):
    server = replace(ENTRY, write="w3", touches=frozenset({"s"}), mentions=frozenset({"s", "a"}))
    other = replace(ENTRY, write="w4", touches=frozenset({"o"}), mentions=frozenset({"o"}))
    needed = replace(ENTRY, write="w5", touches=frozenset({"b"}), mentions=frozenset({"b"}))
    put(db, ENTRY, server, other, needed, replace(server, write="w6", site="Marseille"))
    first = rows.entries(None, db)[0]
    rows.own_change([first], 300.0, db)
    assert [entry.since for entry in rows.entries(None, db)] == [100.0, 300.0, 100.0, 300.0, 100.0]


def test_entries_are_counted_by_where_they_stand(db):
    put(db, ENTRY, replace(ENTRY, site="Marseille"))
    assert rows.counts(db) == {("Corte", "sending"): 1, ("Marseille", "sending"): 1}


def test_the_entries_of_a_write_and_those_of_which_nothing_was_said(db):
    put(db, ENTRY, replace(ENTRY, site="Marseille"), replace(ENTRY, write="w2"))
    first, *_ = rows.of_write("w1", db)
    assert [one.site for one in rows.of_write("w1", db)] == ["Corte", "Marseille"]
    rows.keep(replace(first, state=State.QUEUED), "cut", {}, db)
    assert [one.site for one in rows.untold("w1", db)] == ["Marseille"]


def test_data_are_wanted_as_long_as_a_write_is_there(db):
    spooled = Spool("/nowhere", b"k").body("w1", 0)
    letter = replace(LETTER, request=replace(REQUEST, body=spooled))
    (id_,) = rows.put(ENVELOPE, [Draft(ENTRY, "u:p", letter, True)], 10, 100_000, 115.0, db)
    put(db, replace(ENTRY, write="w2"))
    assert rows.writes_with_data(db) == {"w1"}
    assert [one.data for one in rows.told(db)] == [0, None]
    rows.drop([id_], db)
    assert rows.writes_with_data(db) == frozenset()


def free(db, **more):
    return rows.recover(100.0, 115.0, [], [], alone=True, db=db, **more)


def test_one_takes_an_entry_in_hand(db):
    put(db, ENTRY)
    assert not rows.claim(rows.entries(None, db)[0], True, 130.0, db)
    assert free(db) == 1
    (entry,) = rows.entries(None, db)
    assert entry.state is State.QUEUED
    assert rows.claim(entry, True, 130.0, db)
    assert not rows.claim(entry, True, 130.0, db)


def test_what_nobody_has_in_hand_is_freed_and_left_alone_for_a_while_where_it_was_sent(db):
    (sent,) = put(db, ENTRY)
    (held,) = put(db, replace(ENTRY, write="w2"), under_way=False)
    assert rows.recover(100.0, 115.0, ["w1"], [held], alone=True, db=db) == 0
    assert rows.recover(110.0, 125.0, [], [], alone=False, db=db) == 0
    assert rows.recover(116.0, 131.0, [], [sent, held], alone=False, db=db) == 0
    assert rows.recover(130.0, 145.0, [], [], alone=False, db=db) == 0
    assert rows.recover(132.0, 147.0, [], [], alone=False, db=db) == 2
    assert [(one.unsure, one.next_try > 132.0) for one in rows.entries(None, db)] == [(True, True), (False, False)]


def test_what_waited_is_hurried_when_its_site_is_back(db):
    put(db, ENTRY)
    free(db)
    (entry,) = rows.entries(None, db)
    rows.keep(replace(entry, unsure=False, next_try=900.0), "cut", {}, db)
    rows.hurry(["Marseille"], 200.0, 203.0, db)
    assert rows.entries(None, db)[0].next_try == 900.0
    rows.hurry(["Corte"], 200.0, 203.0, db)
    assert rows.entries(None, db)[0].next_try == 200.0


def log_in(db, owner="u:p", token="new", sites=("Corte",)):
    return rows.logged_in(ENVELOPE, owner, Token(token), "Corte", sites, db)


def test_the_next_login_of_its_owner_frees_what_waits_for_one_at_its_site(db):
    put(db, ENTRY)
    put(db, replace(ENTRY, write="w2"), owner="somebody:else")
    for one in rows.entries(None, db):
        rows.keep(replace(one, state=State.WAITING), "HTTP 401", {}, db)
    assert rows.has_writes_of(["u:p", "x"], db)
    assert not rows.has_writes_of(["x"], db)
    assert log_in(db, sites=("Marseille",)) == 0
    assert log_in(db) == 1
    first, second = rows.entries(None, db)
    assert (first.state, second.state) == (State.QUEUED, State.WAITING)
    letter, _ = rows.letter(ENVELOPE, first.id, db)
    assert (letter.token.value, letter.home) == ("new", "Corte")
    assert [value for name, value in letter.request.headers if name == "X-Auth-Token"] == ["new"]


def test_a_login_before_the_token_failed_will_do_once(db):
    (id_,) = put(db, ENTRY)
    assert not rows.renew(ENVELOPE, id_, State.QUEUED, db)
    log_in(db)
    assert rows.renew(ENVELOPE, id_, State.QUEUED, db)
    assert not rows.renew(ENVELOPE, id_, State.QUEUED, db)


def test_logins_are_kept_sealed_and_only_of_those_who_have_writes_here(db):
    put(db, ENTRY)
    assert log_in(db, token=SECRET) == log_in(db, "nobody:here") == 0
    (kept,) = db.execute(rows.logins.select()).all()
    assert kept.owner == "u:p"
    assert SECRET.encode() not in kept.sealed
    assert ENVELOPE.open_login("u:p", kept.sealed) == (Token(SECRET), "Corte")
    assert ENVELOPE.open_login("v:p", kept.sealed) is None
    rows.drop([one.id for one in rows.entries(None, db)], db)
    log_in(db, "somebody:else")
    assert not db.execute(rows.logins.select()).all()


def test_what_stopped_is_tried_again_and_what_is_in_hand_left_alone(db):
    one, two = put(db, ENTRY, replace(ENTRY, site="Marseille"))
    rows.keep(replace(rows.entries(None, db)[0], state=State.CONFLICT, tries=7), "HTTP 409", {"Paris": "p"}, db)
    assert rows.told(db)[0].known == {"Paris": "p"}
    assert rows.retry([one, two], 500.0, db) == 1
    assert [entry.since for entry in rows.entries(None, db)] == [500.0, 100.0]
    assert (rows.entries(None, db)[0].state, rows.entries(None, db)[0].tries) == (State.QUEUED, 0)
    assert rows.drop([one, two, 99], db) == 2


def test_one_process_leads_until_it_says_no_more(db):
    assert rows.lead("replay", "a", 100.0, 115.0, db)
    assert not rows.lead("replay", "b", 110.0, 125.0, db)
    assert rows.lead("replay", "a", 110.0, 125.0, db)
    assert rows.lead("replay", "b", 126.0, 140.0, db)
