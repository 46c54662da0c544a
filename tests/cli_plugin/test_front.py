"""Asking the proxy in front of a cloud's keystone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from osc_lib import exceptions
from scopeproxy.osc.front import Front, root_of


@pytest.mark.parametrize(
    ("auth_url", "root"),
    [
        ("http://h:5000/v3", "http://h:5000"),
        ("http://h:5000/", "http://h:5000"),
        ("http://h/identity/v3/", "http://h/identity"),
        ("https://h/identity", "https://h/identity"),
        ("http://[::1]:5000/v2.0", "http://[::1]:5000"),
    ],
)
def test_the_root_is_auth_url_without_the_version(auth_url: str, root: str) -> None:
    assert root_of(auth_url) == root


def test_without_an_auth_url_there_is_nobody_to_ask() -> None:
    with pytest.raises(exceptions.CommandError, match="no auth_url"):
        root_of(None)


@dataclass
class Answer:
    status_code: int
    body: Any

    def json(self) -> Any:
        if isinstance(self.body, str):
            raise ValueError("not JSON")
        return self.body


@dataclass
class Session:
    answer: Answer
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    auth_url: str = "http://h:5000/v3"

    @property
    def auth(self) -> "Session":
        return self

    def get(self, url: str, params: Mapping[str, str], **rest: Any) -> Answer:
        self.asked.append((url, params))
        return self.answer


def test_what_is_not_known_is_not_asked() -> None:
    session = Session(Answer(200, {"plan": "here"}))
    assert Front(session).explain("{compute: Paris}") == {"plan": "here"}
    Front(session).explain("{}", "GET", "http://h/x")
    explain = "http://h:5000/.well-known/scopeproxy/explain"
    assert session.asked == [
        (explain, {"scope": "{compute: Paris}"}),
        (explain, {"scope": "{}", "method": "GET", "url": "http://h/x"}),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, "<html>"),
        Answer(404, {"error": {"code": 404, "message": "Not Found"}}),  # keystone's own
        Answer(300, {"versions": []}),
        Answer(200, "hello"),
        Answer(200, ["hello"]),
        Answer(200, {"hello": "world"}),
    ],
)
def test_something_else_is_answering(answer: Answer) -> None:
    with pytest.raises(exceptions.CommandError, match=r"^there is no scopeproxy at http://h:5000: does auth_url"):
        Front(Session(answer)).sites()


def test_what_the_proxy_refuses_is_told() -> None:
    answer = Answer(400, {"error": {"code": 400, "message": "scope: there is no site 'Pari'"}})
    with pytest.raises(exceptions.CommandError, match=r"^http://h:5000 answered 400: scope: there is no site 'Pari'$"):
        Front(Session(answer)).explain("{compute: Pari}")
