"""What the answers for the members of a set tell: missing, different, extra, or nothing at all."""

from __future__ import annotations

from scopeproxy.model.messages import Outcome, Reply, Unreached, json_reply
from scopeproxy.planning.audit import Finding, State, as_told, extras, findings, seen, summed
from scopeproxy.planning.replica_news import ReplicaSet

SET = ReplicaSet("image", "images", {"Paris": "p", "Corte": "c", "Marseille": "m"})


def shown(site: str, **fields: object) -> Reply:
    return json_reply(site, 200, {"id": SET.members[site], "name": "twin", **fields})


def test_each_site_is_told_by_what_it_answered() -> None:
    answers: dict[str, Outcome] = {
        "Paris": shown("Paris", min_ram=1),
        "Corte": shown("Corte", min_ram=2, owner="other"),
        "Marseille": Reply("Marseille", 404),
    }
    rows = findings(seen(SET, answers), {})
    assert rows == [
        Finding(State.DIFFERENT, "image", "images", "Corte", "c", "twin", ("min_ram",), "Paris"),
        Finding(State.MISSING, "image", "images", "Marseille", "m", "twin", like="Paris"),
    ]


def test_where_no_site_is_any_more_nothing_is() -> None:
    answers: dict[str, Outcome] = {"Paris": shown("Paris"), "Corte": Reply("Corte", 404, reason="no such site")}
    (row,) = findings(seen(SET, answers), {})
    assert (row.state, row.site, row.why) == (State.MISSING, "Corte", "no such site")


def test_the_member_of_the_site_that_counts_is_the_one_to_be_like() -> None:
    answers: dict[str, Outcome] = {site: shown(site, min_ram=1) for site in SET.members}
    answers["Corte"] = shown("Corte", min_ram=2)
    rows = findings(seen(SET, answers, base="Corte"), {})
    assert [(row.site, row.like) for row in rows] == [("Paris", "Corte"), ("Marseille", "Corte")]
    answers["Corte"] = Reply("Corte", 404)
    assert [(row.site, row.like) for row in findings(seen(SET, answers, base="Corte"), {})] == [("Corte", "Paris")]


def test_what_does_not_answer_is_not_missing() -> None:
    answers: dict[str, Outcome] = {
        "Paris": Reply("Paris", 503, body=b'{"message": "later"}'),
        "Corte": Unreached("Corte", False, "connection refused"),
        "Marseille": json_reply("Marseille", 200, {"id": "another"}),
    }
    rows = findings(seen(SET, answers), {})
    assert {row.state for row in rows} == {State.UNANSWERED}
    assert [row.why for row in rows] == [
        "answered 503 (later)",
        "not reached (connection refused)",
        "answered what is not what was asked for",
    ]


def test_extra_is_what_has_the_name_and_is_of_no_set() -> None:
    found = seen(SET, {site: shown(site) for site in SET.members})
    assert findings(found, {}) == []
    (row,) = extras(found, "Corte", ["c", "of another set", "x"], ["of another set"])
    assert (row.state, row.site, row.id, row.name) == (State.EXTRA, "Corte", "x", "twin")


def test_what_a_site_did_not_tell_is_one_row_for_each_reason() -> None:
    silent = [Finding(State.UNANSWERED, "image", "images", "Corte", str(n), why="down") for n in range(3)]
    alone = Finding(State.UNANSWERED, "network", "networks", "Corte", "n", why="down")
    missing = Finding(State.MISSING, "image", "images", "Corte", "i")
    told = summed([silent[0], missing, *silent[1:], alone])
    assert [(row.state, row.service, row.id, row.count) for row in told] == [
        (State.MISSING, "image", "i", 1),
        (State.UNANSWERED, "network", "n", 1),
        (State.UNANSWERED, "image", "", 3),
    ]


def test_a_finding_is_told_by_names_alone() -> None:
    answers: dict[str, Outcome] = {"Paris": shown("Paris", key="secret"), "Corte": shown("Corte", key="other")}
    (row,) = findings(seen(SET, answers), {})
    assert as_told(row)["fields"] == ["key"]
    assert "secret" not in str(as_told(row))
