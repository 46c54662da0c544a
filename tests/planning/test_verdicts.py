"""When `|` moves on: each row of section 3, for reads and for writes, and what is told when all fell through."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from scopeproxy.errors import SiteFailure
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.planning.intent import classify
from scopeproxy.planning.verdicts import DONE, FATE_UNKNOWN, NEXT, STOP, TABLE, Verdict, give_up, judge, row_for

U = "11111111-2222-3333-4444-555555555555"
DOWN, LOST = Unreached("Paris", False, "connection refused"), Unreached("Paris", True, "timeout")
NOT_HERE = json_reply("Corte", 404, {"itemNotFound": {"message": "no"}})


def call(line: str, service: str = "image", *headers: tuple[str, str]) -> Request:
    method, target = line.split(" ")
    return Request(service, method, target, headers)


READ, WRITE = call(f"GET /v2/images/{U}"), call("POST /v2/images")
FILTERED, NAMED = call("GET /v2/images?name=Debian"), call("GET /v2/images/Debian")


def verdict(outcome: Outcome, request: Request, quota_moves_on: bool = False) -> Verdict:
    return judge(outcome, request, classify(request), quota_moves_on)


def images(site: str, *ids: str) -> Reply:
    return json_reply(site, 200, {"images": [{"id": id_} for id_ in ids], "schema": "/v2/schemas/images"})


# ---- the table


@pytest.mark.parametrize(
    ("statuses", "reads", "writes"),
    [
        ((200, 201, 202, 204, 300, 304), DONE, DONE),
        ((404,), NEXT, NEXT),
        ((401, 403), NEXT, STOP),
        ((429, 503), NEXT, NEXT),
        ((408, 500, 502, 504), NEXT, STOP),
        ((400, 405, 406, 409, 411, 412, 413, 414, 415, 416, 417, 422), STOP, STOP),
    ],
)
def test_each_status_has_its_verdict(statuses: tuple[int, ...], reads: Verdict, writes: Verdict) -> None:
    for status in statuses:
        assert (verdict(Reply("Paris", status), READ), verdict(Reply("Paris", status), WRITE)) == (reads, writes), (
            status
        )


def test_a_call_that_was_never_sent_can_be_made_elsewhere() -> None:
    assert (verdict(DOWN, READ), verdict(DOWN, WRITE)) == (NEXT, NEXT)


def test_what_stands_behind_others_waits_for_its_site() -> None:
    assert verdict(replace(DOWN, queued=True), WRITE) is STOP


def test_a_write_that_may_have_happened_stops_and_a_read_has_nothing_to_lose() -> None:
    assert (verdict(LOST, READ), verdict(LOST, WRITE)) == (NEXT, STOP)


@pytest.mark.parametrize("line", ["POST /v2/images", "PUT /v2/images/x", "PATCH /v2/images/x", "DELETE /v2/images/x"])
def test_every_write_stops_where_its_fate_is_unknown(line: str) -> None:
    assert {verdict(outcome, call(line)) for outcome in (LOST, Reply("Paris", 500))} == {STOP}


@pytest.mark.parametrize(
    "name",
    ["OpenStack-API-Version", "X-OpenStack-Nova-API-Version", "x-openstack-ironic-api-version"],
)
def test_a_microversion_that_the_site_lacks_moves_on(name: str) -> None:
    for line in ("GET /v2.1/servers", "POST /v2.1/servers"):
        assert verdict(Reply("Paris", 406), call(line, "compute", (name, "compute 2.96"))) is NEXT


def test_quota_moves_on_only_where_the_operator_says_so() -> None:
    quota = json_reply("Paris", 403, {"forbidden": {"message": "Quota exceeded for cores"}})
    policy = json_reply("Paris", 403, {"forbidden": {"message": "Policy does not allow it"}})
    assert (verdict(quota, WRITE, True), verdict(quota, WRITE), verdict(policy, WRITE, True)) == (NEXT, STOP, STOP)


def test_an_empty_filtered_list_moves_on() -> None:
    assert verdict(images("Paris"), FILTERED) is NEXT
    assert verdict(images("Paris", U), FILTERED) is DONE


@pytest.mark.parametrize(
    "key", ["limit", "marker", "sort", "sort_key", "fields", "page_reverse", "with_count", "deleted", "all_tenants"]
)
def test_what_is_no_filter_leaves_an_empty_list_an_answer(key: str) -> None:
    assert verdict(images("Paris"), call(f"GET /v2/images?{key}=1")) is DONE


def test_links_in_an_empty_list_are_no_items() -> None:
    empty = json_reply("Paris", 200, {"servers": [], "servers_links": [{"rel": "next", "href": "x"}]})
    assert verdict(empty, call("GET /v2.1/servers?name=x", "compute")) is NEXT


def test_an_empty_list_is_seen_through_its_compression() -> None:
    packed = gzip.compress(json.dumps({"images": []}).encode())
    assert verdict(Reply("Paris", 200, (("Content-Encoding", "gzip"),), packed), FILTERED) is NEXT


def test_an_object_without_a_list_is_no_empty_list() -> None:
    assert verdict(json_reply("Paris", 200, {"image": {}}), FILTERED) is DONE


def test_every_row_of_the_table_is_met_by_some_outcome() -> None:
    compute = call("GET /v2.1/servers", "compute", ("OpenStack-API-Version", "compute 2.96"))
    statuses = [Reply("Paris", status) for status in range(200, 600)]
    outcomes: list[Outcome] = [DOWN, LOST, images("Paris"), *statuses]
    met = [row_for(one, request, classify(request), True) for request in (FILTERED, compute) for one in outcomes]
    quota = Reply("Paris", 403, body=b"Quota exceeded")
    assert {*met, row_for(quota, WRITE, classify(WRITE), True)} == set(TABLE)


def test_only_writes_stop_where_the_fate_is_unknown() -> None:
    assert {row for row in TABLE if row.reads is NEXT and row.writes is STOP} == {*FATE_UNKNOWN, TABLE[7]}
    assert TABLE[7].statuses == {401, 403}


# ---- all fell through


def given_up(request: Request, *attempts: Outcome, strict: bool = False) -> tuple[int, tuple[str, ...]]:
    reply, partial = give_up(attempts, request, classify(request), strict)
    return reply.status, partial


def refused(request: Request, *attempts: Outcome, strict: bool = False) -> SiteFailure:
    with pytest.raises(SiteFailure) as caught:
        give_up(attempts, request, classify(request), strict)
    return caught.value


def test_where_all_were_asked_and_none_has_it_it_is_404() -> None:
    assert given_up(READ, NOT_HERE, Reply("Lyon", 404)) == (404, ())


def test_the_most_telling_answer_is_the_first_that_is_not_404() -> None:
    assert given_up(READ, NOT_HERE, Reply("Lyon", 403), Reply("Nice", 500)) == (403, ())


def test_if_all_are_empty_it_is_the_empty_list() -> None:
    reply, partial = give_up([images("Paris"), images("Corte")], FILTERED, classify(FILTERED), False)
    assert (reply.site, reply.json["images"], partial) == ("Paris", [], ())


def test_an_empty_list_tells_which_sites_could_not_be_asked() -> None:
    assert given_up(FILTERED, DOWN, images("Corte")) == (200, ("Paris",))


def test_an_empty_list_is_not_told_over_the_refusal_of_a_site() -> None:
    assert given_up(FILTERED, images("Corte"), Reply("Lyon", 503)) == (503, ())


def test_a_name_that_is_nowhere_is_404_and_tells_who_was_not_asked() -> None:
    assert given_up(NAMED, DOWN, NOT_HERE) == (404, ("Paris",))


@pytest.mark.parametrize(
    ("line", "strict"),
    [
        (f"GET /v2/images/{U}", False),
        (f"GET /v2/images/{U.replace('-', '')}", False),
        ("GET /v2/images/Debian", True),
        ("GET /v2/images?name=Debian", True),
        ("GET /v2/images", False),
        ("DELETE /v2/images/Debian", False),
        ("POST /v2/images", False),
    ],
)
def test_never_a_bare_404_while_a_site_could_not_be_asked(line: str, strict: bool) -> None:
    error = refused(call(line), DOWN, NOT_HERE, strict=strict)
    assert error.status == 503
    assert "Paris: connection refused" in str(error)


def test_where_nobody_answered_every_attempt_is_listed() -> None:
    error = refused(READ, DOWN, Unreached("Corte", False, "no connection in time"))
    assert error.status == 502
    assert "Paris: connection refused; Corte: no connection in time" in str(error)


def test_where_nobody_answered_and_one_was_asked_it_is_504() -> None:
    assert refused(READ, DOWN, Unreached("Corte", True, "timeout")).status == 504
