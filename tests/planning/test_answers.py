"""How a merge ends when sites are missing, or when none has what was asked for."""

from __future__ import annotations

import pytest

from scopeproxy.errors import SiteFailure
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.planning.answers import Answers, complete, nothing, with_document
from scopeproxy.planning.intent import classify

U = "11111111-2222-3333-4444-555555555555"
DOWN = Unreached("Corte", False, "connection refused")


def answers(target: str, *outcomes: Outcome, strict: bool = False) -> Answers:
    request = Request("image", "GET", target)
    return Answers(request, classify(request), outcomes, strict)


def test_what_is_missing_is_told_and_under_strict_it_is_no_answer() -> None:
    reply = Reply("Paris", 200)
    assert complete(answers("/v2/images", reply, DOWN), reply, {"Corte": "refused"}).partial == ("Corte",)
    with pytest.raises(SiteFailure, match="Corte: refused") as failure:
        complete(answers("/v2/images", reply, DOWN, strict=True), reply, {"Corte": "refused"})
    assert failure.value.status == 503
    with pytest.raises(SiteFailure) as failure:
        complete(answers("/v2/images", reply, Reply("Corte", 500), strict=True), reply, {"Corte": "HTTP 500"})
    assert failure.value.status == 502


def test_never_a_bare_404_while_a_site_could_not_be_asked() -> None:
    absent = Reply("Paris", 404)
    assert nothing(answers("/v2/images/Debian", absent, DOWN), {}).partial == ("Corte",)
    with pytest.raises(SiteFailure) as failure:
        nothing(answers(f"/v2/images/{U}", absent, DOWN), {})
    assert failure.value.status == 503
    assert nothing(answers(f"/v2/images/{U}", absent, Reply("Corte", 403)), {}).reply.status == 403


def test_a_body_of_ours_is_told_of_by_no_header_of_the_sites() -> None:
    reply = Reply("Paris", 200, (("ETag", "x"), ("Content-Length", "9"), ("X-Kept", "y")), b"old")
    made = with_document(reply, {"a": 1})
    assert made.headers == (("X-Kept", "y"), ("Content-Length", "7"))
    assert made.json == {"a": 1}
