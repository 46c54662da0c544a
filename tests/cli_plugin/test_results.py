"""What is made of the answers' headers."""

import json
import logging
from typing import Any

import pytest
import requests
from keystoneauth1.session import Session
from openstack.exceptions import SDKException
from scopeproxy.osc.results import Results, watch


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


def test_the_next_command_of_a_shell_is_warned_again(caplog: pytest.LogCaptureFixture) -> None:
    session = Session()
    results = watch(session)
    assert watch(session) is results
    results(answer(X_Scope_Partial="Corte"))
    session.session.close()  # as osc_lib does after each command
    results(answer(X_Scope_Partial="Corte"))
    assert len(caplog.records) == 2
    assert session.session.hooks["response"] == [results]


def test_the_site_of_each_item_is_noted() -> None:
    results = Results()
    results(answer({"servers": [{"id": "s1", "scope_site": "Paris"}, {"id": "s2"}, 7]}, X_Scope_Sites="Paris=200"))
    results(answer({"image": {"id": "i1", "scope_site": "Corte"}}, X_Scope_Sites="Corte=200"))
    assert results.site_of == {"s1": "Paris", "i1": "Corte"}
    assert results.sites == "Corte=200"


def test_what_is_not_ours_is_left_unread() -> None:
    """A download must not be pulled into memory by looking at it."""

    class Unread(requests.Response):
        @property
        def content(self) -> bytes:
            raise AssertionError("the body was read")

    results = Results()
    for headers in ({"Content-Type": "application/json"}, {"X-Scope-Sites": "Paris=200", "Content-Type": "image/raw"}):
        response = Unread()
        response.headers.update(headers)
        results(response)
    results(answer(b"not json", X_Scope_Sites="Paris=200"))
    results(answer([1, 2], X_Scope_Sites="Paris=200"))
    assert results.site_of == {}


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
