"""Replica sets in the ledger: what is learned in whatever order is consistent, or refused."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.execution import ledger_replicas as rows
from scopeproxy.execution.ledger_replicas import ReplicaSet

PAIR = ReplicaSet("image", "images", {"Paris": "p1", "Corte": "c1"})


@pytest.fixture
def db(tables):
    return tables


def test_any_member_leads_to_all(db):
    assert rows.learn(PAIR, 1.0, rows.untold, db)
    assert rows.of("image", None, ["c1", "unknown"], db) == {"c1": PAIR.members}
    assert rows.of("image", "images", ["p1"], db) == {"p1": PAIR.members}
    assert rows.of("volume", None, ["p1"], db) == {}
    assert rows.of("image", "tasks", ["p1"], db) == {}


def test_learning_again_changes_nothing_and_a_further_site_is_added(db):
    assert rows.learn(PAIR, 1.0, rows.untold, db)
    assert rows.learn(PAIR, 2.0, rows.untold, db)
    more = ReplicaSet("image", "images", {"Corte": "c1", "Nice": "n1"})
    assert rows.learn(more, 3.0, rows.untold, db)
    assert rows.of("image", None, ["p1"], db) == {"p1": {"Paris": "p1", "Corte": "c1", "Nice": "n1"}}


@pytest.mark.parametrize(
    "members",
    [
        {"Paris": "p1", "Corte": "c2"},
        {"Paris": "p2", "Corte": "c1"},
        {"Paris": "p1", "Nice": "n2"},
        {"Corte": "c1", "Lyon": "l2"},
    ],
)
def test_what_contradicts_is_refused_and_changes_nothing(db, members):
    rows.learn(PAIR, 1.0, rows.untold, db)
    rows.learn(ReplicaSet("image", "images", {"Nice": "n2", "Lyon": "l2"}), 1.0, rows.untold, db)
    before = db.execute(rows.replicas.select()).all()
    assert not rows.learn(ReplicaSet("image", "images", members), 2.0, rows.untold, db)
    assert db.execute(rows.replicas.select()).all() == before


def test_a_set_is_gone_with_its_last_member_but_one(db):
    three = ReplicaSet("image", "images", {**PAIR.members, "Nice": "n1"})
    rows.learn(three, 1.0, rows.untold, db)
    assert rows.forget("image", None, "Nice", "n1", rows.untold, db) == three
    assert rows.of("image", None, ["c1", "n1"], db) == {"c1": PAIR.members}
    assert rows.any_of_kind("image", "images", ["Corte"], db)
    assert rows.forget("image", "images", "Paris", "p1", rows.untold, db) == PAIR
    assert not rows.any_of_kind("image", "images", ["Corte"], db)
    assert rows.forget("image", None, "Corte", "c1", rows.untold, db) is None


def test_news_are_of_the_whole_set_and_only_of_what_is_new(db):
    told = []

    def news(found, _):
        told.append(found)

    rows.learn(PAIR, 1.0, news, db)
    rows.learn(PAIR, 1.0, news, db)
    rows.learn(ReplicaSet("image", "images", {"Corte": "c1", "Nice": "n1"}), 1.0, news, db)
    rows.learn(ReplicaSet("image", "images", {"Corte": "c2", "Nice": "n1"}), 1.0, news, db)
    three = ReplicaSet("image", "images", {**PAIR.members, "Nice": "n1"})
    assert told == [PAIR, three]
    rows.forget("image", None, "Nice", "n1", news, db)
    rows.forget("image", None, "Nice", "n1", news, db)
    assert told == [PAIR, three, three]


def test_an_id_of_two_sets_tells_nothing_by_itself(db):
    rows.learn(ReplicaSet("compute", "flavors", {"Paris": "1", "Corte": "2"}), 1.0, rows.untold, db)
    rows.learn(ReplicaSet("compute", "flavors", {"Paris": "3", "Corte": "1"}), 1.0, rows.untold, db)
    assert rows.of("compute", None, ["1", "2"], db) == {"2": {"Paris": "1", "Corte": "2"}}
    assert rows.of("compute", None, ["1"], db, ["Nice", "Paris", "Corte"]) == {"1": {"Paris": "1", "Corte": "2"}}


def test_more_ids_than_a_query_takes(db):
    for number in range(rows.BATCH + 2):
        assert rows.learn(
            ReplicaSet("image", "images", {"Paris": f"p{number}", "Corte": f"c{number}"}), 1.0, rows.untold, db
        )
    assert len(rows.of("image", None, [f"c{number}" for number in range(rows.BATCH + 2)], db)) == rows.BATCH + 2


SITES = ("Paris", "Corte", "Nice")
sets = st.dictionaries(st.sampled_from(SITES), st.sampled_from("abc"), min_size=2)


@given(st.lists(st.tuples(st.booleans(), sets), max_size=12))
def test_whatever_is_learned_and_forgotten_each_id_is_in_one_set_at_its_site(steps):
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db:
        rows.schema.create_all(db)
        for learns, members in steps:
            if learns:
                learned = rows.learn(ReplicaSet("image", "images", members), 1.0, rows.untold, db)
                whole = list(rows._sets_with(ReplicaSet("image", "images", members), db).values())
                assert learned == (len(whole) == 1 and members.items() <= whole[0].items())
            else:
                site, id_ = next(iter(members.items()))
                rows.forget("image", None, site, id_, rows.untold, db)
        found = db.execute(rows.replicas.select()).all()
        assert len({(row.site, row.id) for row in found}) == len(found)
        assert len({(row.member_of, row.site) for row in found}) == len(found)
    engine.dispose()
