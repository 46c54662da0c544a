"""What is made of the answers' headers."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from keystoneauth1.session import Session
from openstack.exceptions import SDKException
from scopeproxy.osc.results import Results, site_of, watch

from scopeproxy.model.messages import Outcome, Reply
from scopeproxy.planning.divergence import Divergence
from scopeproxy.planning.marks import partial_header, sites_header


def answer(body: Any = None, content_type: str = "application/json", **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = 200
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response.headers.update({"Content-Type": content_type})
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def test_a_partial_result_is_told_once_for_each_set_of_sites(caplog: pytest.LogCaptureFixture) -> None:
    results = Results()
    for partial in ("Corte, Marseille", "Marseille, Corte", "Corte", ""):
        results(answer(X_Scope_Partial=partial))
    assert [record.getMessage() for record in caplog.records] == [
        "scope: the result is partial: nothing came from Corte, Marseille",
        "scope: the result is partial: nothing came from Corte",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_a_missing_site_is_told_with_what_it_said(caplog: pytest.LogCaptureFixture) -> None:
    Results()(answer(X_Scope_Partial="Corte, Lyon", X_Scope_Sites="Paris=200, Corte=unreached, Lyon=503"))
    assert caplog.messages == ["scope: the result is partial: nothing came from Corte (unreached), Lyon (HTTP 503)"]


def test_a_site_where_the_login_does_not_hold_is_told_with_how_to_learn_why(caplog: pytest.LogCaptureFixture) -> None:
    Results()(answer(X_Scope_Partial="Corte", X_Scope_Sites="Paris=200, Corte=401"))
    why = "Corte (HTTP 401: no login there; a call to it alone tells why)"
    assert caplog.messages == [f"scope: the result is partial: nothing came from {why}"]


def test_a_site_whose_answer_was_of_no_use_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    Results()(answer(X_Scope_Partial="Corte", X_Scope_Sites="Paris=200, Corte=200"))
    why = "Corte (HTTP 200, and no part of such an answer)"
    assert caplog.messages == [f"scope: the result is partial: nothing came from {why}"]


def test_what_sites_get_later_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    results = Results()
    for _ in range(2):
        results(answer(X_Scope_Sites="Paris=201, Corte=queued"))
    many = ", ".join(f"S{number}=queued" for number in range(9))
    results(answer(X_Scope_Sites=f"Paris=201, {many}"))
    assert caplog.messages == [
        "scope: not done yet, and queued for when they are back: Corte",
        "scope: not done yet, and queued for when they are back: S0, S1, S2, S3, S4, S5, S6, S7 and 1 more",
    ]


def test_replicas_that_differ_are_told_once_with_the_fields(caplog: pytest.LogCaptureFixture) -> None:
    """The proxy's own words."""
    replies: list[Outcome] = [Reply(site, 200) for site in ("Paris", "New York", "Corte")]
    several = Divergence(("name", "os:x", *(f"p{number}" for number in range(8))), 3)
    header = sites_header(replies, {"New York": Divergence(("min_ram",)), "Corte": several})
    results = Results()
    for _ in range(2):
        results(answer({"images": [{"id": "i1"}]}, X_Scope_Sites=header))
    assert caplog.messages == [
        "scope: replicas are not alike: those of New York (in min_ram), Corte (3 of them, in name, os:x, p0, p1, p2, "
        "p3, p4, p5, 2 more) differ from what is shown"
    ]
    results(answer({"images": [{"id": "i2"}]}, X_Scope_Partial="Corte", X_Scope_Sites="Paris=200, Corte=503"))
    assert caplog.messages[-1] == "scope: the result is partial: nothing came from Corte (HTTP 503)"


@pytest.mark.parametrize(("method", "told"), [("GET", True), ("PATCH", False), ("DELETE", False)])
def test_a_replica_that_is_gone_is_told_to_who_reads(method: str, told: bool, caplog: pytest.LogCaptureFixture) -> None:
    replicas = "Paris=i1, Corte=i2"
    shown = answer({"id": "i1"}, X_Scope_Sites="Paris=200, Corte=404, Lyon=404", X_Scope_Replicas=replicas)
    shown.request = requests.Request(method, "http://h/i1").prepare()
    Results()(shown)
    gone = "scope: replicas are not everywhere: not shown any more (HTTP 404) at Corte"
    assert caplog.messages == [gone] * told


def test_the_next_command_of_a_shell_is_warned_again(caplog: pytest.LogCaptureFixture) -> None:
    session = Session()
    results = watch(session)
    assert watch(session) is results
    results(answer(X_Scope_Partial="Corte"))
    session.session.close()  # as osc_lib does after each command
    results(answer(X_Scope_Partial="Corte"))
    assert len(caplog.records) == 2
    assert session.session.hooks["response"] == [results]


def test_of_many_missing_sites_some_are_told_and_the_others_counted(caplog: pytest.LogCaptureFixture) -> None:
    names = [f"S{n}" for n in range(1, 21)]
    Results()(answer(X_Scope_Partial=", ".join(names), X_Scope_Sites="Paris=200, S1=503"))
    assert caplog.messages == [
        "scope: the result is partial: nothing came from S1 (HTTP 503), S2, S3, S4, S5, S6, S7, S8 and 12 more"
    ]


def test_a_header_that_was_cut_short_tells_how_many_are_missing(caplog: pytest.LogCaptureFixture) -> None:
    """As a thousand sites are told within 4 KiB; the proxy's own words."""
    names = [f"site-{n:04}" for n in range(1000)]
    partial = partial_header(names)
    assert len(partial) <= 4096
    Results()(answer(X_Scope_Partial=partial, X_Scope_Sites=f"1000 x unreached, {names[0]}=unreached, ..."))
    assert caplog.messages == [
        "scope: the result is partial: nothing came from site-0000 (unreached), site-0001, site-0002, site-0003, "
        "site-0004, site-0005, site-0006, site-0007 and 992 more"
    ]


class _Resource:
    """As openstacksdk's, which drop what they do not know."""

    resources_key = "servers"
    resource_key = "server"

    def __init__(self, session: Session | None, **more: Any) -> None:
        self._connection = session and SimpleNamespace(session=session)
        self.__dict__.update(more)


def test_programs_find_the_site_of_a_resource() -> None:
    session = Session()
    assert site_of(_Resource(session, id="s1")) is None  # no scope yet
    results = watch(session)
    results(answer({"servers": [{"id": "s1", "scope_site": "Paris"}, {"id": "s2"}, 7]}, X_Scope_Sites="P=200, C=200"))
    results(answer({"server": {"id": "s3"}}, X_Scope_Sites="Paris=404, Corte=200"))
    found = [site_of(_Resource(session, id=id_)) for id_ in ("s1", "s2", "s3", "s4")]
    assert found == ["Paris", None, "Corte", None]
    assert site_of(_Resource(None, id="s1")) is None


@pytest.mark.parametrize(
    "resource",
    [
        {"id": "s1", "scope_site": "Paris"},
        _Resource(None, scope_site="Paris"),
        _Resource(None, properties={"scope_site": "Paris"}),
    ],
)
def test_a_site_that_a_resource_has_kept_is_told(resource: Any) -> None:
    assert site_of(resource) == "Paris"


def test_what_else_may_be_asked_has_no_site() -> None:
    assert [site_of(one) for one in ({}, None, "s1", 7)] == [None] * 4


def test_what_is_not_ours_is_left_unread() -> None:
    """A download must not be pulled into memory by looking at it."""

    class Unread(requests.Response):
        @property
        def content(self) -> bytes:
            raise AssertionError("the body was read")

    results = Results()
    results.keep_answers()
    for headers in ({"Content-Type": "application/json"}, {"X-Scope-Sites": "Paris=200", "Content-Type": "image/raw"}):
        response = Unread()
        response.status_code = 200
        response.request = requests.Request("GET", "http://h/x").prepare()
        response.headers.update(headers)
        results(response)
    streamed = Unread()
    streamed.headers.update({"X-Scope-Sites": "Paris=200", "Content-Type": "application/json"})
    results(streamed, stream=True)
    assert list(results.documents()) == []


def test_what_holds_nothing_is_passed_over() -> None:
    results = Results()
    for body in (b"not json", [1, 2], {"servers": 7}):
        results(answer(body, X_Scope_Sites="Paris=200"))
    assert site_of(_Resource(None, id="7")) is None


def test_a_program_keeps_no_answers_and_a_command_does_until_it_is_done() -> None:
    asked = answer({"servers": []}, X_Scope_Sites="Paris=200, Corte=200")
    asked.url = "http://h/servers"
    asked.request = requests.Request("GET", asked.url, headers={"X-Scope": "{*: all(*)}"}).prepare()
    results = Results()
    results(asked)
    assert (list(results.documents()), results.has_merged) == ([], False)
    results.keep_answers()
    results(asked)
    assert (list(results.documents()), results.has_merged, results.is_last_merged) == (
        [("http://h/servers", {"servers": []})],
        True,
        True,
    )
    results.keep_answers()  # again, as for another scope
    assert results.has_merged
    results.close()
    assert (list(results.documents()), results.has_merged, results.is_last_merged) == ([], False, False)


def refusal(message: str, token: str | None = None, status: int = 400, method: str = "GET") -> requests.Response:
    response = answer({"error": {"message": message, "code": status}})
    response.status_code = status
    headers = {"X-Auth-Token": token} if token else {}
    response.request = requests.Request(method, "http://h/v3", headers=headers).prepare()
    return response


def test_a_scope_that_is_refused_before_the_login_stops_the_command_there() -> None:
    with pytest.raises(SDKException, match=r"^scope: unknown site 'Pari'$"):
        Results()(refusal("scope: unknown site 'Pari'"))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_site_that_is_not_there_to_tell_its_versions_stops_the_command_there(status: int) -> None:
    """The command said "The image service for envvars:Paris exists but does not have any supported versions"."""
    with pytest.raises(SDKException, match=r"^scope: Corte: its certificate is not trusted$"):
        Results()(refusal("scope: Corte: its certificate is not trusted", status=status))


def test_what_a_service_itself_refuses_and_what_is_refused_later_is_the_sessions_matter() -> None:
    Results()(refusal("no such thing"))
    Results()(refusal("scope: nothing to do with it", token="t"))
    Results()(refusal("scope: no login at Corte", status=502, method="POST"))
    Results()(refusal("scopeproxy: Paris: the connection was refused", status=502))


def test_its_prefix_serves_nothing() -> None:
    session = Session()
    watch(session)
    with pytest.raises(requests.RequestException, match="nothing is served"):
        session.session.get("scopeproxy://x")
