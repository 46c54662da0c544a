"""Pages of lists over several sites, in every service's own envelope.  (Whole lists are test_merging.py's.)"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scopeproxy.errors import CallerError, NotYet, SiteFailure
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.planning.answers import Answers, Merged
from scopeproxy.planning.intent import classify
from scopeproxy.planning.items import set_key
from scopeproxy.planning.joining import how_many, joined, pages_of_one
from scopeproxy.planning.paging import Paging, Position, Turn, Turned

ROOT = "http://paris:8774"


def page(target: str, turn: Turn, *outcomes: Outcome, service: str = "compute") -> Merged:
    request = Request(service, "GET", target)
    return joined(Answers(request, classify(request), outcomes, turn=turn))


def servers(site: str, *ids: str, **more: Any) -> Reply:
    return json_reply(site, 200, {"servers": [{"id": id_} for id_ in ids], **more})


def test_a_page_of_scope_order_and_the_link_to_the_next() -> None:
    turn = Turn(Paging(3, None), (), ROOT)
    made = page("/v2.1/servers?limit=3&name~=a", turn, servers("Paris", "1", "2"), servers("Corte", "3", "4"))
    assert made.reply.json == {
        "servers": [
            {"id": "1", "scope_site": "Paris"},
            {"id": "2", "scope_site": "Paris"},
            {"id": "3", "scope_site": "Corte"},
        ],
        "servers_links": [{"rel": "next", "href": "http://paris:8774/v2.1/servers?name~=a&limit=3&marker=3"}],
    }
    assert made.turned == Turned("3", (Position("Paris", "2", done=True, passed=2), Position("Corte", "3", passed=1)))


def test_the_last_page_has_no_link() -> None:
    turn = Turn(Paging(3, "3"), (Position("Paris", "2", done=True), Position("Corte", "3")), ROOT)
    made = page("/v2.1/servers?limit=3&marker=3", turn, servers("Corte", "4"))
    assert made.reply.json == {"servers": [{"id": "4", "scope_site": "Corte"}]}
    assert made.turned == Turned("4", (Position("Paris", "2", done=True), Position("Corte", "4", done=True, passed=1)))


def test_backwards_the_link_leads_to_the_page_before() -> None:
    ports = [
        json_reply(site, 200, {"ports": [{"id": id_} for id_ in ids]})
        for site, ids in (("Paris", "ab"), ("Corte", "cd"))
    ]
    turn = Turn(Paging(3, None, backwards=True), (), ROOT)
    made = page("/v2.0/ports?limit=3&page_reverse=True", turn, *ports, service="network")
    assert [item["id"] for item in made.reply.json["ports"]] == ["b", "c", "d"]
    assert made.reply.json["ports_links"] == [
        {"rel": "previous", "href": "http://paris:8774/v2.0/ports?limit=3&marker=b&page_reverse=True"}
    ]


def test_a_site_that_failed_is_told_on_every_page_after_that() -> None:
    turn = Turn(Paging(1, None), (), ROOT)
    first = page("/v2.1/servers?limit=1", turn, servers("Paris", "1", "2"), Unreached("Corte", False, "down"))
    assert first.partial == ("Corte",)
    assert first.turned is not None
    second = page("/v2.1/servers?limit=1", Turn(Paging(1, "1"), first.turned.positions, ROOT), servers("Paris", "2"))
    assert (second.partial, [item["id"] for item in second.reply.json["servers"]]) == (("Corte",), ["2"])


def test_a_catalogue_is_cut_from_the_whole_and_counts_each_name_once() -> None:
    def flavors(site: str, *names: str) -> Reply:
        return json_reply(site, 200, {"flavors": [{"id": f"{site}-{name}", "name": name} for name in names]})

    both = (flavors("Paris", "tiny", "small"), flavors("Corte", "tiny", "big"))
    first = page("/v2.1/flavors?limit=2", Turn(Paging(2, None), (), ROOT), *both)
    assert [item["id"] for item in first.reply.json["flavors"]] == ["Paris-tiny", "Paris-small"]
    (link,) = first.reply.json["flavors_links"]
    assert link["href"].endswith("/v2.1/flavors?limit=2&marker=Paris-small")
    last = page("/v2.1/flavors?limit=2", Turn(Paging(2, "Paris-small"), (), ROOT), *both)
    assert [item["id"] for item in last.reply.json["flavors"]] == ["Corte-big"]
    with pytest.raises(CallerError, match=r"marker 'x' is of no item of this list at Paris, Corte"):
        page("/v2.1/flavors?limit=2", Turn(Paging(2, "x"), (), ROOT), *both)


def test_pages_of_one_site_become_one_and_keep_the_link_to_what_was_not_asked_for() -> None:
    request = Request("compute", "GET", "/v2.1/servers?limit=9")
    both = [servers("Paris", "1", "2"), servers("Paris", "3")]
    one = pages_of_one(request, classify(request), both, "/v2.1/servers?marker=3")
    assert how_many(one, classify(request)) == 3
    assert one.json["servers_links"] == [{"rel": "next", "href": "/v2.1/servers?marker=3"}]
    assert "servers_links" not in pages_of_one(request, classify(request), both, None).json
    made = page("/v2.1/servers?limit=9", Turn(Paging(9, None), (), ROOT), one, servers("Corte", "4"))
    assert [item["id"] for item in made.reply.json["servers"]] == ["1", "2", "3"]


def test_a_site_without_the_resource_is_missing_from_no_page_of_what_is_below_it() -> None:
    def actions(*ids: str) -> Reply:
        return json_reply("Paris", 200, {"instanceActions": [{"request_id": id_, "action": "boot"} for id_ in ids]})

    absent = json_reply("Corte", 404, {"itemNotFound": {"message": "no such server"}})
    target = "/v2.1/servers/s/os-instance-actions?limit=1"
    first = page(target, Turn(Paging(1, None), (), ROOT), actions("req-1"), absent)
    assert first.partial == ()
    assert first.turned == Turned("req-1", (Position("Paris", "req-1", passed=1), Position("Corte", done=True)))
    last = page(target, Turn(Paging(1, "req-1"), first.turned.positions, ROOT), actions("req-2"))
    assert last.partial == ()


@pytest.mark.parametrize("things", [[{"flavor": "vanilla"}], [{"id": "1"}]])
def test_a_page_from_which_nobody_could_go_on_is_refused(things: list[dict[str, str]]) -> None:
    # Nothing that could be a marker; and, on the page after, a site that gives its first items whatever marker is sent.
    turn = Turn(Paging(1, "1"), (Position("Paris", "1"), Position("Corte", done=True)), ROOT)
    with pytest.raises(NotYet, match="Paris: its list cannot be read page by page: leave out limit and marker"):
        page("/v2.1/servers?limit=1&marker=1", turn, json_reply("Paris", 200, {"servers": things}))


def test_whose_item_a_marker_is_is_not_known_while_a_site_is_missing() -> None:
    users = json_reply("Paris", 200, {"users": [{"id": "1"}]})
    turn = Turn(Paging(2, "x"), (), ROOT)
    with pytest.raises(SiteFailure, match="whose item the marker 'x' is cannot be told: Corte: not reached"):
        page("/v3/users?limit=2&marker=x", turn, users, Unreached("Corte", False, "down"), service="identity")


def test_a_page_cut_from_the_whole_tells_how_many_there_are_in_all() -> None:
    both = [
        json_reply(site, 200, {"secrets": [{"name": f"{site}-{number}"} for number in "12"], "total": 2})
        for site in ("Paris", "Corte")
    ]
    made = page("/v1/secrets?limit=3", Turn(Paging(3, None), (), ROOT), *both, service="key-manager")
    assert (len(made.reply.json["secrets"]), made.reply.json["total"]) == (3, 4)


def test_what_a_page_came_past_of_replicas_is_told_with_their_places() -> None:
    request = Request("compute", "GET", "/v2.1/servers?limit=2&marker=p1")
    sets = {id_: {"Paris": "p1", "Corte": "c1"} for id_ in ("p1", "c1")}
    turn = Turn(Paging(2, "p1"), (Position("Paris", "p1", done=True, passed=1), Position("Corte")), ROOT, walk="w")
    told = replace(turn, told=frozenset({set_key(sets["p1"])}))
    corte = json_reply("Corte", 200, {"servers": [{"id": "c1"}, {"id": "c2"}]})
    made = joined(Answers(request, classify(request), (corte,), turn=told, sets=sets))
    assert [one["id"] for one in made.reply.json["servers"]] == ["c2"]
    assert made.turned is not None
    assert made.turned.passed == (("Corte", "c1", 1),)
    # Where nothing is left of a page, it is to be made from there on.
    corte = json_reply("Corte", 200, {"servers": [{"id": "c1"}], "servers_links": [{"rel": "next", "href": "/x"}]})
    empty = joined(Answers(request, classify(request), (corte,), turn=told, sets=sets))
    assert empty.turned == Turned("", (turn.positions[0], Position("Corte", "c1", passed=1)), (("Corte", "c1", 1),))


def test_after_the_last_page_nothing_is_to_be_remembered_of_its_replicas() -> None:
    request = Request("compute", "GET", "/v2.1/servers?limit=9")
    sets = {id_: {"Paris": "p1", "Corte": "c1"} for id_ in ("p1", "c1")}
    both = [json_reply(site, 200, {"servers": [{"id": id_}]}) for site, id_ in (("Paris", "p1"), ("Corte", "c1"))]
    turn = Turn(Paging(9, None), (), ROOT, walk="w")
    made = joined(Answers(request, classify(request), tuple(both), turn=turn, sets=sets))
    assert [one["id"] for one in made.reply.json["servers"]] == ["p1"]
    assert made.turned is not None
    assert made.turned.passed == ()
