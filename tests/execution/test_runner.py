"""Plans carried out against scripted sites: each test is the conversation, in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import CallerError, NotYet, SiteFailure
from scopeproxy.execution.runner import Result, run
from scopeproxy.lang.parser import parse
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.lang.wire import Options
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Refuse, Work
from scopeproxy.planning.planner import make_plan

NAMES = ("Paris", "Corte", "Lyon", "Nice")
U = "11111111-2222-3333-4444-555555555555"
ENDPOINTS = {service: Endpoint(Url("http", Address("::1", 80))) for service in ("image", "compute")}
TOPOLOGY = Topology({name: Site(name, name, ENDPOINTS) for name in NAMES})
VOCABULARY = Vocabulary(sites=frozenset(NAMES))


class Tape:
    """An answer's body as it comes in; it may break off, or never come to an end of its own."""

    def __init__(self, *chunks: bytes, lost: bool = False, stuck: bool = False) -> None:
        self._chunks, self._lost, self._stuck = chunks, lost, stuck
        self.closed = False
        self.read = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        self.read.set()
        if self._stuck:
            await asyncio.Event().wait()
        if self._lost:
            raise ConnectionError("reset")

    async def aclose(self) -> None:
        self.closed = True


class Scripted:
    """One pretended site: what it says to the calls that come, in order; the last is said again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.script: list[Outcome | Exception] = []
        self.gate: asyncio.Event | None = None

    def answers(self, status: int, document: Any = None, **headers: str) -> Scripted:
        body = b"" if document is None else json.dumps(document).encode()
        return self.says(Reply(self.name, status, tuple(headers.items()), body))

    def has(self, *names: str, **more: Any) -> Scripted:
        return self.answers(200, {"images": [{"id": f"{self.name}-{name}", "name": name} for name in names], **more})

    def created(self, id_: str = "") -> Scripted:
        return self.answers(201, {"id": id_ or f"{self.name.lower()}-1"})

    def streams(self, status: int, tape: Tape) -> Scripted:
        return self.says(Reply(self.name, status, (), b"", tape))

    def vanishes(self) -> Scripted:
        return self.says(Unreached(self.name, False, "connection refused"))

    def times_out(self) -> Scripted:
        return self.says(Unreached(self.name, True, "no answer within 60 s"))

    def fails(self, error: Exception) -> Scripted:
        self.script.append(error)
        return self

    def says(self, outcome: Outcome) -> Scripted:
        self.script.append(outcome)
        return self


class Sites(dict[str, Scripted]):
    """All pretended sites, and what they were asked."""

    def __init__(self) -> None:
        super().__init__((name, Scripted(name)) for name in NAMES)
        self.calls: list[Call] = []
        self.down: set[str] = set()

    @property
    def visited(self) -> list[str]:
        return [call.site for call in self.calls]

    @property
    def lines(self) -> list[str]:
        return [f"{call.site} {call.request.method} {call.request.target}" for call in self.calls]

    async def forward(self, call: Call) -> Outcome:
        site = self[call.site]
        self.calls.append(call)
        if site.gate is not None:
            await site.gate.wait()
        said = site.script.pop(0) if len(site.script) > 1 else site.script[0]
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def sites() -> Sites:
    return Sites()


LENIENT, STRICT = Options(), Options(strict=True)


async def ask(
    sites: Sites, scope: str, line: str, options: Options = LENIENT, policy: str = "undo", limit: int = 1 << 20
) -> Result:
    method, target = line.split(" ")
    request = Request("image", method, target, (), Held(b"{}" if method == "POST" else b""))
    work = Work(request, classify(request), parse(scope, VOCABULARY), "Paris", options, policy)
    return await run(work, make_plan(work, TOPOLOGY), sites.forward, sites.down.__contains__, limit)


def reply(result: Result) -> Reply:
    assert result.reply is not None, result.error
    return result.reply


def error(result: Result) -> SiteFailure:
    assert isinstance(result.error, SiteFailure), result
    return result.error


def names(result: Result) -> list[tuple[str, str]]:
    return [(item["name"], item["scope_site"]) for item in reply(result).json["images"]]


def told(result: Result) -> str:
    return str(reply(result).json["error"]["message"])


LIST, NAMED, ONE, CREATE = "GET /v2/images", "GET /v2/images?name=Debian", f"GET /v2/images/{U}", "POST /v2/images"

# ---- one site


async def test_what_one_site_answers_passes_untouched_and_unread(sites: Sites) -> None:
    tape = Tape(b"not read")
    sites["Corte"].streams(500, tape)
    result = await ask(sites, "{glance: Corte}", LIST)
    assert reply(result) is sites["Corte"].script[0]
    assert (reply(result).rest, tape.closed, tape.read.is_set()) == (tape, False, False)


async def test_a_site_that_cannot_be_reached_is_502_and_one_that_was_504(sites: Sites) -> None:
    sites["Corte"].vanishes()
    sites["Lyon"].times_out()
    assert error(await ask(sites, "{glance: Corte}", LIST)).status == 502
    lost = error(await ask(sites, "{glance: Lyon}", CREATE))
    assert (lost.status, "may have happened" in str(lost)) == (504, True)


async def test_a_refusal_sends_nothing(sites: Sites) -> None:
    request = Request("image", "GET", "/")
    work = Work(request, classify(request), parse("{}", VOCABULARY), "Paris")
    result = await run(work, Refuse(CallerError("no")), sites.forward)
    assert (result.reply, str(result.error), sites.visited) == (None, "no", [])


# ---- here or there


async def test_or_moves_on_when_the_first_site_refuses_the_connection(sites: Sites) -> None:
    sites["Corte"].vanishes()
    sites["Lyon"].has("Debian")
    result = await ask(sites, "{glance: Corte|Lyon}", LIST)
    assert (reply(result).status, reply(result).site) == (200, "Lyon")
    assert sites.visited == ["Corte", "Lyon"]


async def test_or_is_lazy(sites: Sites) -> None:
    sites["Corte"].has("Debian")
    await ask(sites, "{glance: Corte|Lyon|Nice}", LIST)
    assert sites.visited == ["Corte"]


async def test_or_is_lazy_at_every_level(sites: Sites) -> None:
    sites["Paris"].has("a")
    sites["Corte"].has("b")
    await ask(sites, "{glance: Paris&(Corte|(Lyon&(Nice|Paris)))}", LIST)
    assert sites.visited == ["Paris", "Corte"]


async def test_an_empty_filtered_list_moves_on_and_tells_both_sites(sites: Sites) -> None:
    sites["Corte"].has()
    sites["Lyon"].has("Debian")
    result = await ask(sites, "{glance: Corte|Lyon}", NAMED)
    assert (reply(result).site, [one.site for one in result.asked]) == ("Lyon", ["Corte", "Lyon"])


async def test_every_status_is_an_answer_when_all_fell_through(sites: Sites) -> None:
    sites["Corte"].answers(404)
    sites["Lyon"].answers(403, {"forbidden": {}})
    assert reply(await ask(sites, "{glance: Corte|Lyon}", ONE)).status == 403


async def test_a_uuid_is_not_404_while_a_site_was_not_asked(sites: Sites) -> None:
    sites["Corte"].vanishes()
    sites["Lyon"].answers(404)
    failure = error(await ask(sites, "{glance: Corte|Lyon}", ONE))
    assert (failure.status, "Corte: connection refused" in str(failure)) == (503, True)


async def test_a_site_believed_down_is_tried_last(sites: Sites) -> None:
    sites.down = {"Corte"}
    sites["Corte"].has("Debian")
    sites["Lyon"].answers(404)
    assert reply(await ask(sites, "{glance: Corte|Lyon}", ONE)).site == "Corte"
    assert sites.visited == ["Lyon", "Corte"]


async def test_a_site_believed_down_is_not_tried_when_another_answers(sites: Sites) -> None:
    sites.down = {"Corte"}
    sites["Lyon"].has("Debian")
    await ask(sites, "{glance: Corte|Lyon}", LIST)
    assert sites.visited == ["Lyon"]


@pytest.mark.parametrize("status", [408, 500, 502, 504])
async def test_a_create_is_never_repeated_after_a_server_error(sites: Sites, status: int) -> None:
    sites["Corte"].answers(status)
    failure = error(await ask(sites, "{glance: Corte|Lyon}", CREATE))
    assert (failure.status, "may have happened" in str(failure)) == (504, True)
    assert sites.visited == ["Corte"]


async def test_a_create_is_never_repeated_after_a_timeout(sites: Sites) -> None:
    sites["Corte"].times_out()
    failure = error(await ask(sites, "{glance: Corte|Lyon}", CREATE))
    assert (failure.status, "may have happened" in str(failure), sites.visited) == (504, True, ["Corte"])


async def test_a_refused_create_stops_with_the_sites_own_answer(sites: Sites) -> None:
    sites["Corte"].answers(409, {"conflict": {}})
    assert reply(await ask(sites, "{glance: Corte|Lyon}", CREATE)).status == 409
    assert sites.visited == ["Corte"]


async def test_an_error_that_breaks_off_in_the_middle_is_no_answer(sites: Sites) -> None:
    sites["Corte"].streams(404, Tape(b"{", lost=True))
    sites["Lyon"].has("Debian")
    assert reply(await ask(sites, "{glance: Corte|Lyon}", LIST)).site == "Lyon"


async def test_what_the_first_good_site_streams_is_not_held(sites: Sites) -> None:
    tape = Tape(b"data")
    sites["Corte"].answers(404)
    sites["Lyon"].streams(200, tape)
    assert reply(await ask(sites, "{glance: Corte|Lyon}", ONE)).rest is tape
    assert not tape.closed


# ---- nobody is asked twice


async def test_a_site_in_two_alternatives_is_asked_once(sites: Sites) -> None:
    sites["Paris"].created()
    sites["Corte"].answers(404)
    sites["Lyon"].created()
    result = await ask(sites, "{glance: Paris&Corte | Paris&Lyon}", CREATE)
    assert (reply(result).status, result.replicas) == (201, {"Paris": "paris-1", "Lyon": "lyon-1"})
    assert sites.lines == ["Paris POST /v2/images", "Corte POST /v2/images", "Lyon POST /v2/images"]


async def test_a_site_named_twice_is_asked_once(sites: Sites) -> None:
    sites["Paris"].has("a")
    assert reply(await ask(sites, "{glance: Paris&Paris}", LIST)).status == 200
    assert sites.visited == ["Paris"]


async def test_and_binds_closer_than_or_and_the_written_order_holds(sites: Sites) -> None:
    sites["Lyon"].vanishes()
    sites["Corte"].has("c")
    sites["Paris"].has("p")
    assert names(await ask(sites, "{glance: Lyon|Corte&Paris}", LIST)) == [("c", "Corte"), ("p", "Paris")]
    assert sites.visited == ["Lyon", "Corte", "Paris"]


async def test_a_site_that_two_branches_chose_gives_its_items_once(sites: Sites) -> None:
    sites["Paris"].has("a")
    assert names(await ask(sites, "{glance: (Paris|Corte)&(Paris|Lyon)}", LIST)) == [("a", "Paris")]
    assert sites.visited == ["Paris"]


# ---- here and there: reads


async def test_a_list_is_gathered_from_all_sites(sites: Sites) -> None:
    sites["Paris"].has("a")
    sites["Corte"].has("b", "c")
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert names(result) == [("a", "Paris"), ("b", "Corte"), ("c", "Corte")]
    assert result.partial == ()


async def test_one_failing_site_does_not_fail_a_list_and_is_told(sites: Sites) -> None:
    sites["Paris"].has("a")
    sites["Corte"].vanishes()
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert (names(result), result.partial) == ([("a", "Paris")], ("Corte",))


async def test_strict_makes_a_partial_read_an_error(sites: Sites) -> None:
    sites["Paris"].has("a")
    sites["Corte"].vanishes()
    assert error(await ask(sites, "{glance: Paris&Corte}", LIST, STRICT)).status == 503


async def test_a_partial_read_is_done_and_under_strict_the_next_is_tried(sites: Sites) -> None:
    sites["Paris"].has("a")
    sites["Corte"].vanishes()
    sites["Lyon"].has("b")
    assert names(await ask(sites, "{glance: Paris&Corte | Lyon}", LIST)) == [("a", "Paris")]
    assert reply(await ask(sites, "{glance: Paris&Corte | Lyon}", LIST, STRICT)).site == "Lyon"


async def test_under_strict_half_a_list_is_no_answer_when_all_fell_through(sites: Sites) -> None:
    # The list of Paris alone was given, with nothing to tell that it was half of what had been asked for.
    sites["Paris"].has("a")
    sites["Corte"].answers(500)
    sites["Lyon"].answers(404)
    result = await ask(sites, "{glance: Paris&Corte | Lyon}", LIST, STRICT)
    assert reply(result).status == 500


async def test_one_resource_is_that_of_the_first_site_that_has_it(sites: Sites) -> None:
    sites["Paris"].answers(404)
    sites["Corte"].answers(200, {"id": U})
    assert reply(await ask(sites, "{glance: Paris&Corte}", ONE)).site == "Corte"


async def test_an_alternative_that_could_not_be_asked_is_told_from_within(sites: Sites) -> None:
    # The inner `|` ended with an empty list, and the list of all was given as whole.
    sites["Paris"].has("Debian")
    sites["Corte"].vanishes()
    sites["Lyon"].has()
    result = await ask(sites, "{glance: Paris&(Corte|Lyon)}", NAMED)
    assert (names(result), result.partial) == ([("Debian", "Paris")], ("Corte",))


async def test_items_of_a_nested_and_keep_their_own_site(sites: Sites) -> None:
    sites["Paris"].has("a")
    sites["Corte"].vanishes()
    sites["Lyon"].has("b")
    sites["Nice"].has("c")
    result = await ask(sites, "{glance: Paris&(Corte|(Lyon&Nice))}", LIST)
    assert names(result) == [("a", "Paris"), ("b", "Lyon"), ("c", "Nice")]
    assert result.partial == ()


async def test_a_refusal_to_merge_is_told_as_such(sites: Sites) -> None:
    for name in ("Paris", "Corte"):
        sites[name].answers(200, {"one": [], "two": []})
    assert isinstance((await ask(sites, "{glance: Paris&Corte}", "GET /v2/tasks")).error, NotYet)


async def test_discovery_is_not_refused_under_strict(sites: Sites) -> None:
    sites["Paris"].answers(300, {"versions": [{"id": "v2.9"}]})
    sites["Corte"].vanishes()
    result = await ask(sites, "{glance: Paris&Corte}", "GET /", STRICT)
    assert (reply(result).status, result.partial) == (300, ("Corte",))


# ---- pages


async def test_a_list_is_read_to_its_last_page_at_each_site(sites: Sites) -> None:
    sites["Paris"].has("a", next="/v2/images?marker=a").has("b", next="/v2/images?marker=b").has("c")
    sites["Corte"].has("d")
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert names(result) == [("a", "Paris"), ("b", "Paris"), ("c", "Paris"), ("d", "Corte")]
    assert [line for line in sites.lines if "marker" in line] == [
        "Paris GET /v2/images?marker=a",
        "Paris GET /v2/images?marker=b",
    ]


async def test_every_page_is_asked_for_under_the_scope_of_its_site(sites: Sites) -> None:
    sites["Paris"].has("a", next="/v2/images?marker=a").has("b")
    sites["Corte"].has()
    await ask(sites, "{glance: Paris&Corte}", LIST)
    assert {str(call.scope) for call in sites.calls if call.site == "Paris"} == {"{image: Paris}"}


async def test_what_one_alternative_gives_is_not_paged_through(sites: Sites) -> None:
    sites["Paris"].has("a", next="/v2/images?marker=a")
    result = await ask(sites, "{glance: Paris|(Corte&Lyon)}", LIST)
    assert (reply(result), sites.visited) == (sites["Paris"].script[0], ["Paris"])


async def test_a_list_that_never_ends_is_cut_off_and_told(sites: Sites) -> None:
    for _ in range(3):
        sites["Paris"].has("a", next="/v2/images?marker=a").has("b", next="/v2/images?marker=b")
    sites["Corte"].has("b")
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert (names(result), result.partial) == ([("b", "Corte")], ("Paris",))


async def test_a_list_whose_page_leads_back_to_itself_is_missing(sites: Sites) -> None:
    sites["Paris"].has("a", next="/v2/images")
    sites["Corte"].has("b")
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert (names(result), result.partial) == ([("b", "Corte")], ("Paris",))


BAD_LINK = Reply("Paris", 200, (), b'{"images": [], "next": "http://[bad"}')


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("page", [BAD_LINK, Reply("Paris", 200, (), b"no JSON")])
async def test_a_list_of_which_a_page_cannot_be_read_is_missing_as_a_whole(
    sites: Sites, page: Reply, before: int
) -> None:
    for _ in range(before):
        sites["Paris"].has("a", next="/v2/images?marker=a")
    sites["Paris"].says(page)
    sites["Corte"].has("b")
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert (names(result), result.partial) == ([("b", "Corte")], ("Paris",))


@pytest.mark.parametrize("last", [Reply("Paris", 500), Unreached("Paris", True, "reset")])
async def test_a_list_whose_later_page_fails_is_missing_as_a_whole(sites: Sites, last: Outcome) -> None:
    sites["Paris"].has("a", next="/v2/images?marker=a").says(last)
    sites["Corte"].has("b")
    assert (await ask(sites, "{glance: Paris&Corte}", LIST)).partial == ("Paris",)


async def test_an_answer_that_breaks_off_in_the_middle_is_missing(sites: Sites) -> None:
    tape = Tape(b'{"images": [', lost=True)
    sites["Paris"].streams(200, tape)
    sites["Corte"].has("b")
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert (names(result), result.partial, tape.closed) == ([("b", "Corte")], ("Paris",), True)


async def test_an_answer_over_the_limit_is_missing_and_let_go_of(sites: Sites) -> None:
    tape = Tape(b"x" * 600, b"x" * 600)
    sites["Paris"].streams(200, tape)
    sites["Corte"].has("b")
    result = await ask(sites, "{glance: Paris&Corte}", LIST, limit=1000)
    assert (result.partial, tape.closed) == (("Paris",), True)
    assert "over 1000 bytes" in str(result.asked[0])


async def test_the_downloads_that_lost_are_closed(sites: Sites) -> None:
    first, second = Tape(b"data"), Tape(b"data")
    sites["Paris"].streams(200, first)
    sites["Corte"].streams(200, second)
    result = await ask(sites, "{glance: Paris&Corte}", f"GET /v2/images/{U}/file")
    assert (reply(result).rest, first.closed, second.closed) == (first, False, True)


# ---- here and there: writes


async def test_a_create_everywhere_gives_the_first_answer_and_every_id(sites: Sites) -> None:
    sites["Paris"].created()
    sites["Corte"].created()
    result = await ask(sites, "{glance: Paris&Corte}", CREATE)
    assert (reply(result).site, result.replicas) == ("Paris", {"Paris": "paris-1", "Corte": "corte-1"})


async def test_replicas_are_told_of_a_nested_and_as_well(sites: Sites) -> None:
    for name in ("Paris", "Lyon", "Nice"):
        sites[name].created()
    sites["Corte"].vanishes()
    result = await ask(sites, "{glance: Paris&(Corte|(Lyon&Nice))}", CREATE)
    assert result.replicas == {"Paris": "paris-1", "Lyon": "lyon-1", "Nice": "nice-1"}


async def test_a_create_that_failed_somewhere_is_undone_where_it_was_made_and_only_there(sites: Sites) -> None:
    sites["Paris"].created("a b").answers(204)
    sites["Corte"].answers(409, {"conflict": {"message": "exists"}})
    result = await ask(sites, "{glance: Paris&Corte}", CREATE)
    assert sites.lines == ["Paris POST /v2/images", "Corte POST /v2/images", "Paris DELETE /v2/images/a%20b"]
    assert (reply(result).status, "Paris: done 201 with id a b (undone)" in told(result)) == (409, True)
    assert "Corte: answered 409 (exists)" in told(result)
    assert sites.calls[-1].request.body == Held()


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Unreached("Paris", True, "timeout"), "not undone: timeout; paris-1 is left there"),
        (Reply("Paris", 409), "not undone: HTTP 409; paris-1 is left there"),
        (SiteFailure("the ledger does not work", 503), "not undone: the ledger does not work"),
    ],
)
async def test_an_undo_that_fails_is_told(sites: Sites, outcome: Any, words: str) -> None:
    sites["Paris"].created().script.append(outcome)
    sites["Corte"].answers(409)
    assert words in told(await ask(sites, "{glance: Paris&Corte}", CREATE))


async def test_a_create_whose_id_is_not_told_cannot_be_undone_and_that_is_told(sites: Sites) -> None:
    sites["Paris"].answers(201, {})
    sites["Corte"].answers(409)
    assert "does not tell which id" in told(await ask(sites, "{glance: Paris&Corte}", CREATE))
    assert sites.visited == ["Paris", "Corte"]


async def test_what_is_not_found_was_not_undone(sites: Sites) -> None:
    sites["Paris"].created().answers(404)
    sites["Corte"].answers(409)
    assert "(not undone: not found at /v2/images/paris-1)" in told(await ask(sites, "{glance: Paris&Corte}", CREATE))


async def test_what_may_have_been_there_before_is_not_deleted(sites: Sites) -> None:
    sites["Paris"].answers(200, {"id": "old"})
    sites["Corte"].answers(409)
    result = await ask(sites, "{glance: Paris&Corte}", CREATE)
    assert ("not undone: it may have been there before" in told(result), sites.visited) == (True, ["Paris", "Corte"])


@pytest.mark.parametrize(("sent", "status"), [(False, 502), (True, 504)])
async def test_a_create_that_did_not_reach_a_site_tells_whether_it_may_have_happened(
    sites: Sites, sent: bool, status: int
) -> None:
    sites["Paris"].created().answers(204)
    sites["Corte"].says(Unreached("Corte", sent, "lost"))
    assert reply(await ask(sites, "{glance: Paris&Corte}", CREATE)).status == status


async def test_an_undone_and_falls_through_to_the_next(sites: Sites) -> None:
    sites["Paris"].created().answers(204)
    sites["Corte"].vanishes()
    sites["Lyon"].created()
    result = await ask(sites, "{glance: Paris&Corte | Lyon}", CREATE)
    assert (reply(result).status, reply(result).site) == (201, "Lyon")
    assert sites.lines[2:] == ["Paris DELETE /v2/images/paris-1", "Lyon POST /v2/images"]


async def test_an_and_that_could_not_be_undone_stops(sites: Sites) -> None:
    sites["Paris"].created().answers(500)
    sites["Corte"].vanishes()
    result = await ask(sites, "{glance: Paris&Corte | Lyon}", CREATE)
    assert ("not undone" in told(result), "Lyon" in sites.visited) == (True, False)


async def test_what_was_undone_is_never_the_answer(sites: Sites) -> None:
    # `201 Created` was told of an image that had been deleted again.
    sites["Paris"].created().answers(204)
    sites["Corte"].answers(404)
    sites["Lyon"].answers(404)
    result = await ask(sites, "{glance: Paris&Corte | Lyon}", CREATE)
    assert (reply(result).status, "(undone)" in told(result)) == (404, True)


async def test_nothing_is_left_over_of_an_alternative_that_was_given_up(sites: Sites) -> None:
    sites["Paris"].created().answers(204)
    sites["Corte"].answers(404)
    sites["Lyon"].answers(404)
    result = await ask(sites, "{glance: Paris&Corte | Paris&Lyon}", CREATE)
    assert sites.lines.count("Paris DELETE /v2/images/paris-1") == 1
    assert "Paris: done 201 with id paris-1 (undone)" in told(result)


async def test_what_a_later_alternative_did_not_take_up_is_deleted_again(sites: Sites) -> None:
    sites["Paris"].created().answers(204)
    sites["Corte"].answers(404)
    sites["Lyon"].created()
    result = await ask(sites, "{glance: Paris&Corte | Lyon | Paris}", CREATE)
    assert (reply(result).site, result.partial) == ("Lyon", ())
    assert sites.lines[-1] == "Paris DELETE /v2/images/paris-1"


async def test_a_leftover_beside_a_success_is_told(sites: Sites) -> None:
    sites["Paris"].created().answers(500)
    sites["Corte"].answers(404)
    sites["Lyon"].created()
    result = await ask(sites, "{glance: Paris&Corte | Lyon | Paris}", CREATE)
    assert (reply(result).status, result.partial) == (201, ("Paris",))


async def test_what_a_neighbour_made_stays_when_a_nested_alternative_is_given_up(sites: Sites) -> None:
    # Paris was told as one of the replicas although the inner `&` had deleted it there.
    sites["Paris"].created().answers(204)
    sites["Corte"].answers(404)
    sites["Lyon"].created()
    result = await ask(sites, "{glance: (Paris&Corte | Lyon) & Paris}", CREATE)
    assert result.replicas == {"Lyon": "lyon-1", "Paris": "paris-1"}
    assert not any("DELETE" in line for line in sites.lines)


async def test_a_part_that_may_have_happened_stops_whatever_the_others_said(sites: Sites) -> None:
    # The 503 of Paris alone was looked at: Lyon was asked although Corte may have created it.
    sites["Paris"].answers(503)
    sites["Corte"].answers(500)
    result = await ask(sites, "{glance: Paris&Corte | Lyon}", CREATE)
    assert (reply(result).status, "Lyon" in sites.visited) == (504, False)


async def test_keep_keeps_and_tells_what_exists_where(sites: Sites) -> None:
    sites["Paris"].created()
    sites["Corte"].answers(409)
    result = await ask(sites, "{glance: Paris&Corte|Lyon}", CREATE, policy="keep")
    assert (reply(result).status, sites.visited) == (409, ["Paris", "Corte"])
    assert "Paris: done 201 with id paris-1; Corte: answered 409" in told(result)


@pytest.mark.parametrize("status", [401, 408, 429, 503])
async def test_what_is_kept_is_not_told_by_a_status_on_which_clients_repeat(sites: Sites, status: int) -> None:
    sites["Paris"].created()
    sites["Corte"].answers(status)
    assert reply(await ask(sites, "{glance: Paris&Corte}", CREATE, policy="keep")).status in (502, 504)


@pytest.mark.parametrize(("method", "status"), [("PATCH", 502), ("PUT", 502), ("DELETE", 401)])
async def test_a_half_done_write_is_not_repeated_unless_it_is_a_delete(sites: Sites, method: str, status: int) -> None:
    sites["Paris"].answers(200, {})
    sites["Corte"].answers(401)
    assert reply(await ask(sites, "{glance: Paris&Corte}", f"{method} /v2/images/{U}")).status == status


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_what_a_single_site_says_to_an_update_stands(sites: Sites, status: int) -> None:
    sites["Paris"].answers(status)
    assert reply(await ask(sites, "{glance: Paris}", f"PUT /v2/images/{U}")).status == status


async def test_once_all_is_undone_the_client_may_log_in_and_repeat(sites: Sites) -> None:
    sites["Paris"].created().answers(204)
    sites["Corte"].answers(401)
    assert reply(await ask(sites, "{glance: Paris&Corte}", CREATE)).status == 401


async def test_what_could_not_be_undone_is_not_repeated_either(sites: Sites) -> None:
    sites["Paris"].created().answers(500)
    sites["Corte"].answers(401)
    assert reply(await ask(sites, "{glance: Paris&Corte}", CREATE)).status == 502


async def test_other_writes_are_never_undone(sites: Sites) -> None:
    sites["Paris"].answers(204)
    sites["Corte"].answers(500)
    result = await ask(sites, "{glance: Paris&Corte | Lyon}", f"DELETE /v2/images/{U}")
    assert (reply(result).status, sites.visited) == (500, ["Paris", "Corte"])
    assert "Paris: done 204; Corte: answered 500" in told(result)


async def test_a_delete_is_done_where_the_thing_is_not(sites: Sites) -> None:
    sites["Paris"].answers(404)
    sites["Corte"].answers(204)
    assert reply(await ask(sites, "{glance: Paris&Corte}", f"DELETE /v2/images/{U}")).status == 204


# ---- what happens meanwhile


@given(st.permutations(NAMES[:3]))
def test_the_result_does_not_depend_on_who_answered_first(arrivals: list[str]) -> None:
    async def conversation() -> Result:
        sites = Sites()
        for name in NAMES[:3]:
            sites[name].has(name.lower()).gate = asyncio.Event()
        asking = asyncio.create_task(ask(sites, "{glance: Paris&Corte&Lyon}", LIST))
        for name in arrivals:
            gate = sites[name].gate
            assert gate is not None
            gate.set()
            for _ in range(5):
                await asyncio.sleep(0)
        return await asking

    result = asyncio.run(conversation())
    assert [site for _, site in names(result)] == ["Paris", "Corte", "Lyon"]
    assert [one.site for one in result.asked] == ["Paris", "Corte", "Lyon"]


async def test_what_fails_on_our_side_of_a_call_fails_for_that_site_alone(sites: Sites) -> None:
    sites["Paris"].fails(SiteFailure("the ledger does not work", 503))
    sites["Corte"].has("a")
    result = await ask(sites, "{glance: Paris&Corte}", LIST)
    assert (names(result), result.partial) == ([("a", "Corte")], ("Paris",))


async def test_an_exception_neither_hangs_the_others_nor_cuts_them_off(sites: Sites) -> None:
    sites["Paris"].fails(ZeroDivisionError())
    sites["Corte"].created().answers(204)
    sites["Corte"].gate = gate = asyncio.Event()
    asking = asyncio.create_task(ask(sites, "{glance: (Paris|Lyon)&Corte&(Lyon|Paris)}", CREATE))
    sites["Lyon"].answers(404)
    while len(sites.calls) < 3:
        await asyncio.sleep(0)
    gate.set()
    with pytest.raises(ZeroDivisionError):
        await asking
    assert sites.lines[-1] == "Corte DELETE /v2/images/corte-1"


async def test_a_refusal_in_forward_is_raised_as_itself(sites: Sites) -> None:
    sites["Paris"].fails(CallerError("too large"))
    sites["Corte"].has("a")
    with pytest.raises(CallerError, match="too large"):
        await ask(sites, "{glance: Paris&Corte}", LIST)


async def test_when_the_client_leaves_every_stream_is_closed(sites: Sites) -> None:
    waiting, held = Tape(b"{", stuck=True), Tape(b"data")
    sites["Paris"].streams(404, waiting)
    sites["Corte"].streams(200, held)
    asking = asyncio.create_task(ask(sites, "{glance: Corte&Paris}", f"GET /v2/images/{U}/file"))
    await waiting.read.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (waiting.closed, held.closed) == (True, True)


# ---- data


async def test_data_that_are_not_the_same_everywhere_are_an_error_that_names_the_sites(sites: Sites) -> None:
    for site, checksum in (("Paris", "a"), ("Corte", "b")):
        sites[site].answers(204).answers(200, {"checksum": checksum})
    result = await ask(sites, "{glance: Paris&Corte}", f"PUT /v2/images/{U}/file")
    assert isinstance(result.error, SiteFailure)
    assert result.error.status == 502
    assert str(result.error).endswith("the data are not the same: their md5s differ: Paris a, Corte b")


async def test_data_that_one_site_did_not_take_stay_at_the_other_and_the_answer_tells(sites: Sites) -> None:
    sites["Paris"].answers(204)
    sites["Corte"].answers(413, {"message": "over the quota"})
    result = await ask(sites, "{glance: Paris&Corte}", f"PUT /v2/images/{U}/file")
    assert result.reply is not None
    assert (result.reply.status, result.partial) == (413, ("Corte",))
    assert b"Paris: done 204; Corte: answered 413 (over the quota)" in result.reply.body
